/** Making a room: presets, power levels by room version, and how strict each server is about overrides. */
import type { Database } from "./database.ts";
import { isObject, type JsonObject, textOf } from "./event.ts";
import { MatrixFault } from "./fault.ts";
import type { Members } from "./membership.ts";
import type { Profile } from "./profile.ts";
import type { Room } from "./room.ts";
import type { Timeline } from "./timeline.ts";

export interface RoomCreation {
  /** `born` is told the room's id before anything is in it, and gives what more its creation says. */
  create(creator: string, wanted: JsonObject, born?: (room: string) => JsonObject): Room;
}

interface Preset {
  readonly joinRule: string;
  readonly guests: string;
  readonly invite: number;
  readonly inviteesEqual: boolean;
}

const presets: Readonly<Record<string, Preset>> = {
  private_chat: { joinRule: "invite", guests: "can_join", invite: 0, inviteesEqual: false },
  trusted_private_chat: { joinRule: "invite", guests: "can_join", invite: 0, inviteesEqual: true },
  public_chat: { joinRule: "public", guests: "forbidden", invite: 50, inviteesEqual: false },
};

export function createRoomCreation(parts: {
  readonly profile: Profile;
  readonly serverName: string;
  readonly database: Database;
  readonly timeline: Timeline;
  readonly members: Members;
}): RoomCreation {
  const { profile, serverName, database, timeline, members } = parts;
  return {
    create: (creator, wanted, born = () => ({})) => {
      const version = textOf(wanted["room_version"]) ?? profile.defaultRoomVersion;
      if (!isRoomVersion(version))
        throw new MatrixFault(400, "M_UNSUPPORTED_ROOM_VERSION", "This room version is not supported here");
      const presetName =
        textOf(wanted["preset"]) ?? (wanted["visibility"] === "public" ? "public_chat" : "private_chat");
      const preset = presets[presetName];
      if (!preset) throw new MatrixFault(400, "M_BAD_JSON", `'${presetName}' is not a valid preset`);
      const alias = freeAlias(database, serverName, textOf(wanted["room_alias_name"]));
      const invitees = Array.isArray(wanted["invite"]) ? wanted["invite"].filter((id) => typeof id === "string") : [];
      const creation = isObject(wanted["creation_content"]) ? wanted["creation_content"] : {};
      const creators = creatorsOf(creator, version, creation, preset.inviteesEqual ? invitees : []);
      const levels = powerLevels(profile, version, creators, invitees, preset, wanted["power_level_content_override"]);
      const room = timeline.addRoom(version, creators);
      const put = (type: string, content: JsonObject, stateKey = "") =>
        timeline.add(room, { sender: creator, type, stateKey, content });
      const others = creators.slice(1);
      put("m.room.create", {
        ...creation,
        ...born(room.id),
        room_version: version,
        ...(Number(version) < 11 ? { creator } : {}),
        ...(version === "12" && others.length > 0 ? { additional_creators: others } : {}),
      });
      members.change(room, creator, creator, "join");
      put("m.room.power_levels", levels);
      if (alias !== undefined) {
        database.setAlias(alias, { room: room.id, by: creator });
        put("m.room.canonical_alias", { alias });
      }
      const initial = initialState(wanted["initial_state"]);
      const set = new Set(initial.map(({ type }) => type));
      if (!set.has("m.room.join_rules")) put("m.room.join_rules", { join_rule: preset.joinRule });
      if (!set.has("m.room.history_visibility")) put("m.room.history_visibility", { history_visibility: "shared" });
      if (!set.has("m.room.guest_access") && preset.guests === "can_join")
        put("m.room.guest_access", { guest_access: "can_join" });
      for (const { type, content, stateKey } of initial) put(type, content, stateKey);
      const name = textOf(wanted["name"]);
      const topic = textOf(wanted["topic"]);
      if (name !== undefined) put("m.room.name", { name });
      if (topic !== undefined) put("m.room.topic", { topic });
      const direct = wanted["is_direct"] === true ? { is_direct: true } : {};
      for (const user of invitees) members.change(room, creator, user, "invite", direct);
      return room;
    },
  };
}

export const isRoomVersion = (version: string): boolean => /^(?:[1-9]|1[0-2])$/.test(version);

function creatorsOf(creator: string, version: string, creation: JsonObject, invitees: readonly string[]): string[] {
  if (version !== "12") return [creator];
  const named = Array.isArray(creation["additional_creators"]) ? creation["additional_creators"] : [];
  return [...new Set([creator, ...named.filter((id): id is string => typeof id === "string"), ...invitees])];
}

function powerLevels(
  profile: Profile,
  version: string,
  creators: readonly string[],
  invitees: readonly string[],
  preset: Preset,
  override: unknown,
): JsonObject {
  const [creator = ""] = creators;
  const equals = preset.inviteesEqual ? invitees.map((id) => [id, 100]) : [];
  const levels = {
    users: version === "12" ? {} : Object.fromEntries([[creator, 100], ...equals]),
    users_default: 0,
    events: {
      "m.room.name": 50,
      "m.room.power_levels": 100,
      "m.room.history_visibility": 100,
      "m.room.canonical_alias": 50,
      "m.room.avatar": 50,
      "m.room.tombstone": version === "12" ? 150 : 100,
      "m.room.server_acl": 100,
      "m.room.encryption": 100,
    },
    events_default: 0,
    state_default: 50,
    ban: 50,
    kick: 50,
    redact: 50,
    invite: preset.invite,
    historical: 100,
  };
  if (!isObject(override)) return levels;
  const users = override["users"];
  if (isObject(users) && version !== "12" && profile.creatorAddedToOverride)
    return { ...levels, ...override, users: { ...levels.users, ...users } };
  if (isObject(users)) {
    const unfit = version === "12" ? creators.some((id) => id in users) : !(creator in users);
    if (unfit) {
      const [status, errcode] = profile.badPowerOverride;
      const message =
        version === "12" ? "Creators must not be in the power levels" : `'users' did not contain ${creator}`;
      throw new MatrixFault(status, errcode, status === 400 ? message : "Event is not authorized");
    }
  }
  return { ...levels, ...override };
}

function freeAlias(database: Database, serverName: string, localpart: string | undefined): string | undefined {
  if (localpart === undefined) return undefined;
  const alias = `#${localpart}:${serverName}`;
  if (database.aliases.has(alias)) throw new MatrixFault(400, "M_ROOM_IN_USE", "Room alias already taken");
  return alias;
}

function initialState(given: unknown): { type: string; content: JsonObject; stateKey: string }[] {
  if (!Array.isArray(given)) return [];
  return given.flatMap((entry) => {
    if (!isObject(entry) || typeof entry["type"] !== "string" || !isObject(entry["content"])) return [];
    return [{ type: entry["type"], content: entry["content"], stateKey: textOf(entry["state_key"]) ?? "" }];
  });
}
