/**
 * Replacing a room by one of another version: the new room names the old one as its predecessor, the old one points to the new
 * one and is closed. https://spec.matrix.org/v1.16/client-server-api/#room-upgrades
 */
import type { Database } from "./database.ts";
import { isObject, type JsonObject, textOf } from "./event.ts";
import { checkSend } from "./event-rules.ts";
import { MatrixFault } from "./fault.ts";
import type { Members } from "./membership.ts";
import { powerForType, powerOfUser } from "./power.ts";
import type { Profile } from "./profile.ts";
import { membershipOf, type Room, roomContent } from "./room.ts";
import { isRoomVersion, type RoomCreation } from "./room-creation.ts";
import type { Timeline } from "./timeline.ts";

interface UpgradeParts {
  readonly profile: Profile;
  readonly database: Database;
  readonly creation: RoomCreation;
  readonly timeline: Timeline;
  readonly members: Members;
}

const taken = [
  "m.room.join_rules",
  "m.room.name",
  "m.room.topic",
  "m.room.history_visibility",
  "m.room.guest_access",
  "m.room.avatar",
  "m.room.encryption",
  "m.room.server_acl",
];

/** The new room's id. */
export function upgradeRoom(parts: UpgradeParts, old: Room, user: string, body: JsonObject): string {
  const { profile, database, creation, timeline, members } = parts;
  const version = textOf(body["new_version"]);
  if (version === undefined) throw new MatrixFault(400, "M_MISSING_PARAM", "Missing required parameter new_version");
  if (!isRoomVersion(version))
    throw new MatrixFault(400, "M_UNSUPPORTED_ROOM_VERSION", "Your homeserver does not support this room version");
  checkSend(old, user, "m.room.tombstone", {}, "");
  const more = Array.isArray(body["additional_creators"]) ? { additional_creators: body["additional_creators"] } : {};
  const wanted = {
    room_version: version,
    creation_content: { ...typeOf(old), ...more },
    initial_state: taken.flatMap((type) => {
      const content = roomContent(old, type);
      return content === undefined ? [] : [{ type, content, state_key: "" }];
    }),
    power_level_content_override: levelsFor(old, user, version),
  };
  const room = creation.create(user, wanted, (id) => {
    const content = { body: "This room has been replaced", replacement_room: id };
    const tombstone = timeline.add(old, { sender: user, type: "m.room.tombstone", stateKey: "", content });
    // Version 12 names the room alone.
    const last = version === "12" || !profile.upgradeNamesEvent ? {} : { event_id: tombstone.event_id };
    return { predecessor: { room_id: old.id, ...last } };
  });
  for (const target of old.members.keys())
    if (membershipOf(old, target) === "ban") members.change(room, user, target, "ban");
  for (const [alias, entry] of database.aliases)
    if (entry.room === old.id) database.setAlias(alias, { ...entry, room: room.id });
  closeRoom(timeline, old, user);
  return room.id;
}

/** A space stays one. */
function typeOf(old: Room): JsonObject {
  const type = textOf(roomContent(old, "m.room.create")?.["type"]);
  return type === undefined ? {} : { type };
}

/** Creators stand in the levels below version 12, and must not from there on. */
function levelsFor(old: Room, user: string, version: string): JsonObject {
  const levels = roomContent(old, "m.room.power_levels") ?? {};
  const { [user]: own, ...others } = isObject(levels["users"]) ? levels["users"] : {};
  return { ...levels, users: version === "12" ? others : { ...others, [user]: own ?? 100 } };
}

/** Who has no power speaks and invites no more. */
function closeRoom(timeline: Timeline, old: Room, user: string): void {
  const levels = roomContent(old, "m.room.power_levels");
  if (levels === undefined || powerOfUser(old, user) < powerForType(old, "m.room.power_levels", true)) return;
  const byDefault = typeof levels["users_default"] === "number" ? levels["users_default"] : 0;
  const closed = Math.max(byDefault + 1, 50);
  const atLeast = (level: unknown) => Math.max(typeof level === "number" ? level : 0, closed);
  const content = { ...levels, invite: atLeast(levels["invite"]), events_default: atLeast(levels["events_default"]) };
  timeline.add(old, { sender: user, type: "m.room.power_levels", stateKey: "", content });
}
