/** Accounts, reactions and what expires: tables of rows that are put, got and forgotten. */
import {
  type AccountRow,
  type AccountStore,
  type ExpiringStore,
  eventId,
  networkId,
  portalId,
  type ReactionStore,
  remoteUserId,
  userId,
} from "@trestle/core";
import type { Row } from "./engine.ts";
import type { Compiler } from "./statement.ts";
import { asNumber, asText, checkIds, placeholders, sortedBy, step, type Tables } from "./table.ts";

const accountColumns = ["network", "remote_user", "user_id", "name", "proven_at_ms"] as const;

const accountOf = (row: Row): AccountRow => ({
  network: networkId(asText(row[0])),
  remoteUser: remoteUserId(asText(row[1])),
  user: userId(asText(row[2])),
  name: asText(row[3]),
  provenAtMs: asNumber(row[4]),
});

export function createAccounts(tables: Tables, { knex, compile }: Compiler): AccountStore {
  const list = compile(knex("accounts").select(accountColumns));
  const put = compile(
    knex("accounts").insert(placeholders(accountColumns)).onConflict(["network", "remote_user"]).merge(),
  );
  const remove = compile(knex("accounts").where({ network: ":network", remote_user: ":remote_user" }).delete());
  return {
    list: async () => sortedBy((await tables.read(list)).map(accountOf), (row) => `${row.network}\n${row.remoteUser}`),
    put: async ({ network, remoteUser, user, name, provenAtMs }) => {
      checkIds(network, remoteUser, user);
      await tables.write(
        step(put, { network, remote_user: remoteUser, user_id: user, name, proven_at_ms: provenAtMs }),
      );
    },
    remove: async (network, remoteUser) =>
      void (await tables.write(step(remove, { network, remote_user: remoteUser }))),
  };
}

export function createReactions(tables: Tables, { knex, compile }: Compiler): ReactionStore {
  const columns = ["target", "key", "author", "at_ms"];
  const identity = { portal: ":portal", event: ":event" };
  const put = compile(
    knex("reactions")
      .insert({ ...identity, ...placeholders(columns) })
      .onConflict(["portal", "event"])
      .merge(columns),
  );
  const get = compile(knex("reactions").select(columns).where(identity));
  const remove = compile(knex("reactions").where(identity).delete());
  const prune = compile(knex("reactions").where("at_ms", "<", ":before").delete());
  return {
    put: async ({ portal, event, target, key, author, atMs }) => {
      checkIds(event, target);
      await tables.write(step(put, { portal, event, target, key, author, at_ms: atMs }));
    },
    get: async (portal, event) => {
      const [row] = await tables.read(get, { portal, event });
      return (
        row && {
          portal: portalId(portal),
          event,
          target: eventId(asText(row[0])),
          key: asText(row[1]),
          author: asText(row[2]),
          atMs: asNumber(row[3]),
        }
      );
    },
    remove: async (portal, event) => void (await tables.write(step(remove, { portal, event }))),
    prune: async (beforeMs) => (await tables.write(step(prune, { before: beforeMs })))[0] ?? 0,
  };
}

export function createExpiring(tables: Tables, { knex, compile }: Compiler): ExpiringStore {
  const columns = ["key", "value", "expires_at_ms"];
  const get = compile(knex("expiring").select("value").where({ key: ":key" }));
  const put = compile(knex("expiring").insert(placeholders(columns)).onConflict("key").merge());
  const remove = compile(knex("expiring").where({ key: ":key" }).delete());
  const prune = compile(knex("expiring").where("expires_at_ms", "<=", ":now").delete());
  return {
    get: async (key) => {
      const [row] = await tables.read(get, { key });
      return row && asText(row[0]);
    },
    put: async (key, value, expiresAtMs) => {
      checkIds(key);
      await tables.write(step(put, { key, value, expires_at_ms: expiresAtMs }));
    },
    remove: async (key) => void (await tables.write(step(remove, { key }))),
    prune: async (nowMs) => (await tables.write(step(prune, { now: nowMs })))[0] ?? 0,
  };
}
