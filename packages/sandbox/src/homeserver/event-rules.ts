/**
 * Whether an event may enter a room: membership and power (https://spec.matrix.org/v1.15/rooms/v11/#authorization-rules).
 * Throws a MatrixFault when not; changes nothing.
 */
import type { JsonObject, StoredEvent } from "./event.ts";
import { isObject, textOf } from "./event.ts";
import { forbidden, MatrixFault } from "./fault.ts";
import { powerForType, powerNeeded, powerOfUser, refusePowerChange } from "./power.ts";
import { membershipOf, type Room, roomContent, stateEvent } from "./room.ts";

export function checkJoined(room: Room, user: string): void {
  if (membershipOf(room, user) !== "join") throw forbidden(`User ${user} not in room ${room.id}`);
}

/** A message or any state but membership. */
export function checkSend(room: Room, sender: string, type: string, content: JsonObject, stateKey?: string): void {
  checkJoined(room, sender);
  const level = powerOfUser(room, sender);
  const needed = powerForType(room, type, stateKey !== undefined);
  if (level < needed) {
    throw forbidden(
      `You don't have permission to post that to the room. user_level (${level}) < send_level (${needed})`,
    );
  }
  if (type === "m.room.create") throw forbidden("The room exists already");
  if (stateKey?.startsWith("@") && stateKey !== sender && type !== "m.room.member")
    throw forbidden("You are not allowed to set others state");
  if (type === "m.room.power_levels" && stateKey === "") {
    const refusal = refusePowerChange(room, sender, content);
    if (refusal !== undefined) throw forbidden(refusal);
  }
}

/** Who may redact: the author himself, or who has the power; both need the power to send `m.room.redaction`. */
export function checkRedact(room: Room, sender: string, target: StoredEvent): void {
  checkSend(room, sender, "m.room.redaction", {});
  if (target.type === "m.room.create") throw forbidden("Redacting create events is not permitted");
  if (target.sender !== sender && powerOfUser(room, sender) < powerNeeded(room, "redact"))
    throw forbidden("You don't have permission to redact events");
}

export type Change = "join" | "invite" | "leave" | "ban" | "knock";

/** Status and errcode. */
export type Refusal = readonly [status: number, errcode: string];

/**
 * A membership event by `sender` about `target`; `banned`: how joining in spite of a ban is refused; `isIn`: whether somebody
 * is in another room, for rooms that let its people in.
 */
export function checkMembership(
  room: Room,
  sender: string,
  target: string,
  change: Change,
  { banned, isIn }: { readonly banned: Refusal; readonly isIn: (room: string, user: string) => boolean },
): void {
  switch (change) {
    case "join":
      checkJoin(room, sender, target, banned, isIn);
      break;
    case "invite":
      checkInvite(room, sender, target);
      break;
    case "leave":
      if (sender === target) checkOwnLeave(room, sender);
      else checkKick(room, sender, target);
      break;
    case "ban":
      checkJoined(room, sender);
      checkPowerOver(room, sender, target, "ban");
      break;
    case "knock":
      if (textOf(roomContent(room, "m.room.join_rules")?.["join_rule"]) !== "knock")
        throw forbidden("You don't have permission to knock");
      break;
    default:
      throw new MatrixFault(400, "M_BAD_JSON", `Unknown membership ${String(change)}`);
  }
}

function checkJoin(
  room: Room,
  sender: string,
  target: string,
  banned: Refusal,
  isIn: (room: string, user: string) => boolean,
): void {
  if (sender !== target) throw forbidden("Cannot force another user to join.");
  const membership = membershipOf(room, target);
  if (membership === "ban") throw new MatrixFault(...banned, "You are banned from this room");
  if (membership === "join" || membership === "invite") return;
  if (room.members.size === 0 && stateEvent(room, "m.room.create")?.sender === target) return;
  const rules = roomContent(room, "m.room.join_rules");
  const rule = textOf(rules?.["join_rule"]) ?? "invite";
  if (rule.includes("restricted") && Array.isArray(rules?.["allow"])) {
    const allowed = rules["allow"].filter(isObject).filter(({ type }) => type === "m.room_membership");
    if (allowed.some(({ room_id: id }) => typeof id === "string" && isIn(id, target))) return;
  }
  if (rule !== "public") throw forbidden("You are not invited to this room.");
}

function checkInvite(room: Room, sender: string, target: string): void {
  if (membershipOf(room, sender) !== "join") throw forbidden(`${sender} not in room ${room.id}.`);
  const membership = membershipOf(room, target);
  if (membership === "ban") throw forbidden(`${target} is banned from the room`);
  if (membership === "join") throw forbidden(`${target} is already in the room.`);
  if (powerOfUser(room, sender) < powerNeeded(room, "invite"))
    throw forbidden("You don't have permission to invite users");
}

function checkOwnLeave(room: Room, user: string): void {
  const membership = membershipOf(room, user);
  if (membership === "leave" || membership === "ban") throw forbidden(`User ${user} not in room ${room.id}`);
}

function checkKick(room: Room, sender: string, target: string): void {
  checkJoined(room, sender);
  const membership = membershipOf(room, target);
  if (membership === "leave") throw forbidden("The target user is not in the room");
  checkPowerOver(room, sender, target, membership === "ban" ? "ban" : "kick");
}

function checkPowerOver(room: Room, sender: string, target: string, what: "kick" | "ban"): void {
  const level = powerOfUser(room, sender);
  if (level < powerNeeded(room, what) || level <= powerOfUser(room, target))
    throw forbidden(`You cannot ${what} user ${target}.`);
}
