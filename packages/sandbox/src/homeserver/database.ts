/**
 * What survives a restart of the server: users, tokens, rooms, aliases, transaction ids (Conduit), the state of the
 * appservice queues. Kept in memory by the object, and by `ledger.ts` on disk when asked. It judges nothing.
 */
import type { JsonObject, StoredEvent } from "./event.ts";
import { appendEvent, findEvent, type Room } from "./room.ts";

export interface User {
  readonly id: string;
  readonly password?: string;
  readonly appservice?: string;
  displayName?: string;
  avatarUrl?: string;
  /** Rooms this user was ever in; the membership stands in the room. */
  readonly rooms: Set<string>;
  readonly accountData: Map<string, { readonly content: JsonObject; readonly stream: number }>;
}

export interface Token {
  readonly user: string;
  readonly device: string;
  readonly guest: boolean;
}

export interface PushState {
  nextTxn: number;
  /** Synapse: whether the appservice is thought to answer. */
  up: boolean;
  /** Synapse: transactions that are in its database and not completed. */
  readonly unsent: { readonly id: string; readonly events: readonly StoredEvent[] }[];
  /** All others: waiting events. */
  queued: StoredEvent[];
  /** Conduit and its descendants: those of the transaction under way, and tuwunel's EDUs. */
  active: StoredEvent[];
  queuedEdus: JsonObject[];
  activeEdus: JsonObject[];
  /** Dendrite: read, not acknowledged, and when they are given out again. */
  unacknowledged: { readonly events: readonly StoredEvent[]; readonly untilMs: number }[];
}

const freshPushState = (): PushState => ({
  nextTxn: 1,
  up: true,
  unsent: [],
  queued: [],
  active: [],
  queuedEdus: [],
  activeEdus: [],
  unacknowledged: [],
});

export interface Database {
  readonly users: Map<string, User>;
  readonly tokens: Map<string, Token>;
  readonly devices: Map<string, Set<string>>;
  readonly rooms: Map<string, Room>;
  readonly aliases: Map<string, { readonly room: string; readonly by: string }>;
  /** Conduit's (user, device, txn) and Synapse's (room, user, device, txn), with the event they made. */
  readonly txns: Map<string, string>;
  readonly pushes: Map<string, PushState>;
  readonly filters: JsonObject[];
  /** Synapse: events that no appservice handler has looked at yet. */
  readonly unhandled: StoredEvent[];
  readonly counts: { events: number; stream: number };
  addUser(user: { id: string; password?: string; appservice?: string; displayName?: string }): User;
  addToken(token: string, owner: Token): void;
  removeToken(token: string): void;
  setProfile(user: User, change: { displayName?: string; avatarUrl?: string }): void;
  setAccountData(user: User, key: string, content: JsonObject): void;
  setAlias(alias: string, entry: { room: string; by: string } | undefined): void;
  addRoom(room: Room): void;
  addEvent(room: Room, event: StoredEvent): void;
  setTxn(key: string, event: string): void;
  eventById(room: Room, id: string): StoredEvent | undefined;
  pushState(appservice: string): PushState;
}

/** Where each change is written down as it happens (ledger.ts). */
export interface Writer {
  write(kind: string, entry: unknown): void;
}

export function createDatabase(options: { readonly lean: boolean; readonly ledger?: Writer }): Database {
  const { lean, ledger } = options;
  const events = new Map<string, StoredEvent>();
  const database: Database = {
    users: new Map(),
    tokens: new Map(),
    devices: new Map(),
    rooms: new Map(),
    aliases: new Map(),
    txns: new Map(),
    pushes: new Map(),
    filters: [],
    unhandled: [],
    counts: { events: 0, stream: 0 },
    addUser: (entry) => {
      const user: User = { ...entry, rooms: new Set(), accountData: new Map() };
      database.users.set(entry.id, user);
      ledger?.write("user", entry);
      return user;
    },
    addToken: (token, owner) => {
      database.tokens.set(token, owner);
      const devices = database.devices.get(owner.user) ?? new Set();
      database.devices.set(owner.user, devices.add(owner.device));
      ledger?.write("token", { token, owner });
    },
    removeToken: (token) => {
      database.tokens.delete(token);
      ledger?.write("logout", { token });
    },
    setProfile: (user, change) => {
      Object.assign(user, change);
      ledger?.write("profile", { user: user.id, change });
    },
    setAccountData: (user, key, content) => {
      user.accountData.set(key, { content, stream: ++database.counts.stream });
      ledger?.write("account-data", { user: user.id, key, content });
    },
    setAlias: (alias, entry) => {
      if (entry) database.aliases.set(alias, entry);
      else database.aliases.delete(alias);
      ledger?.write("alias", { alias, entry });
    },
    addRoom: (room) => {
      database.rooms.set(room.id, room);
      ledger?.write("room", { id: room.id, version: room.version, order: room.order, creators: [...room.creators] });
    },
    addEvent: (room, event) => {
      const member = appendEvent(room, event, lean);
      database.counts.events++;
      database.counts.stream = Math.max(database.counts.stream, event.stream);
      if (!lean) events.set(event.event_id, event);
      if (member !== undefined) database.users.get(member)?.rooms.add(room.id);
      ledger?.write("event", event);
    },
    setTxn: (key, event) => {
      if (database.txns.size > 500_000) database.txns.clear();
      database.txns.set(key, event);
      ledger?.write("txn", { key, event });
    },
    eventById: (room, id) => {
      const event = events.get(id) ?? findEvent(room, id);
      return event?.room_id === room.id ? event : undefined;
    },
    pushState: (appservice) => {
      const state = database.pushes.get(appservice) ?? freshPushState();
      database.pushes.set(appservice, state);
      return state;
    },
  };
  return database;
}
