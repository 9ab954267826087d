/** Who may do what in a room, from its create and power level events as they are: hostile, partial, of any room version. Pure. */
import type { JsonObject } from "../client.ts";

export interface Power {
  readonly users: ReadonlyMap<string, number>;
  readonly usersDefault: number;
  readonly stateDefault: number;
  readonly redact: number;
  readonly invite: number;
  readonly events: ReadonlyMap<string, number>;
  /** Their power has no end (room version 12 and later). */
  readonly creators: ReadonlySet<string>;
}

/** Room versions in which the creator stands above every number. */
export const creatorsAreInfinite = (version: unknown): boolean =>
  typeof version === "string" && /^\d{1,3}$/.test(version) && Number(version) >= 12;

export const versionOf = (create: JsonObject | undefined): string =>
  typeof create?.["room_version"] === "string" ? create["room_version"] : "1";

export function powerFrom(
  create: JsonObject | undefined,
  creator: string | undefined,
  levels: JsonObject | undefined,
): Power {
  const infinite = creatorsAreInfinite(versionOf(create));
  const creators = new Set<string>();
  if (infinite && creator !== undefined) {
    creators.add(creator);
    const more = create?.["additional_creators"];
    if (Array.isArray(more)) for (const one of more) if (typeof one === "string") creators.add(one);
  }
  const users = numbers(levels?.["users"]);
  // Without a power level event the creator has 100 and everybody may do everything.
  if (levels === undefined && creator !== undefined) users.set(creator, 100);
  return {
    users,
    usersDefault: number(levels?.["users_default"], 0),
    stateDefault: number(levels?.["state_default"], levels === undefined ? 0 : 50),
    redact: number(levels?.["redact"], 50),
    invite: number(levels?.["invite"], 0),
    events: numbers(levels?.["events"]),
    creators,
  };
}

export const levelOf = (power: Power, user: string): number =>
  power.creators.has(user) ? Number.POSITIVE_INFINITY : (power.users.get(user) ?? power.usersDefault);

/** The level that a state event of this type needs. */
export const neededFor = (power: Power, type: string): number => power.events.get(type) ?? power.stateDefault;

/** Old rooms may hold levels as text. */
function number(value: unknown, otherwise: number): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string" && /^\s*-?\d{1,15}\s*$/.test(value)) return Number(value);
  return otherwise;
}

function numbers(value: unknown): Map<string, number> {
  const map = new Map<string, number>();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return map;
  for (const [key, entry] of Object.entries(value)) {
    const level = number(entry, Number.NaN);
    if (!Number.isNaN(level)) map.set(key, level);
  }
  return map;
}
