/**
 * Questions to a homeserver over the wire, with what each server answers: how a probe is made and what it works with. It
 * holds for the sandbox and for real servers alike.
 */
import type { SandboxRegistration } from "../appservices.ts";
import type { SandboxPerson } from "../person.ts";
import type { ProfileName } from "../profile.ts";

export interface WireSetting {
  readonly url: string;
  readonly serverName: string;
  readonly registration: SandboxRegistration;
  person(name: string): Promise<SandboxPerson>;
}

export interface WireProbe {
  readonly name: string;
  readonly run: (wire: Wire) => Promise<unknown>;
  readonly synapse: unknown;
  /** Absent: as Synapse. `unknown`: nobody has measured it. */
  readonly conduit?: unknown;
  readonly dendrite?: unknown;
  /** Absent: as Conduit. */
  readonly conduwuit?: unknown;
  readonly continuwuity?: unknown;
  readonly tuwunel?: unknown;
}

/** What this server answers; `unknown` where nobody has measured it. */
export function expectedOf(probe: WireProbe, profile: ProfileName): unknown {
  if (profile in probe) return probe[profile];
  return profile === "dendrite" || probe.conduit === undefined ? probe.synapse : probe.conduit;
}

/** What a probe works with: fresh names, and calls that come back as `403 M_FORBIDDEN` or `200`. */
export interface Wire extends WireSetting {
  readonly alice: SandboxPerson;
  /** A registered ghost. */
  ghost(name: string): Promise<string>;
  /** A room of alice's with these members joined. */
  room(wanted?: Record<string, unknown>, members?: readonly string[]): Promise<string>;
  /** As a user of the appservice; no `user`: with the bare token. */
  as(user: string | undefined, method: string, path: string, body?: unknown): Promise<WireAnswer>;
  /** With a person's token, or none. */
  by(token: string | undefined, method: string, path: string, body?: unknown): Promise<WireAnswer>;
}

export interface WireAnswer {
  readonly is: string;
  readonly body: Record<string, unknown>;
}

export const enc = encodeURIComponent;
let counter = 0;
export const fresh = (name: string): string => `${name}${Date.now().toString(36)}${(counter++).toString(36)}`;
export const text = (body: string) => ({ msgtype: "m.text", body });
export const sendPath = (room: string, txn = fresh("t"), type = "m.room.message"): string =>
  `/v3/rooms/${enc(room)}/send/${type}/${txn}`;

/** The probes' registration; namespaces of users and aliases. */
export function probeRegistration(serverName: string, url: string | null): SandboxRegistration {
  const server = serverName.replaceAll(".", "\\.");
  return {
    id: "probe",
    url,
    as_token: "probe-as-token-0123456789",
    hs_token: "probe-hs-token-0123456789",
    sender_localpart: "probebot",
    rate_limited: false,
    receive_ephemeral: true,
    namespaces: {
      users: [
        { exclusive: true, regex: `^@_probe_.*:${server}$` },
        { exclusive: true, regex: `^@probebot:${server}$` },
      ],
      aliases: [{ exclusive: true, regex: `^#_probe_.*:${server}$` }],
      rooms: [],
    },
  };
}

export function openWire(setting: WireSetting, alice: SandboxPerson): Wire {
  const { registration, serverName, url } = setting;
  const by: Wire["by"] = async (token, method, path, body) => {
    const response = await fetch(`${url}/_matrix/client${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    const code = response.ok ? "" : ` ${String(answer["errcode"])}`;
    return { is: `${response.status}${code}`, body: answer };
  };
  const as: Wire["as"] = (user, method, path, body) => {
    const place = user === undefined ? path : `${path}${path.includes("?") ? "&" : "?"}user_id=${enc(user)}`;
    return by(registration.as_token, method, place, body);
  };
  return {
    ...setting,
    alice,
    by,
    as,
    ghost: async (name) => {
      const localpart = fresh(`_probe_${name}`);
      await as(undefined, "POST", "/v3/register", { type: "m.login.application_service", username: localpart });
      return `@${localpart}:${serverName}`;
    },
    room: async (wanted = {}, members = []) => {
      const room = await alice.createRoom({ room_version: "11", preset: "public_chat", ...wanted });
      for (const member of members) await as(member, "POST", `/v3/join/${enc(room)}`, {});
      return room;
    },
  };
}

export const registerGhost = (wire: Wire, username: string, extra: Record<string, unknown> = {}) =>
  wire.as(undefined, "POST", "/v3/register", { type: "m.login.application_service", username, ...extra });
