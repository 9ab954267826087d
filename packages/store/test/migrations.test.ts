/** The schema goes forward only, from the frozen first one, to the same as a fresh one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventId, jobKey, portalId, roomId, userId } from "@trestle/core";
import type { Dialect } from "../src/engine.ts";
import { openStore, type StoreOptions } from "../src/index.ts";
import { firstSchema } from "../src/migrations/0001-first-schema.ts";
import { peopleAndSecrets } from "../src/migrations/0002-people-and-secrets.ts";
import { migrations } from "../src/migrations/index.ts";
import type { Migration } from "../src/migrations/migration.ts";
import { createCompiler } from "../src/statement.ts";
import { aKey } from "./kept-store.ts";
import { createTestSchema, serverUrl } from "./postgres-database.ts";
import { createSqliteFile } from "./sqlite-file.ts";

interface Database {
  readonly url: string;
  run(sql: string): Promise<void>;
  /** Tables, columns and indices, in a form that can be compared. */
  schema(): Promise<readonly unknown[]>;
  versions(): Promise<unknown[]>;
  remove(): Promise<void>;
}

const fixture = (name: string): string => readFileSync(join(__dirname, "fixtures", name), "utf8");

const next = (migrations.at(-1)?.version ?? 0) + 1;
const second: Migration = {
  version: next,
  name: "second",
  up: (knex) => [
    knex.schema.alterTable("kv", (table) => {
      table.bigInteger("seen_at_ms").notNullable().defaultTo(0);
      table.index(["seen_at_ms"], "kv_seen");
    }),
    knex.raw("update kv set seen_at_ms = 7"),
  ],
};
const broken: Migration = {
  version: next,
  name: "broken",
  up: (knex) => [knex.raw("create table half (a text)"), knex.raw("insert into nowhere values (1)")],
};

