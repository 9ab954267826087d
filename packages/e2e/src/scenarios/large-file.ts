/** A large file through the span: its memory hardly grows, whatever the size. */
import { createHash } from "node:crypto";
import type { Report } from "../report.ts";
import { freePort } from "../servers/process.ts";
import type { Stage } from "../stage.ts";
import { claim, mark, pause, reconfigure } from "./scenario.ts";

const growthMax = 32 * 1024 * 1024;
const mebibyte = 1024 * 1024;

/** `megabytes` must be within what the stage's homeserver takes. */
export async function largeFile(stage: Stage, report: Report, where: string, megabytes: number): Promise<void> {
  const what = `a file of ${megabytes} MB goes through with less than 32 MB of memory`;
  await report.check(`${where}: ${what}`, async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    await reconfigure(stage, { media: { listen, url: `http://${listen}` } });
    try {
      report.note(await goesThrough(stage, megabytes));
    } finally {
      await reconfigure(stage, {});
    }
  });
}

async function goesThrough({ alice, carol, room, span }: Stage, megabytes: number): Promise<string> {
  const bytes = new Uint8Array(megabytes * mebibyte);
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = (at / 4096) % 251;
  const name = `${mark("large").replace(" ", "-")}.bin`;
  const url = await alice.upload(bytes, "application/octet-stream", name);
  const before = carol.lines.length;
  await alice.say(room, { msgtype: "m.file", body: name, url, info: { size: bytes.length } });
  const line = await carol.wait((one) => one.command === "PRIVMSG" && one.raw.includes("http"), 15_000, before);
  const address = /https?:\/\/\S+/.exec(line.params[1] ?? "")?.[0] ?? "";
  // the first pass warms the code up, as any span that runs for a while is
  await (await fetch(address, { headers: { range: "bytes=0-65535" } })).arrayBuffer();
  const start = span.residentBytes();
  let highest = start;
  let watching = true;
  const watch = (async () => {
    for (; watching; await pause(20)) highest = Math.max(highest, span.residentBytes());
  })();
  const began = Date.now();
  const hash = createHash("sha256");
  const answer = await fetch(address);
  claim(answer.ok && answer.body !== null, `its address answers ${answer.status}`);
  for await (const piece of answer.body) hash.update(piece);
  const tookMs = Date.now() - began;
  watching = false;
  await watch;
  claim(hash.digest("hex") === createHash("sha256").update(bytes).digest("hex"), "it arrived as something else");
  const growth = highest - start;
  claim(growth < growthMax, `the span grew by ${Math.round(growth / mebibyte)} MB`);
  return `the span grew by ${(growth / mebibyte).toFixed(1)} MB; ${Math.round((megabytes * 1000) / tookMs)} MB/s`;
}
