/** The fake homeserver's rooms over time: upgrades, spaces, what they say of their bridges, members, marks on events. */
import {
  BridgeError,
  type BridgeInfo,
  type Homeserver,
  type MatrixEvent,
  type NetworkId,
  type RoomId,
  type RoomWanted,
  roomId,
  type Upgrade,
  type UserId,
  userId,
} from "@trestle/core";
import { controlMark } from "./fake-events.ts";
import { authorOfGhost, type FakeGhosts, ghostId } from "./fake-ghosts.ts";
import { type FakeMatrix, type FakeRoom, stateOf } from "./fake-matrix.ts";
import type { FaultyPath } from "./faults.ts";

type RoomLife = Pick<
  Homeserver,
  | "applyRoom"
  | "showReceipt"
  | "showStatus"
  | "applyMembers"
  | "applySpace"
  | "bridgesOf"
  | "announceBridge"
  | "followUpgrade"
>;

interface Parts {
  readonly matrix: FakeMatrix;
  readonly bot: UserId;
  readonly ghosts: FakeGhosts;
}

const bridgeType = "m.bridge";

export function createFakeRooms(parts: Parts, faults: FaultyPath): RoomLife {
  const { matrix, bot } = parts;
  const within = <T>(room: RoomId, work: (found: FakeRoom) => T) =>
    faults.around(room, () => work(roomOrRefuse(matrix, room)));
  return {
    applyRoom: (room, wanted, author) =>
      within(room, (found) => {
        const ghost = author === undefined ? undefined : ghostId(matrix.serverName, author);
        for (const [type, content] of statesOf(wanted)) {
          const now = stateOf(found, type)?.content;
          if (Object.entries(content).every(([key, value]) => (now?.[key] ?? "") === value)) continue;
          const sender = ghost !== undefined && mayPut(matrix, found, ghost) ? ghost : bot;
          if (!mayPut(matrix, found, sender))
            throw new BridgeError("homeserver-refused", `the bot may not set ${type}`);
          matrix.write(found, sender, { type, stateKey: "", content });
        }
      }),
    showReceipt: (room, event) =>
      within(room, () => void matrix.ephemeral.push({ room, user: bot, what: `read ${event}` })),
    showStatus: (room, event, status, key) =>
      within(room, (found) => {
        if (matrix.transactions.has(`status/${room}/${key}`)) return;
        const content = {
          "m.relates_to": { rel_type: "m.reference", event_id: event },
          network: status.network,
          status: statusWord[status.state === "failed" && status.retriable === true ? "retriable" : status.state],
          ...(status.reason === undefined ? {} : { message: status.reason }),
          [controlMark]: true,
        };
        const { event_id: id } = matrix.write(found, bot, { type: "com.beeper.message_send_status", content });
        matrix.transactions.set(`status/${room}/${key}`, id);
      }),
    applyMembers: (room, network, wanted) => within(room, (found) => applyMembers(parts, found, network, wanted)),
    applySpace: (key, wanted) => faults.around(key, () => applySpace(parts, key, wanted)),
    bridgesOf: (room) =>
      within(room, (found) =>
        [...found.state.values()].flatMap((event) => (event.type === bridgeType ? readInfo(event) : [])),
      ),
    announceBridge: (room, info, state) =>
      within(room, (found) => {
        const stateKey = `fake/${info.network}/${info.channel}`;
        const content = state === "gone" ? {} : { info };
        const now = stateOf(found, bridgeType, stateKey)?.content ?? {};
        if (!mayPut(matrix, found, bot) || JSON.stringify(now) === JSON.stringify(content)) return;
        matrix.write(found, bot, { type: bridgeType, stateKey, content });
      }),
    followUpgrade: (tombstone) => faults.around(tombstone.room_id, () => followUpgrade(parts, tombstone)),
  };
}

const statusWord = {
  pending: "PENDING",
  delivered: "SUCCESS",
  failed: "FAIL_PERMANENT",
  retriable: "FAIL_RETRIABLE",
} as const;

function roomOrRefuse(matrix: FakeMatrix, room: RoomId): FakeRoom {
  const found = matrix.room(room);
  if (!found) throw new BridgeError("homeserver-refused", `no such room: ${room}`);
  return found;
}

function mayPut(matrix: FakeMatrix, room: FakeRoom, user: UserId): boolean {
  const { level, stateDefault } = matrix.levels(room, user);
  return matrix.membership(room, user) === "join" && level >= stateDefault;
}

