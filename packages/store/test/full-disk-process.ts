/**
 * Run as a process of its own, under a limit on the size of files, by database-failures.test.ts: writes past the limit and
 * prints as JSON what it was promised, what it was refused with, and what is there.
 */
import { BridgeError } from "@trestle/core";
import { openStore } from "../src/index.ts";

process.on("SIGXFSZ", () => undefined);
const store = await openStore({ url: process.argv[2] ?? "" });
let kept = 0;
const refused = new Set<string>();
for (let index = 0; index < 400; index += 1) {
  try {
    await store.kv.put(`k${index}`, "x".repeat(5_000));
    kept += 1;
  } catch (error) {
    refused.add(error instanceof BridgeError ? error.code : String(error));
  }
}
const there = (await store.kv.list("k")).length;
await store.close();
process.stdout.write(JSON.stringify({ kept, refused: [...refused], there }));
