/** What `check` looks at in the sections that a config may leave out: the secret key and what it seals, public media, double puppets. */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Store } from "@trestle/core";
import type { SharedConfig } from "./config-shape.ts";
import { isLoopback, parseHostPort } from "./config-values.ts";
import { exitCodes } from "./exit-codes.ts";
import { probeHomeserver } from "./homeserver-probe.ts";
import { loadPuppetRegistration } from "./puppet-registration.ts";
import { loadRegistration } from "./registration-file.ts";
import { readKeys } from "./secret-key.ts";

export interface Finding {
  readonly ok: boolean;
  readonly says: string;
  readonly mend?: string;
  readonly code?: number;
}

/** Throws `config-invalid` for a file that is there and wrong. */
export function checkKey({ secrets }: SharedConfig): Finding {
  const keys = readKeys(secrets);
  if (secrets.key !== undefined) return { ok: true, says: `secrets: ${several(keys?.length ?? 0, "key")} given` };
  const { keyFile } = secrets;
  if (keys !== undefined) return { ok: true, says: `secrets: ${keyFile} holds ${several(keys.length, "key")}` };
  try {
    accessSync(dirname(keyFile), constants.W_OK);
  } catch {
    return {
      ok: false,
      says: `secrets: ${keyFile} is not there, and this user may not write it`,
      mend: "Let secrets.keyFile name a place where the bridge may write, or give TRESTLE_SECRETS_KEY.",
      code: exitCodes.configInvalid,
    };
  }
  return { ok: true, says: `secrets: ${keyFile} is made at the first start` };
}

/** Whether every sealed row opens. Rejects with what the first that does not says. */
export async function checkSealed({ secrets }: Store): Promise<number> {
  const names = await secrets.list("");
  for (const name of names) await secrets.get(name);
  return names.length;
}

/** Whether people elsewhere can open what the section gives out. Undefined without the section. */
export function checkMediaUrl({ media, homeserver }: SharedConfig): Finding | undefined {
  if (media === undefined) return undefined;
  const { hostname, protocol } = new URL(media.url);
  const says = `media.url: ${media.url}`;
  if (isLoopback(hostname)) {
    if (isLoopback(new URL(homeserver.url).hostname) && homeserver.name.startsWith("localhost"))
      return { ok: true, says };
    return {
      ok: false,
      says: `${says} leads to this machine only: nobody elsewhere can open the files`,
      mend: "Give the address under which everybody reaches media.listen, through your web server.",
      code: exitCodes.configInvalid,
    };
  }
  const hints = [
    ...(protocol === "http:" ? ["without https anybody on the way can read the files"] : []),
    ...(isLoopback(parseHostPort(media.listen)?.host ?? "") ? [`your web server must lead it to ${media.listen}`] : []),
  ];
  return { ok: true, says: hints.length === 0 ? says : `${says} (${hints.join("; ")})` };
}

/** Whether the double-puppet registration is sound and the homeserver knows it. Undefined without the section. */
export async function checkPuppets(span: string, shared: SharedConfig): Promise<Finding | undefined> {
  const { double_puppet: puppets, homeserver } = shared;
  if (puppets === undefined) return undefined;
  const own = loadRegistration(span, shared);
  const registration = loadPuppetRegistration(puppets.registration, homeserver.name, own);
  const probe = await probeHomeserver({ homeserver, appservice: { bot: registration.sender_localpart } }, registration);
  if (probe.kind === "accepted")
    return { ok: true, says: `double_puppet: the homeserver takes ${puppets.registration}` };
  if (probe.kind === "unreachable") return { ok: true, says: `double_puppet: ${puppets.registration} is sound` };
  return {
    ok: false,
    says: `double_puppet: the homeserver does not know ${puppets.registration} (${probe.why})`,
    mend: "Load it into the homeserver: `trestle register double-puppet` says how.",
    code: exitCodes.registration,
  };
}

const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
