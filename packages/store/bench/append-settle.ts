/**
 * Run by hand: `node --conditions=source packages/store/bench/append-settle.ts <url> <pairs> <in flight>`. How many appends, each
 * with its settlement and one message row, a second, with ids as scattered as real ones; what that costs the main thread.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventId, jobKey, portalId, remoteMessageId } from "@trestle/core";

const rssMb = () => (process.memoryUsage().rss / 1e6).toFixed(0);
const bareMb = rssMb();
const { openStore } = await import("../src/index.ts");
const loadedMb = rssMb();

const directory = mkdtempSync(join(tmpdir(), "trestle-bench-"));
const url = process.argv[2] ?? `sqlite:${join(directory, "bench.db")}`;
const pairs = Number(process.argv[3] ?? 40_000);
const inFlight = Number(process.argv[4] ?? 100);
const store = await openStore({ url });
process.stdout.write(`resident: bare ${bareMb} MB, libraries loaded ${loadedMb} MB, store open ${rssMb()} MB\n`);

const body = JSON.stringify({ text: "y".repeat(600) });
const run = process.pid;
const idOf = (index: number) => `$${createHash("sha256").update(`${run}/${index}`).digest("base64url")}`;

async function pair(index: number): Promise<void> {
  const portal = portalId((index % 50) + 1);
  const id = idOf(index);
  const createdAtMs = Date.now();
  const [job] = await store.journal.append([
    { portal, lane: "outward", key: jobKey(id), author: "@alice:example.org", createdAtMs, body },
  ]);
  const row = {
    portal,
    origin: id,
    part: 0,
    eventId: eventId(id),
    remoteId: remoteMessageId(`r${run}-${index}`),
    lane: "outward" as const,
    author: "@alice:example.org",
    authorName: "Alice",
    sentAtMs: createdAtMs,
    text: "hello there",
  };
  await store.journal.settle(job?.seq ?? 0, { state: "done", atMs: Date.now(), messages: [row] });
}

async function timed(count: number, work: (index: number) => Promise<unknown>, lanes = 1): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return performance.now() - startMs;
}

await timed(200, (index) => pair(-1 - index), 20);
const single = await timed(100, (index) => store.kv.put("one", String(index)));
process.stdout.write(`one write alone: ${(single / 100).toFixed(2)} ms\n`);

const before = { all: process.cpuUsage(), main: process.threadCpuUsage() };
const ms = await timed(pairs, pair, inFlight);
const main = process.threadCpuUsage(before.main);
const all = process.cpuUsage(before.all);
process.stdout.write(
  `${inFlight} in flight: ${((pairs / ms) * 1000).toFixed(0)} pairs/s; a pair costs the main thread ` +
    `${((main.user + main.system) / pairs).toFixed(1)} us, the process ${((all.user + all.system) / pairs).toFixed(1)} us; resident ${rssMb()} MB\n`,
);
const reads = await timed(2_000, (index) =>
  store.messages.findByEvent(portalId((index % 50) + 1), eventId(idOf(index))),
);
process.stdout.write(`one read alone: ${((reads / 2_000) * 1000).toFixed(0)} us\n`);
await store.close();
rmSync(directory, { recursive: true });
