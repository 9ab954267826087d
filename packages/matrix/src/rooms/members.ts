/**
 * What we know of rooms and the people in them: display names, memberships, power. Fed by every event that passes, one state
 * request on a miss, bounded. Forgotten as a whole when the homeserver was away, since events may have been lost meanwhile.
 */
import type { MatrixEvent, RoomId, UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Client, JsonObject } from "../client.ts";
import { isAway, isStatus } from "../errors.ts";
import { creatorsAreInfinite, type Power, powerFrom, versionOf } from "./power.ts";

const membersMax = 20_000;
const roomsMax = 5_000;
const nameLengthMax = 256;

export interface Member {
  readonly membership: string;
  readonly name?: string;
}

/** A state event as a server lists it. */
export interface StateEntry {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly content: JsonObject;
  readonly event_id?: unknown;
}

export interface Members {
  member(room: RoomId, user: UserId): Promise<Member>;
  power(room: RoomId): Promise<Power>;
  /** Asks anew: for what must not be decided by something that was so a while ago. */
  powerNow(room: RoomId): Promise<Power>;
  /** Content of a state event as the bot sees it; undefined when there is none. */
  state(room: RoomId, type: string, key?: string): Promise<JsonObject | undefined>;
  /** Every current state event of the room, members too, unchecked but for being objects with a type and content. */
  allState(room: RoomId): Promise<readonly StateEntry[]>;
  /** Takes over what an event of anybody, us included, says. */
  feed(event: MatrixEvent): void;
  /** The next look at this one asks. */
  forget(room: RoomId, user: UserId): void;
  forgetAll(): void;
}

export function createMembers(client: Client, bot: UserId): Members {
  const members = boundedMap<string, Member>(membersMax);
  const powers = boundedMap<RoomId, Promise<Power>>(roomsMax);
  const nameOf = (room: string, user: string) => `${room}\n${user}`;

  const request = (room: RoomId, type: string, key: string, query?: string): Promise<JsonObject | undefined> =>
    client
      .call({
        method: "GET",
        path: `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/${encodeURIComponent(type)}/${encodeURIComponent(key)}`,
        as: bot,
        ...(query === undefined ? {} : { query }),
      })
      .catch((error: unknown) => {
        if (isStatus(error, 404)) return undefined;
        throw error;
      });

  /** Since room version 11 the creator stands only in the create event's sender, which not every server shows on request. */
  const creatorOf = async (room: RoomId, create: JsonObject | undefined): Promise<string | undefined> => {
    if (typeof create?.["creator"] === "string" && !creatorsAreInfinite(versionOf(create))) return create["creator"];
    const state = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state`;
    const whole = await client
      .call({ method: "GET", path: `${state}/m.room.create/`, query: "format=event", as: bot })
      .catch((error: unknown) => {
        if (isAway(error)) throw error;
        return undefined;
      });
    if (typeof whole?.["sender"] === "string") return whole["sender"];
    // A list, not an object: the one answer of this API that is.
    const all = await client.list({ method: "GET", path: state, as: bot });
    const found = all.find((entry) => (entry as { type?: unknown } | null)?.type === "m.room.create");
    const sender = (found as { sender?: unknown } | undefined)?.sender;
    return typeof sender === "string" ? sender : undefined;
  };

  const askPower = async (room: RoomId): Promise<Power> => {
    const [create, levels] = await Promise.all([
      request(room, "m.room.create", ""),
      request(room, "m.room.power_levels", ""),
    ]);
    const asks = levels === undefined || creatorsAreInfinite(versionOf(create));
    return powerFrom(create, asks ? await creatorOf(room, create) : undefined, levels);
  };

  return {
    async member(room, user) {
      const name = nameOf(room, user);
      const known = members.touch(name);
      if (known !== undefined) return known;
      const member = memberFrom(await request(room, "m.room.member", user));
      members.set(name, member);
      return member;
    },
    power(room) {
      let power = powers.touch(room);
      if (power === undefined) {
        power = askPower(room);
        powers.set(room, power);
        power.catch(() => powers.delete(room));
      }
      return power;
    },
    powerNow: askPower,
    state: (room, type, key = "") => request(room, type, key),
    async allState(room) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state`;
      return (await client.list({ method: "GET", path, as: bot })).filter(isStateEntry);
    },
    feed(event) {
      if (event.state_key === undefined) return;
      if (event.type === "m.room.member") {
        members.set(nameOf(event.room_id, event.state_key), memberFrom(event.content));
      } else if (event.type === "m.room.power_levels") {
        powers.delete(event.room_id);
      }
    },
    forget(room, user) {
      members.delete(nameOf(room, user));
    },
    forgetAll() {
      members.clear();
      powers.clear();
    },
  };
}

function isStateEntry(entry: unknown): entry is StateEntry {
  const { type, state_key: key, sender, content } = (entry ?? {}) as { readonly [K in keyof StateEntry]?: unknown };
  return (
    typeof type === "string" &&
    typeof key === "string" &&
    typeof sender === "string" &&
    typeof content === "object" &&
    content !== null &&
    !Array.isArray(content)
  );
}

function memberFrom(content: JsonObject | undefined): Member {
  const membership = typeof content?.["membership"] === "string" ? content["membership"] : "leave";
  const name = content?.["displayname"];
  if (typeof name !== "string" || name.trim() === "") return { membership };
  return { membership, name: name.length > nameLengthMax ? name.slice(0, nameLengthMax).toWellFormed() : name };
}
