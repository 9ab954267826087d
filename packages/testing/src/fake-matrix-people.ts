/** The people in the fake homeserver's rooms: what a test lets them do, each resolving once the bridge acknowledged it. */
import type { EventId, MatrixEvent, RoomId, UserId } from "@trestle/core";
import { eventId, userId } from "@trestle/core";
import type { FakeMatrix, FakeRoom, NewEvent, NewRoom } from "./fake-matrix.ts";

export interface SayAsOptions {
  readonly msgtype?: string;
  readonly replyTo?: string;
  readonly thread?: string;
  /** Further members of the event's content. */
  readonly content?: Readonly<Record<string, unknown>>;
  readonly atMs?: number;
}

export interface MatrixPeople {
  /** A room with the bot in it (unless `members` says otherwise) and its creator. */
  makeRoom(options?: NewRoom): RoomId;
  sayAs(user: string, room: RoomId, text: string, options?: SayAsOptions): Promise<EventId>;
  editAs(user: string, room: RoomId, target: string, text: string): Promise<EventId>;
  reactAs(user: string, room: RoomId, target: string, key: string): Promise<EventId>;
  redactAs(user: string, room: RoomId, target: string, reason?: string): Promise<EventId>;
  topicAs(user: string, room: RoomId, topic: string): Promise<EventId>;
  joinAs(user: string, room: RoomId, name?: string): Promise<EventId>;
  leaveAs(user: string, room: RoomId): Promise<EventId>;
  /** Kicks or bans `whom`. */
  removeAs(user: string, room: RoomId, whom: string, membership?: "leave" | "ban", reason?: string): Promise<EventId>;
  inviteBot(user: string, room: RoomId, direct?: boolean): Promise<EventId>;
  setEncrypted(user: string, room: RoomId): Promise<EventId>;
  /** Power levels as the creator would set them. */
  setPower(room: RoomId, content: Readonly<Record<string, unknown>>): Promise<EventId>;
  /** Any event at all, by anybody. */
  sendAs(user: string, room: RoomId, event: NewEvent): Promise<EventId>;
  /** Several as one transaction, exactly as given. */
  pushEvents(events: readonly MatrixEvent[]): Promise<void>;
  /** Text bodies in a room in order, with who said each: notices of the bot included. */
  bodiesIn(room: RoomId): { readonly sender: UserId; readonly body: string }[];
  /** Bodies of the bot's notices in a room. */
  noticesIn(room: RoomId): string[];
  eventsIn(room: RoomId, type?: string): MatrixEvent[];
}

export function createMatrixPeople(
  matrix: FakeMatrix,
  bot: UserId,
  push: (events: readonly MatrixEvent[]) => Promise<void>,
): MatrixPeople {
  const roomOf = (room: RoomId): FakeRoom => {
    const found = matrix.room(room);
    if (!found) throw new Error(`no such room: ${room}`);
    return found;
  };
  const sendAs: MatrixPeople["sendAs"] = async (user, room, event) => {
    const found = roomOf(room);
    const written = matrix.write(found, userId(user), event);
    await push([written]);
    return written.event_id;
  };
  const member = (by: string, room: RoomId, whom: string, content: Readonly<Record<string, unknown>>) =>
    sendAs(by, room, { type: "m.room.member", stateKey: whom, content });
  const bodiesIn: MatrixPeople["bodiesIn"] = (room) =>
    roomOf(room).events.flatMap((event) => {
      const body = event.content["body"];
      return event.type === "m.room.message" && typeof body === "string" ? [{ sender: event.sender, body }] : [];
    });

  return {
    sendAs,
    bodiesIn,
    pushEvents: push,
    makeRoom: (options = {}) => matrix.createRoom({ members: [bot], ...options }).id,
    sayAs: (user, room, text, options = {}) => {
      const content = { msgtype: options.msgtype ?? "m.text", body: text, ...relationOf(options), ...options.content };
      const at = options.atMs === undefined ? {} : { atMs: options.atMs };
      return sendAs(user, room, { type: "m.room.message", content, ...at });
    },
    editAs: (user, room, target, text) => {
      const relation = { rel_type: "m.replace", event_id: target };
      const replacement = { msgtype: "m.text", body: text };
      const content = { ...replacement, body: `* ${text}`, "m.new_content": replacement, "m.relates_to": relation };
      return sendAs(user, room, { type: "m.room.message", content });
    },
    reactAs: (user, room, target, key) => {
      const relation = { rel_type: "m.annotation", event_id: target, key };
      return sendAs(user, room, { type: "m.reaction", content: { "m.relates_to": relation } });
    },
    redactAs: (user, room, target, reason) =>
      sendAs(user, room, {
        type: "m.room.redaction",
        redacts: eventId(target),
        content: reason === undefined ? {} : { reason },
      }),
    topicAs: (user, room, topic) => sendAs(user, room, { type: "m.room.topic", stateKey: "", content: { topic } }),
    joinAs: (user, room, name) =>
      member(user, room, user, { membership: "join", ...(name === undefined ? {} : { displayname: name }) }),
    leaveAs: (user, room) => member(user, room, user, { membership: "leave" }),
    removeAs: (user, room, whom, membership = "leave", reason = "") =>
      member(user, room, whom, { membership, ...(reason === "" ? {} : { reason }) }),
    inviteBot: (user, room, direct = false) =>
      member(user, room, bot, { membership: "invite", ...(direct ? { is_direct: true } : {}) }),
    setEncrypted: (user, room) =>
      sendAs(user, room, {
        type: "m.room.encryption",
        stateKey: "",
        content: { algorithm: "m.megolm.v1.aes-sha2" },
      }),
    setPower: (room, content) =>
      sendAs(roomOf(room).creator, room, { type: "m.room.power_levels", stateKey: "", content }),
    noticesIn: (room) => bodiesIn(room).flatMap(({ sender, body }) => (sender === bot ? [body] : [])),
    eventsIn: (room, type) => roomOf(room).events.filter((event) => type === undefined || event.type === type),
  };
}

function relationOf(options: SayAsOptions): Readonly<Record<string, unknown>> {
  if (options.replyTo === undefined && options.thread === undefined) return {};
  const reply = options.replyTo === undefined ? {} : { "m.in_reply_to": { event_id: options.replyTo } };
  const thread = options.thread === undefined ? {} : { rel_type: "m.thread", event_id: options.thread };
  return { "m.relates_to": { ...reply, ...thread } };
}
