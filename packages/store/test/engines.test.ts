/** What both engines promise below the tables: one bad write harms no neighbour, a group is one commit, order is kept. */
import { BridgeError } from "@trestle/core";
import type { Engine, Param } from "../src/engine.ts";
import { openPostgres } from "../src/postgres-engine.ts";
import { openSqlite } from "../src/sqlite-engine.ts";
import { createCompiler } from "../src/statement.ts";
import { step } from "../src/table.ts";
import { createTestSchema, serverUrl } from "./postgres-database.ts";
import { createSqliteFile } from "./sqlite-file.ts";

interface Opened {
  readonly engine: Engine;
  close(): Promise<void>;
}

function describeEngine(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const prepare = async () => {
      const { engine } = opened;
      const compiler = createCompiler(engine.dialect);
      const { knex } = compiler;
      const create = compiler.raw("create table pairs (key text not null primary key, value bigint not null)");
      await engine.commit([[step(create)]]);
      const insert = compiler.compile(knex("pairs").insert({ key: ":key", value: ":value" }));
      const bump = compiler.compile(
        knex("pairs")
          .where({ key: ":key" })
          .update({ value: knex.raw("value * 10 + ?", [":digit"]) }),
      );
      const list = compiler.compile(knex("pairs").select("key", "value").orderBy("key"));
      return {
        engine,
        add: (key: Param, value: Param) => step(insert, { key, value }),
        bump: (key: Param, digit: Param) => step(bump, { key, digit }),
        list: () => engine.read(list, []),
        nonsense: step(compiler.raw("insert into nowhere values (1)")),
      };
    };

    test("[L1] one bad write of a group fails alone and whole, its neighbours are kept", async () => {
      const { engine, add, list, nonsense } = await prepare();
      const written = await engine.commit([
        [add("a", 1)],
        [add("b", 2), add("b", 3)],
        [add("c", 4), nonsense],
        [add("d", 5), add("e", null)],
        [add("f", 6), add("g", 7)],
      ]);
      expect(written.map((one) => (one instanceof BridgeError ? one.code : one))).toEqual([
        [1],
        "internal",
        "internal",
        "internal",
        [1, 1],
      ]);
      expect(await list()).toEqual([
        ["a", 1],
        ["f", 6],
        ["g", 7],
      ]);
    });

    test("steps of a group take effect in order, and what was committed is read", async () => {
      const { engine, add, bump, list } = await prepare();
      await engine.commit([[add("a", 0)], [bump("a", 1)], [bump("a", 2), bump("none", 1)], [bump("a", 3)]]);
      expect(await list()).toEqual([["a", 123]]);
    });

    test("goes on after a group in which everything failed", async () => {
      const { engine, add, list, nonsense } = await prepare();
      const failed = await engine.commit([[nonsense], [nonsense]]);
      expect(failed.every((one) => one instanceof BridgeError)).toBe(true);
      await engine.commit([[add("a", 1)]]);
      expect(await list()).toEqual([["a", 1]]);
    });

    test("a read that cannot be is refused, and the next one served", async () => {
      const { engine, list } = await prepare();
      const wrong = createCompiler(engine.dialect).raw("select nothing from nowhere");
      await expect(engine.read({ ...wrong, id: 9999 }, [])).rejects.toMatchObject({ code: "internal" });
      expect(await list()).toEqual([]);
    });

    test("counts and 64-bit numbers come as numbers", async () => {
      const { engine, add } = await prepare();
      await engine.commit([[add("a", 4_102_444_800_000)]]);
      const sum = createCompiler(engine.dialect).raw("select count(*), max(value) from pairs");
      expect(await engine.read({ ...sum, id: 9998 }, [])).toEqual([[1, 4_102_444_800_000]]);
    });
  });
}

describeEngine("the SQLite engine", async () => {
  const file = createSqliteFile();
  const engine = await openSqlite({ path: file.path, synchronous: "FULL", busyTimeoutMs: 1000 });
  return {
    engine,
    close: async () => {
      await engine.close();
      file.remove();
    },
  };
});

if (serverUrl !== undefined) {
  describeEngine("the PostgreSQL engine", async () => {
    const schema = await createTestSchema();
    const engine = await openPostgres({ url: schema.url, synchronous: "FULL", who: "a test" });
    return {
      engine,
      close: async () => {
        await engine.close();
        await schema.drop();
      },
    };
  });
}
