/** What only a real PostgreSQL can show: the lock, and what follows when its connection is lost. */
import { aJob, createTestLog } from "@trestle/testing";
import { openStore } from "../src/index.ts";
import { compileJournal } from "../src/journal-statements.ts";
import { batchSteps } from "../src/postgres-batches.ts";
import { createCompiler } from "../src/statement.ts";
import { step } from "../src/table.ts";
import { createTestSchema, serverUrl, type TestSchema } from "./postgres-database.ts";

describe("batches of statements", () => {
  const compiler = createCompiler("postgres");
  const { update, settle, retry } = compileJournal(compiler);
  const rowsOf = (steps: Parameters<typeof batchSteps>[0]) => batchSteps(steps).map((sending) => sending.steps);

  test("carry rows of one statement together, in powers of two", () => {
    const steps = Array.from({ length: 11 }, (_, seq) => step(update, { seq, attempts: 1 }));
    const sendings = batchSteps(steps);
    expect(sendings.map((sending) => sending.steps.length)).toEqual([8, 2, 1]);
    expect(sendings[0]?.params).toHaveLength(8 * update.paramCount);
    expect(sendings.flatMap((sending) => sending.steps)).toEqual(steps.map((_, index) => index));
  });

  test("never hold one row twice, and keep the order of what touches the same row", () => {
    const steps = [
      step(update, { seq: 1 }),
      step(settle, { seq: 2 }),
      step(update, { seq: 3 }),
      step(settle, { seq: 1 }),
    ];
    expect(rowsOf(steps)).toEqual([[0, 2], [1], [3]].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0)));
    expect(rowsOf([step(update, { seq: 1 }), step(retry, { seq: 9 }), step(update, { seq: 2 })])).toEqual([
      [0],
      [1],
      [2],
    ]);
  });
});

if (serverUrl !== undefined) {
  describe("PostgreSQL's lock", () => {
    let schema: TestSchema;
    beforeEach(async () => {
      schema = await createTestSchema();
    });
    afterEach(() => schema.drop());

    /** Ends the connection that holds the lock in this schema, as a restart of the server would. */
    const cutWriter = async () => {
      const holders = await schema.query(
        "select pid from pg_locks where locktype = 'advisory' and objid = (hashtext(current_schema())::bigint & 4294967295)::oid",
      );
      expect(holders).toHaveLength(1);
      await schema.query(`select pg_terminate_backend(${holders[0]?.["pid"]})`);
    };

    test("[L1] keeps a second process out and tells who holds it, and lets the next one in after closing", async () => {
      const first = await openStore({ url: schema.url });
      await expect(openStore({ url: schema.url })).rejects.toMatchObject({
        code: "database-locked",
        message: expect.stringContaining(`process ${process.pid} on `),
      });
      await first.close();
      const second = await openStore({ url: schema.url });
      await second.close();
    });

    test("[L1] is taken again after its connection was lost, the loss logged, and nothing written is lost", async () => {
      const log = createTestLog();
      const store = await openStore({ url: schema.url, log });
      await store.journal.append([aJob()]);
      await cutWriter();
      const appendUntilTaken = async (): Promise<void> => {
        for (let tries = 0; tries < 50; tries += 1) {
          const error = await store.journal.append([aJob()]).catch((thrown: unknown) => thrown);
          if (Array.isArray(error)) return;
          expect(error).toMatchObject({ name: "BridgeError", code: "database-failed" });
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        throw new Error("never taken again");
      };
      await appendUntilTaken();
      expect((await store.journal.counts()).queued).toBe(2);
      expect(log.entries.map((entry) => entry.level)).toContain("error");
      await store.close();
    });

    test("[L1] who lost the lock to another process never writes again", async () => {
      const first = await openStore({ url: schema.url });
      await first.journal.append([aJob()]);
      await cutWriter();
      const second = await openStore({ url: schema.url });
      await expect(first.journal.append([aJob()])).rejects.toMatchObject({ name: "BridgeError" });
      await second.journal.append([aJob()]);
      await second.close();
      await expect(first.journal.append([aJob()])).rejects.toMatchObject({ code: "database-locked" });
      await first.close();
    });
  });
}
