/**
 * Spaces of ours: private rooms whose children are linked rooms, in a given order. Desired against what the space says now, so
 * that a space which is right costs one request and no event.
 */
import type { Homeserver, KeyValueStore, RoomId, UserId } from "@trestle/core";
import { roomId } from "@trestle/core";
import type { Client, JsonObject } from "../client.ts";
import { isStatus } from "../errors.ts";
import type { Members, StateEntry } from "./members.ts";
import type { RoomState } from "./room-state.ts";
import { ordersFor } from "./space-order.ts";

export interface SpacesOptions {
  readonly client: Client;
  readonly members: Members;
  readonly state: RoomState;
  readonly kv: KeyValueStore;
  readonly bot: UserId;
  readonly serverName: string;
  /** A private room of type `m.space`. */
  readonly createSpace: (name: string, creation: JsonObject) => Promise<RoomId>;
}

/** In the creation of a space: which one it is, should we end between making it and remembering it. */
const markField = "dev.trestle.space";
const making = "making";
const rowOf = (key: string) => `matrix/space/${key}`;

export function createSpaces(options: SpacesOptions): Pick<Homeserver, "applySpace"> {
  const { members, state, kv, serverName } = options;
  const chains = new Map<string, Promise<unknown>>();

  async function ensure(key: string, name: string): Promise<{ space: RoomId; entries: readonly StateEntry[] }> {
    const known = await kv.get(rowOf(key));
    const space = known === making ? await findMade(options, key) : known === undefined ? undefined : roomId(known);
    const entries = space === undefined ? undefined : await stateOf(options, space);
    if (space !== undefined && entries !== undefined) {
      if (known === making) await kv.put(rowOf(key), space);
      return { space, entries };
    }
    await kv.put(rowOf(key), making);
    const made = await options.createSpace(name, { type: "m.space", [markField]: key });
    await kv.put(rowOf(key), made);
    return { space: made, entries: await members.allState(made) };
  }

  async function apply(key: string, wanted: { name: string; rooms: readonly RoomId[] }): Promise<RoomId> {
    const { space, entries } = await ensure(key, wanted.name);
    const name = wanted.name.toWellFormed();
    if (entries.find(({ type }) => type === "m.room.name")?.content["name"] !== name)
      await state.put({ room: space, type: "m.room.name" }, { name });
    const children = new Map(
      entries
        .filter(({ type, content }) => type === "m.space.child" && Array.isArray(content["via"]))
        .map((entry) => [entry.state_key, entry.content]),
    );
    const rooms = [...new Set(wanted.rooms)].filter((room) => room !== space);
    const orders = ordersFor(rooms.map((room) => children.get(room)?.["order"]));
    for (const [index, room] of rooms.entries()) {
      const child = { via: [serverName], order: orders[index] };
      const now = children.get(room);
      if (now?.["order"] === child.order) continue;
      // The parent first: a child that stands there has been told.
      if (now === undefined) await tellParent(options, room, space, { via: [serverName] });
      await state.put({ room: space, type: "m.space.child", key: room }, child);
    }
    for (const room of children.keys()) {
      if (rooms.includes(room as RoomId)) continue;
      await tellParent(options, room as RoomId, space, {});
      await state.put({ room: space, type: "m.space.child", key: room }, {});
    }
    return space;
  }

  return {
    applySpace(key, wanted) {
      const next = (chains.get(key) ?? Promise.resolve()).then(
        () => apply(key, wanted),
        () => apply(key, wanted),
      );
      chains.set(key, next);
      const end = () => chains.get(key) === next && chains.delete(key);
      next.then(end, end);
      return next;
    },
  };
}

/** Undefined: it is not ours any more, or gone. */
async function stateOf({ members, bot }: SpacesOptions, space: RoomId): Promise<readonly StateEntry[] | undefined> {
  try {
    const entries = await members.allState(space);
    const own = entries.find(({ type, state_key: key }) => type === "m.room.member" && key === bot);
    return own?.content["membership"] === "join" ? entries : undefined;
  } catch (error) {
    if (isStatus(error, 403) || isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** After an end between making a space and remembering it. */
async function findMade({ client, members, bot }: SpacesOptions, key: string): Promise<RoomId | undefined> {
  const answer = await client.call({ method: "GET", path: "/_matrix/client/v3/joined_rooms", as: bot });
  const rooms: unknown[] = Array.isArray(answer["joined_rooms"]) ? answer["joined_rooms"] : [];
  for (const room of rooms) {
    if (typeof room !== "string") continue;
    const create = await members.state(roomId(room), "m.room.create");
    if (create?.["type"] === "m.space" && create[markField] === key) return roomId(room);
  }
  return undefined;
}

/** Rooms of people may not let us; the space shows them all the same. */
async function tellParent({ state }: SpacesOptions, room: RoomId, space: RoomId, content: JsonObject): Promise<void> {
  const at = { room, type: "m.space.parent", key: space };
  try {
    if (await state.mayPut(at)) await state.put(at, content);
  } catch (error) {
    if (!isStatus(error, 403) && !isStatus(error, 404)) throw error;
  }
}