function statesOf({ topic, name, avatar }: RoomWanted): [string, Readonly<Record<string, string>>][] {
  const url = avatar?.source.startsWith("mxc://") ? avatar.source : `mxc://test/${avatar?.source}`;
  return [
    ...(topic === undefined ? [] : [["m.room.topic", { topic }] as [string, { topic: string }]]),
    ...(name === undefined ? [] : [["m.room.name", { name }] as [string, { name: string }]]),
    ...(avatar === undefined ? [] : [["m.room.avatar", { url }] as [string, { url: string }]]),
  ];
}

function applyMembers(
  { matrix, ghosts }: Parts,
  room: FakeRoom,
  network: NetworkId,
  wanted: Parameters<Homeserver["applyMembers"]>[2],
): void {
  const people = wanted.filter((one) => one.network === network && one.service !== true);
  const ids = new Set(people.map((one) => ghostId(matrix.serverName, one)));
  for (const event of [...room.state.values()]) {
    const user = userId(event.state_key ?? "");
    if (event.type !== "m.room.member" || authorOfGhost(matrix.serverName, user)?.network !== network) continue;
    if (!ids.has(user)) ghosts.leave(room, user);
  }
  for (const author of people) {
    const membership = matrix.membership(room, ghostId(matrix.serverName, author));
    if (membership !== "join" && membership !== "ban") ghosts.ensureIn(room, author);
  }
}

function applySpace(
  { matrix, bot }: Parts,
  key: string,
  wanted: { readonly name: string; readonly rooms: readonly RoomId[] },
): RoomId {
  const known = matrix.room(matrix.spaces.get(key) ?? roomId(""));
  const space = known ?? matrix.createRoom({ creator: bot, type: "m.space" });
  matrix.spaces.set(key, space.id);
  const put = (type: string, stateKey: string, content: Readonly<Record<string, unknown>>) => {
    const now = stateOf(space, type, stateKey)?.content ?? {};
    if (JSON.stringify(now) !== JSON.stringify(content)) matrix.write(space, bot, { type, stateKey, content });
  };
  put("m.room.name", "", { name: wanted.name });
  for (const [index, room] of wanted.rooms.entries())
    put("m.space.child", room, { via: [matrix.serverName], order: String(index).padStart(6, "0") });
  for (const event of [...space.state.values()])
    if (event.type === "m.space.child" && !wanted.rooms.some((room) => room === event.state_key))
      put("m.space.child", event.state_key ?? "", {});
  return space.id;
}

function readInfo({ content, sender }: MatrixEvent): BridgeInfo[] {
  const info = content["info"] as BridgeInfo | undefined;
  return info === undefined ? [] : [{ ...info, bot: info.bot ?? sender }];
}

function followUpgrade({ matrix, bot }: Parts, tombstone: MatrixEvent): Upgrade {
  const refused = (why: string): Upgrade => ({ kind: "refused", why });
  const old = roomOrRefuse(matrix, tombstone.room_id);
  const target = tombstone.content["replacement_room"];
  if (typeof target !== "string" || tombstone.state_key !== "" || target === old.id)
    return refused("it names no other room");
  const now = stateOf(old, "m.room.tombstone");
  if (now?.content["replacement_room"] !== target || !old.events.some((one) => one.event_id === tombstone.event_id))
    return refused("the room does not point there");
  const { level, stateDefault } = matrix.levels(old, now.sender);
  if (level < stateDefault) return refused(`${now.sender} has not the power to close it`);
  const next = matrix.room(roomId(target));
  if (next === undefined) return { kind: "not-yet", why: "there is no such room here" };
  const was = matrix.membership(next, bot);
  if (was !== "join" && was !== "invite" && next.inviteOnly) return { kind: "not-yet", why: "the bot is not invited" };
  const member = (membership: string) =>
    matrix.write(next, bot, { type: "m.room.member", stateKey: bot, content: { membership } });
  if (was !== "join") member("join");
  const create = stateOf(next, "m.room.create");
  const predecessor = create?.content["predecessor"] as { readonly room_id?: unknown; event_id?: unknown } | undefined;
  const last = predecessor?.event_id;
  const isOurs =
    predecessor?.room_id === old.id && (last === undefined || old.events.some((one) => one.event_id === last));
  if (create !== undefined && isOurs) return { kind: "followed", room: next.id, created: create.event_id };
  if (was !== "join") member("leave");
  return refused("the new room does not name this one as its predecessor");
}
