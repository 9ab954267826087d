/** Secrets, sealed in their rows: the table never sees their text. */
import type { SecretStore } from "@trestle/core";
import type { Row } from "./engine.ts";
import type { Sealed, Sealer } from "./seal.ts";
import type { Compiler } from "./statement.ts";
import { asText, beginsWith, checkIds, placeholders, prefixValues, step, type Tables } from "./table.ts";

const sealedOf = (row: Row): Sealed => ({ keyId: asText(row[1]), nonce: asText(row[2]), sealed: asText(row[3]) });

const valuesOf = (name: string, { keyId, nonce, sealed }: Sealed) => ({ name, key_id: keyId, nonce, sealed });

export function createSecrets(tables: Tables, { knex, compile }: Compiler, sealer: Sealer): SecretStore {
  const columns = ["name", "key_id", "nonce", "sealed"];
  const get = compile(knex("secrets").select(columns).where({ name: ":name" }));
  const all = compile(knex("secrets").select(columns));
  const put = compile(knex("secrets").insert(placeholders(columns)).onConflict("name").merge());
  // what was put meanwhile is newer than what was read
  const replace = compile(
    knex("secrets")
      .where({ name: ":name", nonce: ":former" })
      .update({ key_id: ":key_id", nonce: ":nonce", sealed: ":sealed" }),
  );
  const remove = compile(knex("secrets").where({ name: ":name" }).delete());
  const list = compile(
    knex("secrets")
      .select("name")
      .whereRaw(...beginsWith("name")),
  );
  return {
    get: async (name) => {
      const [row] = await tables.read(get, { name });
      return row && sealer.open(name, sealedOf(row));
    },
    put: async (name, secret) => {
      checkIds(name);
      await tables.write(step(put, valuesOf(name, sealer.seal(name, secret))));
    },
    remove: async (name) => void (await tables.write(step(remove, { name }))),
    list: async (prefix) =>
      (await tables.read(list, prefixValues(prefix)))
        .map((row) => asText(row[0]))
        .filter((name) => name.startsWith(prefix))
        .sort(),
    reseal: async () => {
      const old = (await tables.read(all)).filter((row) => !sealer.isNewest(sealedOf(row)));
      const steps = old.map((row) => {
        const name = asText(row[0]);
        const former = sealedOf(row);
        const fresh = sealer.seal(name, sealer.open(name, former));
        return step(replace, { ...valuesOf(name, fresh), former: former.nonce });
      });
      const changed = await tables.write(...steps);
      return changed.reduce((sum, one) => sum + one, 0);
    },
  };
}
