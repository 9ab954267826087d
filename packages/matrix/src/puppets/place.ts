/** What a person can do in a room as himself: whether he is in it or gets in, and which of its events are his. */
import { type EventId, matrixNetwork, type RemoteAuthor, type RoomId, type UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Client, JsonObject } from "../client.ts";
import { isAway } from "../errors.ts";
import type { Members } from "../rooms/members.ts";
import { type PuppetAccess, puppetField, puppetMark } from "./access.ts";
import type { ActingPuppets } from "./puppets.ts";

export interface PuppetPlace {
  isIn(room: RoomId, user: UserId): Promise<boolean>;
  /** Whether he is in the room, or got in. */
  enter(room: RoomId, author: RemoteAuthor, user: UserId): Promise<boolean>;
  /** Who said this event; undefined when the bot cannot see it. */
  senderOf(room: RoomId, event: string): Promise<string | undefined>;
  /** He said it, as we know without asking. */
  said(user: UserId, event: EventId): void;
}

export interface PuppetPlaceOptions {
  readonly client: Client;
  readonly puppets: Pick<ActingPuppets, "has" | "act">;
  readonly members: Members;
  readonly bot: UserId;
  readonly span: string;
  readonly now: () => number;
}

/** Where somebody could not join, he does not try again with every line. */
const joinAgainMs = 60_000;

export function createPuppetPlace(options: PuppetPlaceOptions): PuppetPlace {
  const { client, puppets, members, bot } = options;
  const mark = puppetMark(options.span);
  const keptOut = boundedMap<string, number>(10_000);
  const saidBy = boundedMap<string, string>(10_000);

  const isIn = async (room: RoomId, user: UserId): Promise<boolean> =>
    (await members.member(room, user)).membership === "join";

  /** As a state event, because that can hold our mark: nobody takes it for his own coming. */
  async function join(room: RoomId, user: UserId, access: PuppetAccess): Promise<void> {
    const call = { method: "PUT", as: user, ...access } as const;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
    const profile = await client
      .call({ method: "GET", path: `/_matrix/client/v3/profile/${encodeURIComponent(user)}`, as: user, ...access })
      .catch((): JsonObject => ({}));
    const { displayname, avatar_url } = profile;
    const content = {
      membership: "join",
      ...(typeof displayname === "string" ? { displayname } : {}),
      ...(typeof avatar_url === "string" ? { avatar_url } : {}),
      [puppetField]: mark,
    };
    const state = `${path}/state/m.room.member/${encodeURIComponent(user)}`;
    await client.call({ ...call, path: state, body: JSON.stringify(content) });
  }

  async function enter(room: RoomId, author: RemoteAuthor, user: UserId): Promise<boolean> {
    if (await isIn(room, user)) return true;
    // Nobody is drawn into a room because it shares its chat with one that he is in.
    if (author.network === matrixNetwork) return false;
    const place = `${room}\n${user}`;
    if (options.now() < (keptOut.get(place) ?? 0)) return false;
    try {
      const joined = await puppets.act(user, (access) => join(room, user, access));
      if (joined === undefined) return false;
    } catch (error) {
      if (isAway(error)) throw error;
      keptOut.set(place, options.now() + joinAgainMs);
      return false;
    }
    members.forget(room, user);
    return isIn(room, user);
  }

  return {
    isIn,
    enter,
    said: (user, event) => saidBy.set(event, user),
    async senderOf(room: RoomId, event: string): Promise<string | undefined> {
      const known = saidBy.get(event);
      if (known !== undefined) return known;
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(event)}`;
      try {
        const { sender } = await client.call({ method: "GET", path, as: bot });
        if (typeof sender === "string") saidBy.set(event, sender);
        return typeof sender === "string" ? sender : undefined;
      } catch (error) {
        if (isAway(error)) throw error;
        return undefined;
      }
    },
  };
}
