/** A disk that fails is said so, in one kind of error, and the event loop never waits for it. */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { aJob } from "@trestle/testing";
import { openStore } from "../src/index.ts";
import { createSqliteFile, type SqliteFile } from "./sqlite-file.ts";

let file: SqliteFile;
beforeEach(() => {
  file = createSqliteFile();
});
afterEach(() => file.remove());

describe("a database that cannot be opened", () => {
  test.each([
    ["a file of something else", () => writeFileSync(file.path, "this is no database ".repeat(500)), ""],
    ["a directory", () => mkdirSync(file.path), ""],
    ["a path that does not exist", () => undefined, "/no/such/directory/a.db"],
  ])("%s is a database failure", async (_name, spoil, elsewhere) => {
    spoil();
    const url = elsewhere === "" ? file.url : `sqlite:${elsewhere}`;
    await expect(openStore({ url })).rejects.toMatchObject({ name: "BridgeError", code: "database-failed" });
  });

  test("a URL of no kind that we know is a mistake in the config, and is not repeated", async () => {
    for (const url of ["", "sqlite:", "mysql://root:hunter2@db/x", "file.db"]) {
      const error = await openStore({ url }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: "BridgeError", code: "config-invalid" });
      expect(String(error)).not.toContain("hunter2");
    }
  });
});

describe("a database that fails while we use it", () => {
  test("[L1] rejects what could not be written, keeps what was, and goes on when it is well again", async () => {
    const store = await openStore({ url: file.url, busyTimeoutMs: 50 });
    await store.journal.append([aJob()]);
    await file.outside(async (database) => {
      database.exec("begin immediate");
      await expect(store.journal.append([aJob()])).rejects.toMatchObject({ code: "database-failed" });
      database.exec("rollback");
    });
    await store.journal.append([aJob()]);
    expect(await store.journal.counts()).toMatchObject({ queued: 2 });
    await store.close();
  });

  test("[L1] a disk that is full refuses what does not fit, and keeps exactly what was promised", async () => {
    const script = `ulimit -f 1200; exec "$0" --conditions=source "$1" "$2"`;
    const child = join(__dirname, "full-disk-process.ts");
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", script, process.execPath, child, file.url]);
    const { kept, refused, there } = JSON.parse(stdout);
    expect(refused).toEqual(["database-failed"]);
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(400);
    expect(there).toBe(kept);
    const store = await openStore({ url: file.url });
    expect(await store.kv.list("k")).toHaveLength(kept);
    await store.close();
  });

  test("[L2] the event loop runs on while the disk does not answer", async () => {
    const store = await openStore({ url: file.url, busyTimeoutMs: 300 });
    await file.outside(async (database) => {
      database.exec("begin immediate");
      const write = store.kv.put("a", "1").catch(() => "failed");
      let ticks = 0;
      const timer = setInterval(() => {
        ticks += 1;
      }, 5);
      expect(await write).toBe("failed");
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(10);
      database.exec("rollback");
    });
    await store.close();
  });
});