function describeMigrations(dialect: Dialect, create: () => Promise<Database>): void {
  describe(`migrations on ${dialect}`, () => {
    let database: Database;
    beforeEach(async () => {
      database = await create();
    });
    afterEach(() => database.remove());

    const load = async () => {
      await database.run(fixture(`first-schema.${dialect}.sql`));
      await database.run(fixture("first-rows.sql"));
      await database.run(fixture("first-reactions.sql"));
    };
    const openAndClose = async (options: Partial<StoreOptions> = {}) => {
      const store = await openStore({ url: database.url, ...options });
      await store.close();
    };

    test.each([
      { migration: firstSchema, file: "first-schema", heading: 3 },
      { migration: peopleAndSecrets, file: "second-schema", heading: 2 },
    ])("$file has never changed", ({ migration, file, heading }) => {
      const compiler = createCompiler(dialect);
      const compiled = migration
        .up(compiler.knex, dialect)
        .flatMap((part) => part.toSQL() as unknown as { readonly sql: string } | readonly { readonly sql: string }[])
        .map(({ sql }) => `${sql};`);
      const frozen = fixture(`${file}.${dialect}.sql`).trim().split("\n").slice(heading);
      expect(compiled).toEqual(frozen);
    });

    test("take the frozen first schema to that of a fresh database", async () => {
      await load();
      await openAndClose();
      const fresh = await create();
      try {
        await (await openStore({ url: fresh.url })).close();
        expect(await database.schema()).toEqual(await fresh.schema());
        expect((await fresh.schema()).length).toBeGreaterThan(10);
      } finally {
        await fresh.remove();
      }
    });

    test("[L1] keep every row, readable through the store", async () => {
      await load();
      const { journal, messages, portals, ghosts, kv, close } = await openStore({ url: database.url });
      const keys = ["$done", "$queued", "fakenet/r3", "$dead"].map(jobKey);
      expect((await journal.find(keys)).map((job) => job.state)).toEqual(["done", "queued", "parked", "dead"]);
      expect(await journal.load(portalId(1), "inward", 0, 9)).toMatchObject([
        { seq: 3, attempts: 2, notBeforeMs: 9000, plan: '[{"text":"hi"}]', sent: ["r3"], failure: "network-down" },
      ]);
      expect(await journal.retry(4)).toMatchObject({ seq: 5, delayed: true, body: '{"n":4}' });
      expect(await messages.findByEvent(portalId(1), eventId("$done"))).toMatchObject([
        { part: 0, remoteId: "r1", text: "hello" },
        { part: 1, remoteId: "r2" },
      ]);
      expect((await portals.list()).map((row) => [row.id, row.owner, row.state])).toEqual([
        [1, undefined, "active"],
        [2, "@alice:test", "paused"],
      ]);
      expect(await ghosts.inRoom(roomId("!den:test"))).toEqual(["@_fake_bob:test"]);
      expect(await ghosts.get(userId("@_fake_bob:test"))).toMatchObject({ registered: true, name: "Bob" });
      expect(await kv.get("mark/#den")).toBe("42");
      await close();
    });

    test("[C7] reactions of the first schema are taken back by their events afterwards, whatever stands in them", async () => {
      await load();
      const before = Date.now();
      const { reactions, kv, close } = await openStore({ url: database.url });
      expect(await reactions.get(portalId(1), eventId("$like"))).toStrictEqual({
        portal: 1,
        event: "$like",
        target: "$done",
        key: "👍",
        author: "@alice:test",
        atMs: expect.any(Number),
      });
      const odd = await reactions.get(portalId(2), eventId("$odd/event"));
      expect(odd).toMatchObject({ target: "$said", key: "\0\ud83d", author: "@bob:test" });
      expect(odd?.atMs).toBeGreaterThanOrEqual(before);
      expect(await reactions.get(portalId(1), eventId("$broken"))).toBeUndefined();
      expect((await kv.list("")).map(({ key }) => key)).toEqual(["mark/#den", "reactions/kept"]);
      await close();
    });

    test("[S4] rows of the second schema are read by this program, secrets included", async () => {
      await load();
      await database.run(fixture(`second-schema.${dialect}.sql`));
      await database.run(fixture("second-rows.sql"));
      const store = await openStore({ url: database.url, keys: [aKey()] });
      expect(await store.ghosts.get(userId("@_fake_eve:test"))).toMatchObject({ avatar: "pic-1" });
      expect(await store.ghosts.get(userId("@_fake_bob:test"))).not.toHaveProperty("avatar");
      expect(await store.accounts.list()).toMatchObject([{ remoteUser: "al", user: "@alice:test", provenAtMs: 7000 }]);
      expect(await store.reactions.get(portalId(1), eventId("$like"))).toMatchObject({ key: "+", atMs: 8000 });
      expect(await store.media.get("upload/1")).toBe("mxc://test/1");
      expect(await store.secrets.get("token/a")).toBe("a token");
      await store.close();
    });

    test("run once each, in order, and are recorded", async () => {
      await load();
      await openAndClose({ migrations: [...migrations, second] });
      await openAndClose({ migrations: [...migrations, second] });
      expect(await database.versions()).toEqual([...migrations.map(({ version }) => version), next]);
    });

    test("a database of a newer program is refused with both numbers, and left alone", async () => {
      await load();
      await openAndClose({ migrations: [...migrations, second] });
      const before = await database.schema();
      await expect(openAndClose()).rejects.toMatchObject({
        code: "database-failed",
        message: expect.stringMatching(
          new RegExp(`newer Trestle \\(its schema is ${next}, this program knows ${next - 1}\\)`),
        ),
      });
      expect(await database.schema()).toEqual(before);
    });

    test("one that fails leaves nothing behind, and the former program still runs", async () => {
      await load();
      await openAndClose();
      const before = await database.schema();
      await expect(openAndClose({ migrations: [...migrations, broken] })).rejects.toMatchObject({
        name: "BridgeError",
      });
      expect(await database.schema()).toEqual(before);
      await openAndClose();
    });
  });
}

describeMigrations("sqlite", async () => {
  const file = createSqliteFile();
  return {
    url: file.url,
    run: (sql) => file.outside((database) => database.exec(sql)),
    schema: () =>
      file.outside((database) =>
        database.prepare("select name, replace(sql, '\"', '`') as sql from sqlite_master order by name").all(),
      ),
    versions: () =>
      file.outside((database) =>
        database
          .prepare("select version from trestle_schema order by version")
          .all()
          .map((row) => row["version"]),
      ),
    remove: async () => file.remove(),
  };
});

if (serverUrl !== undefined) {
  describeMigrations("postgres", async () => {
    const schema = await createTestSchema();
    return {
      url: schema.url,
      run: async (sql) => void (await schema.query(sql)),
      schema: async () => [
        ...(await schema.query(
          "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns where table_schema = current_schema() order by 1, 2",
        )),
        ...(await schema.query(
          "select indexname, replace(indexdef, current_schema(), '') as indexdef from pg_indexes where schemaname = current_schema() order by 1",
        )),
      ],
      versions: async () =>
        (await schema.query("select version::int as version from trestle_schema order by version")).map(
          (row) => row["version"],
        ),
      remove: schema.drop,
    };
  });
}
