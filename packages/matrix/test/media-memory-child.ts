/** A process of its own that moves one large file up and down and measures itself; asked by media-memory.test.ts. */
import { type MediaStream, systemClock, userId } from "@trestle/core";
import { createMemoryStore, createTestLog, createTestMeter } from "@trestle/testing";
import { request } from "undici";
import { createCaps } from "../src/caps.ts";
import { createClient } from "../src/client.ts";
import { createMedia } from "../src/media/media.ts";

export interface Measured {
  readonly bytesDown: number;
  readonly growthUp: number;
  readonly growthDown: number;
  readonly heldPeak: number;
  readonly mxc: string;
}

const [, , url = "", token = "", bot = "", size = "0", far = "", spooled = ""] = process.argv;
const bytes = Number(size);
const store = createMemoryStore();
const log = createTestLog();
const meter = createTestMeter();
const client = createClient({ url, token, clock: systemClock, meter, timeoutMs: 10_000 });
const caps = createCaps(client, store.kv, log);
const media = createMedia({
  url,
  token,
  client,
  caps,
  store: store.media,
  bot: userId(bot),
  clock: systemClock,
  log,
  meter,
  proxy: undefined,
});

/** As a connector does it: pulled from the network's own server. */
async function openMedia({ source }: { readonly source: string }): Promise<MediaStream> {
  const { body, headers } = await request(`${far}/${source}`);
  return {
    bytes: body,
    ...(spooled === "" ? { byteLength: Number(headers["content-length"]) } : {}),
    close: () => void body.on("error", () => undefined).destroy(),
  };
}

/** The most by which this process grew over what it had before. */
async function growthOf(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  await work();
  clearInterval(timer);
  return Math.max(peak, process.memoryUsage.rss()) - before;
}

await media.start({ openMedia });
const up = async (length: number) =>
  (await media.uploads.upload({ network: "n", source: String(length), mimeType: "video/mp4" }, "q")).mxc;
let bytesDown = 0;
const down = async (mxc: string) => {
  bytesDown = 0;
  for await (const piece of (await media.openMedia({ source: mxc })).bytes) bytesDown += piece.length;
};
// What the first transfers load and grow once is not the large one's.
await down(await up(8 * 1024 * 1024));
await down(await up(9 * 1024 * 1024));
let mxc = "";
const growthUp = await growthOf(async () => {
  mxc = await up(bytes);
});
const growthDown = await growthOf(() => down(mxc));
const measured: Measured = { bytesDown, growthUp, growthDown, heldPeak: media.budget.heldBytesPeak, mxc };
process.stdout.write(JSON.stringify(measured));
await media.stop();
await client.close();
