/** Whom the homeserver takes us for. */
import { type UserId, userId } from "@trestle/core";
import type { Client } from "../client.ts";
import { failureOf } from "../errors.ts";
import type { PuppetAccess } from "./access.ts";

/** Either a user, or how it was refused; an away homeserver rejects. */
export interface Who {
  readonly user?: UserId;
  readonly status?: number;
  readonly errcode?: string;
}

const timeoutMs = 10_000;

/** `as` undefined: as the registration's own user. */
export async function whoIs(client: Client, access: PuppetAccess, as: UserId | undefined): Promise<Who> {
  try {
    const path = "/_matrix/client/v3/account/whoami";
    const answer = await client.call({ ...access, method: "GET", path, as, timeoutMs });
    return { user: userId(String(answer["user_id"])) };
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined || failure.status === 0 || failure.status >= 500) throw error;
    const { status, errcode } = failure;
    return { status, ...(errcode === undefined ? {} : { errcode }) };
  }
}
