/** Who may do what. Pure: the config's rules in, a level out. The most specific actor wins: user, then room, domain, `*`. */
import type { BridgeSettings, Level } from "./bridge.ts";
import type { NetworkId, RoomId, UserId } from "./ids.ts";

/** Rising: each level may do all that the ones before it may. */
export const levels: readonly Level[] = ["block", "relay", "user", "moderator", "admin"];

export const atLeast = (level: Level, wanted: Level): boolean => levels.indexOf(level) >= levels.indexOf(wanted);

export interface Asking {
  readonly user: UserId;
  readonly room?: RoomId;
  readonly network?: NetworkId;
}

/**
 * The level of a user here. A rule that names the network beats one of the same actor that does not. Without any matching
 * rule people are relayed: a bridge that says nothing to strangers is the surprise, not the rule.
 */
export function levelOf(rules: BridgeSettings["permissions"], asking: Asking): Level {
  let best: { rank: number; level: Level } | undefined;
  for (const rule of rules) {
    if (rule.network !== undefined && rule.network !== asking.network) continue;
    const actor = actorRank(rule.actor, asking);
    if (actor === 0) continue;
    const rank = actor * 2 + (rule.network === undefined ? 0 : 1);
    if (best === undefined || rank > best.rank) best = { rank, level: rule.level };
  }
  return best?.level ?? "relay";
}

/** 4 the user himself, 3 the room, 2 the user's domain, 1 everybody, 0 no match. */
function actorRank(actor: string, { user, room }: Asking): number {
  if (actor === "*") return 1;
  if (actor.startsWith("@")) return actor === user ? 4 : 0;
  if (actor.startsWith("!")) return actor === room ? 3 : 0;
  // A user id is `@localpart:domain`, and only the first colon separates: the domain may hold a port.
  return user.slice(user.indexOf(":") + 1) === actor ? 2 : 0;
}
