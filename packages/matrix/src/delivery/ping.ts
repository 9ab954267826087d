/** Asks the homeserver to call us, and says in plain words why it could not: most of what goes wrong in an installation. */
import { BridgeError, type UserId } from "@trestle/core";
import { type Caps, tryFeature } from "../caps.ts";
import type { Client } from "../client.ts";
import { failureOf } from "../errors.ts";

/** Servers wait for our answer half a minute and more. */
const pingMs = 70_000;

const reasons: Readonly<Record<string, string>> = {
  M_BAD_STATUS: "the homeserver reaches us, but does not know our hs_token: it has another registration file than we",
  M_CONNECTION_FAILED: "the homeserver cannot reach us: see the registration's `url`, our listen address and firewalls",
  M_CONNECTION_TIMEOUT:
    "the homeserver cannot reach us in time: see the registration's `url`, our listen address and firewalls",
  M_URL_NOT_SET: "the homeserver's copy of the registration has no `url`",
  M_FORBIDDEN: "the homeserver knows our as_token under another registration id",
};

/** Resolves when the homeserver reached us or has no such endpoint; rejects with what to look at. */
export async function ping(client: Client, caps: Caps, id: string, bot: UserId): Promise<void> {
  const path = `/_matrix/client/v1/appservice/${encodeURIComponent(id)}/ping`;
  try {
    await tryFeature(caps, "ping", () => client.call({ method: "POST", path, as: bot, body: "{}", timeoutMs: pingMs }));
  } catch (error) {
    const reason = reasons[failureOf(error)?.errcode ?? ""];
    throw reason === undefined ? error : new BridgeError("homeserver-unreachable", reason, { cause: failureOf(error) });
  }
}
