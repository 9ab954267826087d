import { rmSync } from "node:fs";
import { eventId, jobKey, portalId, remoteMessageId } from "@trestle/core";
import { openStore } from "./src/index.ts";

const url = process.argv[2] ?? "sqlite:/tmp/st/bench.db";
if (url.startsWith("sqlite:")) for (const x of ["", "-wal", "-shm", ".lock"]) rmSync(url.slice(7) + x, { force: true });
const store = await openStore({ url });
const pairs = Number(process.argv[3] ?? 40000),
  flight = Number(process.argv[4] ?? 200);
const body = JSON.stringify({ x: "y".repeat(600) });

import { createHash } from "node:crypto";

const h = (i: number) => "$" + createHash("sha256").update(String(i)).digest("base64url");
const once = async (i: number) => {
  const [job] = await store.journal.append([
    {
      portal: portalId((i % 50) + 1),
      lane: "outward",
      key: jobKey(h(i)),
      author: "@alice:example.org",
      createdAtMs: Date.now(),
      body,
    },
  ]);
  await store.journal.settle(job!.seq, {
    state: "done",
    atMs: Date.now(),
    messages: [
      {
        portal: portalId((i % 50) + 1),
        origin: h(i),
        part: 0,
        eventId: eventId(h(i)),
        remoteId: remoteMessageId(`r${i}`),
        lane: "outward",
        author: "@alice:example.org",
        authorName: "Alice",
        sentAtMs: Date.now(),
        text: "hello there",
      },
    ],
  });
};
for (let i = -20; i < 0; i++) await once(i);
const t1 = performance.now();
for (let i = -2000; i < -1900; i++)
  await store.journal.append([
    { portal: portalId(1), lane: "inward", key: jobKey(`s${i}`), author: "a", createdAtMs: 1, body },
  ]);
console.log("single append ms", ((performance.now() - t1) / 100).toFixed(2));
const cpu0 = process.cpuUsage(),
  th0 = process.threadCpuUsage?.(),
  t0 = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: flight }, async () => {
    while (next < pairs) await once(next++);
  }),
);
const ms = performance.now() - t0,
  cpu = process.cpuUsage(cpu0),
  th = process.threadCpuUsage?.(th0);
console.log(
  `${flight} in flight: ${((pairs / ms) * 1000).toFixed(0)} pairs/s; main thread ${((th!.user + th!.system) / pairs).toFixed(1)} us/pair, process ${((cpu.user + cpu.system) / pairs).toFixed(1)} us/pair; rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
);
const r0 = performance.now();
for (let i = 0; i < 2000; i++) await store.messages.findByRemote(portalId((i % 50) + 1), remoteMessageId(`r${i}`));
console.log("read us", ((performance.now() - r0) / 2).toFixed(0), await store.journal.counts());
await store.close();
