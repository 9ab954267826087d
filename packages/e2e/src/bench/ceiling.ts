/** What the machine gives without a bridge: one durable insert and one pooled PUT a message, on the same server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jobKey, portalId } from "@trestle/core";
import { openStore } from "@trestle/store";
import { Pool } from "undici";
import { roomOf } from "./far-side.ts";

const inFlight = 64;

/** Messages a second. */
export async function measureCeiling(url: string, messages: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "trestle-ceiling-"));
  const store = await openStore({ url: `sqlite:${join(folder, "bare.db")}` });
  const pool = new Pool(url, { connections: inFlight });
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < messages; n = next++) {
      const body = JSON.stringify({ msgtype: "m.text", body: `bare ${n} some words of chat here and there` });
      const key = jobKey(`bare ${n}`);
      await store.journal.append([{ portal: portalId(1), lane: "outward", key, author: "@a:b", createdAtMs: 1, body }]);
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomOf(n % 10))}/send/m.room.message/bare${Math.random()}?user_id=%40a%3Ab`;
      const { body: answer } = await pool.request({
        method: "PUT",
        path,
        body,
        headers: { "content-type": "application/json" },
      });
      await answer.json();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - startedAt) / 1_000;
  await pool.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  return messages / seconds;
}
