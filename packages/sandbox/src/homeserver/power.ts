/** Who may how much in a room: power levels with the creators of version 12. Pure. */
import { isObject, type JsonObject } from "./event.ts";
import { type Room, roomContent, stateEvent } from "./room.ts";

const levelOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

export function powerOfUser(room: Room, user: string): number {
  if (room.creators.has(user)) return Number.POSITIVE_INFINITY;
  const levels = roomContent(room, "m.room.power_levels");
  if (!levels) return stateEvent(room, "m.room.create")?.sender === user ? 100 : 0;
  const users = levels["users"];
  return (isObject(users) ? levelOf(users[user]) : undefined) ?? levelOf(levels["users_default"]) ?? 0;
}

const defaults = { ban: 50, kick: 50, redact: 50, invite: 0, events_default: 0, state_default: 50 } as const;

export function powerNeeded(room: Room, what: keyof typeof defaults): number {
  const levels = roomContent(room, "m.room.power_levels");
  if (!levels) return what === "state_default" ? 0 : defaults[what];
  return levelOf(levels[what]) ?? defaults[what];
}

export function powerForType(room: Room, type: string, isState: boolean): number {
  const events = roomContent(room, "m.room.power_levels")?.["events"];
  const own = isObject(events) ? levelOf(events[type]) : undefined;
  return own ?? powerNeeded(room, isState ? "state_default" : "events_default");
}

/**
 * Whether a new power levels event may be set by this user (https://spec.matrix.org/v1.15/rooms/v11/#authorization-rules,
 * rule 9; version 12: no creator in `users`). A sentence says why not.
 */
export function refusePowerChange(room: Room, user: string, wanted: JsonObject): string | undefined {
  const users = isObject(wanted["users"]) ? wanted["users"] : {};
  for (const id of Object.keys(users))
    if (room.creators.has(id)) return "Creators must not be named in the power levels of this room version";
  if (!levelsAreIntegers(wanted)) return "Power levels must be integers";
  const current = roomContent(room, "m.room.power_levels");
  if (!current) return undefined;
  const own = powerOfUser(room, user);
  const currentUsers = isObject(current["users"]) ? current["users"] : {};
  for (const id of new Set([...Object.keys(users), ...Object.keys(currentUsers)])) {
    const before = levelOf(currentUsers[id]);
    const after = levelOf(users[id]);
    if (before === after) continue;
    if ((after ?? 0) > own || (before !== undefined && id !== user && before >= own) || (before ?? 0) > own)
      return "You don't have permission to change the power level of this user";
  }
  for (const [before, after] of changedLevels(current, wanted))
    if ((before ?? 0) > own || (after ?? 0) > own)
      return "You don't have permission to change power levels above yours";
  return undefined;
}

function levelsAreIntegers(levels: JsonObject): boolean {
  const maps = ["users", "events", "notifications"].flatMap((key) => {
    const map = levels[key];
    return isObject(map) ? Object.values(map) : [];
  });
  const plain = [...Object.keys(defaults), "users_default"].flatMap((key) => (key in levels ? [levels[key]] : []));
  return [...maps, ...plain].every((level) => Number.isSafeInteger(level));
}

function* changedLevels(before: JsonObject, after: JsonObject): Generator<[number | undefined, number | undefined]> {
  for (const key of [...Object.keys(defaults), "users_default"])
    if (before[key] !== after[key]) yield [levelOf(before[key]), levelOf(after[key])];
  const left = isObject(before["events"]) ? before["events"] : {};
  const right = isObject(after["events"]) ? after["events"] : {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
    if (left[key] !== right[key]) yield [levelOf(left[key]), levelOf(right[key])];
}
