/** Portals, ghosts and the key-value table on a database. */
import {
  type GhostStore,
  type KeyValueStore,
  networkId,
  type PortalRow,
  type PortalStore,
  portalId,
  remoteChatId,
  roomId,
  userId,
} from "@trestle/core";
import type { Row, Statement } from "./engine.ts";
import type { Compiler } from "./statement.ts";
import {
  asNumber,
  asText,
  beginsWith,
  checkIds,
  optional,
  placeholders,
  prefixValues,
  step,
  type Tables,
} from "./table.ts";

const portalColumns = [
  "id",
  "network",
  "chat",
  "owner",
  "room",
  "state",
  "origin",
  "requested_by",
  "approved_by",
  "pause_reason",
  "created_at_ms",
  "settings",
] as const;

const portalOf = (row: Row): PortalRow => ({
  id: portalId(asNumber(row[0])),
  network: networkId(asText(row[1])),
  chat: remoteChatId(asText(row[2])),
  ...(row[3] === null ? {} : { owner: userId(asText(row[3])) }),
  room: roomId(asText(row[4])),
  state: asText(row[5]) as PortalRow["state"],
  origin: asText(row[6]) as PortalRow["origin"],
  requestedBy: asText(row[7]),
  ...optional("approvedBy", row[8]),
  ...optional("pauseReason", row[9]),
  createdAtMs: asNumber(row[10]),
  settings: asText(row[11]),
});

const portalValues = (row: PortalRow) => ({
  id: row.id,
  network: row.network,
  chat: row.chat,
  owner: row.owner,
  room: row.room,
  state: row.state,
  origin: row.origin,
  requested_by: row.requestedBy,
  approved_by: row.approvedBy,
  pause_reason: row.pauseReason,
  created_at_ms: row.createdAtMs,
  settings: row.settings,
});

export interface PortalStatements {
  readonly list: Statement;
  readonly add: Statement;
  readonly update: Statement;
  readonly lastId: Statement;
}

export function compilePortals({ knex, compile }: Compiler): PortalStatements {
  const { id, ...rest } = placeholders(portalColumns);
  return {
    list: compile(knex("portals").select(portalColumns).orderBy("id")),
    add: compile(knex("portals").insert({ id, ...rest })),
    update: compile(knex("portals").where({ id }).update(rest)),
    lastId: compile(knex("portals").max("id")),
  };
}

/** `lastId` is the highest row in use. */
export function createPortals(tables: Tables, statements: PortalStatements, lastId: number): PortalStore {
  let id = lastId;
  return {
    list: async () => (await tables.read(statements.list)).map(portalOf),
    add: async (row) => {
      id += 1;
      const added: PortalRow = { ...row, id: portalId(id) };
      await tables.write(step(statements.add, portalValues(added)));
      return added;
    },
    update: async (row) => void (await tables.write(step(statements.update, portalValues(row)))),
  };
}

export function createGhosts(tables: Tables, { knex, compile }: Compiler): GhostStore {
  const columns = ["user_id", "network", "remote_user", "registered", "name", "avatar"];
  const get = compile(knex("ghosts").select(columns).where({ user_id: ":user_id" }));
  const put = compile(knex("ghosts").insert(placeholders(columns)).onConflict("user_id").merge());
  const join = compile(
    knex("ghost_rooms").insert({ user_id: ":user", room: ":room" }).onConflict(["user_id", "room"]).ignore(),
  );
  const leave = compile(knex("ghost_rooms").where({ user_id: ":user", room: ":room" }).delete());
  const joinedRooms = compile(knex("ghost_rooms").select("room").where({ user_id: ":user" }));
  const inRoom = compile(knex("ghost_rooms").select("user_id").where({ room: ":room" }));
  return {
    get: async (user) => {
      const [row] = await tables.read(get, { user_id: user });
      return (
        row && {
          userId: userId(asText(row[0])),
          network: networkId(asText(row[1])),
          remoteUser: asText(row[2]),
          registered: asNumber(row[3]) === 1,
          ...optional("name", row[4]),
          ...optional("avatar", row[5]),
        }
      );
    },
    put: async (row) => {
      checkIds(row.userId);
      await tables.write(
        step(put, {
          user_id: row.userId,
          network: row.network,
          remote_user: row.remoteUser,
          registered: row.registered ? 1 : 0,
          name: row.name,
          avatar: row.avatar,
        }),
      );
    },
    joinedRooms: async (user) => (await tables.read(joinedRooms, { user })).map((row) => roomId(asText(row[0]))).sort(),
    setJoined: async (user, room, joined) => {
      checkIds(user, room);
      await tables.write(step(joined ? join : leave, { user, room }));
    },
    inRoom: async (room) => (await tables.read(inRoom, { room })).map((row) => userId(asText(row[0]))).sort(),
  };
}

export function createKeyValues(tables: Tables, { knex, compile }: Compiler): KeyValueStore {
  const get = compile(knex("kv").select("value").where({ key: ":key" }));
  const put = compile(knex("kv").insert({ key: ":key", value: ":value" }).onConflict("key").merge());
  const remove = compile(knex("kv").where({ key: ":key" }).delete());
  const list = compile(
    knex("kv")
      .select("key", "value")
      .whereRaw(...beginsWith("key")),
  );
  return {
    get: async (key) => {
      const [row] = await tables.read(get, { key });
      return row && asText(row[0]);
    },
    put: async (key, value) => {
      checkIds(key);
      await tables.write(step(put, { key, value }));
    },
    remove: async (key) => void (await tables.write(step(remove, { key }))),
    list: async (prefix) => {
      const rows = await tables.read(list, prefixValues(prefix));
      return rows
        .map((row) => ({ key: asText(row[0]), value: asText(row[1]) }))
        .filter(({ key }) => key.startsWith(prefix))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
}
