/**
 * Run as a process of its own by sqlite-lock.test.ts: appends and settles as fast as it can, and prints each number once its
 * promise has resolved, until it is killed.
 */
import { eventId, jobKey, portalId, remoteMessageId } from "@trestle/core";
import { openStore } from "../src/index.ts";

const url = process.argv[2] ?? "";
const store = await openStore({ url });
process.stdout.write("open\n");

async function cross(index: number): Promise<void> {
  const key = `job-${process.pid}-${index}`;
  const [job] = await store.journal.append([
    { portal: portalId(1), lane: "outward", key: jobKey(key), author: "a", createdAtMs: index, body: "x".repeat(200) },
  ]);
  process.stdout.write(`appended ${key}\n`);
  const message = {
    portal: portalId(1),
    origin: `$${key}`,
    part: 0,
    eventId: eventId(`$${key}`),
    remoteId: remoteMessageId(`r-${key}`),
    lane: "outward" as const,
    author: "a",
    authorName: "A",
    sentAtMs: index,
  };
  await store.journal.settle(job?.seq ?? 0, { state: "done", atMs: index, messages: [message] });
  process.stdout.write(`settled ${key}\n`);
}

let index = 0;
await Promise.all(
  Array.from({ length: 20 }, async () => {
    for (;;) {
      index += 1;
      await cross(index);
    }
  }),
);
