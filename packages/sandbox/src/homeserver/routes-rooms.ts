/** Rooms and who is in them: creating, joining, inviting, leaving, removing; aliases. */

import type { AppserviceClient } from "./appservice-client.ts";
import type { Appservices } from "./appservices.ts";
import type { Database } from "./database.ts";
import { type JsonObject, textOf } from "./event.ts";
import type { Change } from "./event-rules.ts";
import { forbidden, MatrixFault, notFound } from "./fault.ts";
import type { Members } from "./membership.ts";
import type { Profile } from "./profile.ts";
import type { RateLimit } from "./rate-limit.ts";
import { membershipOf, type Room } from "./room.ts";
import type { RoomCreation } from "./room-creation.ts";
import { upgradeRoom } from "./room-upgrade.ts";
import { type Call, param, type Register } from "./route.ts";
import { limited } from "./routes-account.ts";
import type { Timeline } from "./timeline.ts";

export interface RoomsParts {
  readonly profile: Profile;
  readonly serverName: string;
  readonly database: Database;
  readonly appservices: Appservices;
  readonly client: AppserviceClient;
  readonly creation: RoomCreation;
  readonly timeline: Timeline;
  readonly members: Members;
  readonly limit: RateLimit;
  readonly roomOf: (call: Call) => Room;
}

export function roomsRoutes(parts: RoomsParts, register: Register): void {
  const { database, creation, members, limit, profile, roomOf } = parts;
  register("POST", "/createRoom", (call) => {
    limited(limit, profile, call, "message");
    return { room_id: creation.create(call.who.user, call.body).id };
  });
  register("GET", "/joined_rooms", ({ who }) => {
    const rooms = [...(database.users.get(who.user)?.rooms ?? [])].map((id) => database.rooms.get(id));
    return {
      joined_rooms: rooms.flatMap((room) => (room && membershipOf(room, who.user) === "join" ? [room.id] : [])),
    };
  });
  const join = async (call: Call): Promise<JsonObject> => {
    const room = await findRoom(parts, param(call, 0));
    members.change(room, call.who.user, call.who.user, "join", reasonOf(call));
    return { room_id: room.id };
  };
  register("POST", "/join/:room", join);
  register("POST", "/rooms/:room/join", join);
  register("POST", "/knock/:room", async (call) => {
    if (!profile.knocking) throw new MatrixFault(404, "M_UNRECOGNIZED", "Unrecognized request");
    const room = await findRoom(parts, param(call, 0));
    members.change(room, call.who.user, call.who.user, "knock", reasonOf(call));
    return { room_id: room.id };
  });
  register("POST", "/rooms/:room/leave", (call) => {
    members.change(roomOf(call), call.who.user, call.who.user, "leave", reasonOf(call));
    return {};
  });
  register("POST", "/rooms/:room/forget", (call) => {
    if (membershipOf(roomOf(call), call.who.user) === "join")
      throw new MatrixFault(400, "M_UNKNOWN", `User ${call.who.user} is in the room`);
    return {};
  });
  const moderate = (path: string, change: Change, only?: string): void =>
    register("POST", `/rooms/:room/${path}`, (call) => {
      const target = textOf(call.body["user_id"]);
      if (target === undefined) throw new MatrixFault(400, "M_MISSING_PARAM", "Missing user_id key.");
      if (path === "invite") limited(limit, profile, call, "invite");
      const room = roomOf(call);
      if (only !== undefined && membershipOf(room, target) !== only) throw forbidden(`${target} is not banned`);
      members.change(room, call.who.user, target, change, reasonOf(call));
      return {};
    });
  moderate("invite", "invite");
  moderate("kick", "leave");
  moderate("ban", "ban");
  moderate("unban", "leave", "ban");
  register("POST", "/rooms/:room/upgrade", (call) => ({
    replacement_room: upgradeRoom(parts, roomOf(call), call.who.user, call.body),
  }));
  aliasRoutes(parts, register);
}

function aliasRoutes(parts: RoomsParts, register: Register): void {
  const { database, appservices, serverName } = parts;
  register(
    "GET",
    "/directory/room/:alias",
    async (call) => ({ room_id: (await findRoom(parts, param(call, 0))).id, servers: [serverName] }),
    { auth: "none" },
  );
  register("PUT", "/directory/room/:alias", (call) => {
    const alias = param(call, 0);
    const room = textOf(call.body["room_id"]);
    if (room === undefined || !database.rooms.has(room)) throw new MatrixFault(400, "M_UNKNOWN", "Room does not exist");
    if (!alias.endsWith(`:${serverName}`)) throw new MatrixFault(400, "M_INVALID_PARAM", "Room alias must be local");
    const owner = [...appservices.all.values()].find((service) => service.ownsAlias(alias));
    if (owner && (call.who.service !== owner || (!parts.profile.ghostsMakeAliases && call.who.user !== owner.botId)))
      throw new MatrixFault(400, "M_EXCLUSIVE", "This alias is reserved by an application service.");
    if (database.aliases.has(alias)) throw new MatrixFault(409, "M_UNKNOWN", `Room alias ${alias} already exists`);
    database.setAlias(alias, { room, by: call.who.user });
    return {};
  });
  register("DELETE", "/directory/room/:alias", (call) => {
    const alias = param(call, 0);
    const entry = database.aliases.get(alias);
    if (!entry) throw notFound("Room alias not found");
    if (entry.by !== call.who.user && !call.who.service)
      throw forbidden("You don't have permission to delete the alias.");
    database.setAlias(alias, undefined);
    return {};
  });
  register("GET", "/rooms/:room/aliases", (call) => {
    const room = parts.roomOf(call);
    return { aliases: [...database.aliases].flatMap(([alias, entry]) => (entry.room === room.id ? [alias] : [])) };
  });
}

/** A room by id or alias; an unknown alias in an appservice's namespace is asked of it. */
async function findRoom({ profile, database, appservices, client }: RoomsParts, name: string): Promise<Room> {
  if (!name.startsWith("#")) {
    const room = database.rooms.get(name);
    if (!room) throw notFound("Can't join remote room because no servers that are in the room have been provided.");
    return room;
  }
  const known = () => database.rooms.get(database.aliases.get(name)?.room ?? "");
  const room = known();
  if (room) return room;
  for (const service of appservices.all.values()) {
    if (!service.ownsAlias(name) || service.registration.url === null) continue;
    const answer = await client.call(service, "GET", `/_matrix/app/v1/rooms/${encodeURIComponent(name)}`);
    const made = known();
    if (made) return made;
    if (answer.kind !== "answer") throw new MatrixFault(...profile.aliasUnanswered, `Room alias ${name} not found.`);
    if (answer.status === 200)
      throw new MatrixFault(...profile.aliasLie, "Appservice lied to us. Room does not exist.");
  }
  throw notFound(`Room alias ${name} not found.`);
}

function reasonOf({ body }: Call): JsonObject {
  const reason = textOf(body["reason"]);
  return reason === undefined ? {} : { reason };
}
