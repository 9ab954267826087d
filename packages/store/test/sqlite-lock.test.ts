/** One process per file, and what a killed process had been promised. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { eventId, jobKey, portalId } from "@trestle/core";
import { aJob } from "@trestle/testing";
import { openStore } from "../src/index.ts";
import { createSqliteFile, type SqliteFile } from "./sqlite-file.ts";

let file: SqliteFile;
beforeEach(() => {
  file = createSqliteFile();
});
afterEach(() => file.remove());

describe("the lock of a SQLite file", () => {
  test("[L1] keeps a second store out and tells who holds it", async () => {
    const first = await openStore({ url: file.url });
    await expect(openStore({ url: file.url })).rejects.toMatchObject({
      code: "database-locked",
      message: expect.stringContaining(`process ${process.pid} on `),
    });
    await first.journal.append([aJob()]);
    await first.close();
    const second = await openStore({ url: file.url });
    expect(await second.journal.counts()).toMatchObject({ queued: 1 });
    await second.close();
  });

  test("leaves other programs free to read the file meanwhile", async () => {
    const store = await openStore({ url: file.url });
    await store.journal.append([aJob()]);
    const jobs = await file.outside(
      (database) => database.prepare("select count(*) as jobs from jobs").get()?.["jobs"],
    );
    expect(jobs).toBe(1);
    await store.close();
  });

  test("databases in memory are private", async () => {
    const [a, b] = await Promise.all([openStore({ url: "sqlite::memory:" }), openStore({ url: "sqlite::memory:" })]);
    await a.kv.put("k", "a");
    expect(await b.kv.get("k")).toBeUndefined();
    await Promise.all([a.close(), b.close()]);
    expect(existsSync(":memory:.lock")).toBe(false);
  });
});

describe("a killed process", () => {
  let child: ChildProcess | undefined;
  afterEach(() => {
    child?.kill("SIGKILL");
  });

  /** Starts a writer and collects its lines until it has promised `count` settlements. */
  const runWriter = async (count: number): Promise<string[]> => {
    const writer = spawn(process.execPath, ["--conditions=source", join(__dirname, "sqlite-process.ts"), file.url], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    child = writer;
    let output = "";
    const enough = new Promise<void>((resolve, reject) => {
      writer.stdout?.on("data", (data) => {
        output += String(data);
        if (output.split("settled").length > count) resolve();
      });
      writer.on("exit", (code) => reject(new Error(`the writer ended with ${code}`)));
    });
    await enough;
    const gone = once(writer, "exit").catch(() => undefined);
    writer.kill("SIGKILL");
    await gone;
    // a last line may be cut off
    return output.split("\n").slice(0, -1);
  };

  test("[L1] leaves its lock free, and everything that it was promised", async () => {
    for (let round = 0; round < 2; round += 1) {
      const lines = await runWriter(200);
      const named = (what: string) =>
        lines.flatMap((line) => (line.startsWith(`${what} `) ? [line.slice(what.length + 1)] : []));
      const store = await openStore({ url: file.url });
      const appended = named("appended");
      const found = new Map(
        (await store.journal.find(appended.map(jobKey))).map((job) => [String(job.key), job.state]),
      );
      expect(appended.filter((key) => !found.has(key))).toEqual([]);
      const settled = named("settled");
      expect(settled.length).toBeGreaterThanOrEqual(200);
      expect(settled.filter((key) => found.get(key) !== "done")).toEqual([]);
      // settling and the message row are one commit: never the one without the other
      for (const [key, state] of found) {
        const rows = await store.messages.findByEvent(portalId(1), eventId(`$${key}`));
        expect([key, rows.length]).toEqual([key, state === "done" ? 1 : 0]);
      }
      await store.close();
    }
  });

  test("[L1] while it lives, its file is refused with its number", async () => {
    const writer = spawn(process.execPath, ["--conditions=source", join(__dirname, "sqlite-process.ts"), file.url], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    child = writer;
    await once(writer.stdout as NodeJS.ReadableStream, "data");
    await expect(openStore({ url: file.url })).rejects.toMatchObject({
      code: "database-locked",
      message: expect.stringContaining(`process ${writer.pid} on `),
    });
    const gone = once(writer, "exit");
    writer.kill("SIGKILL");
    await gone;
    await (await openStore({ url: file.url })).close();
  });
});
