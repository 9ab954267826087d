/** Files: what the public addresses give, against a bare copy from the same homeserver in the same run, and what it costs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "undici";
import { freePorts } from "../servers/process.ts";
import { prepareBridge } from "./bridge-under-test.ts";
import type { Measure } from "./measures.ts";

const fileBytes = 200 * 1_024 * 1_024;
const turns = 3;
const mebi = 1_024 * 1_024;

export const files: Measure = async (far, tell) => {
  tell("files: 200 MB by a public address, against a bare streaming copy");
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const bridge = await prepareBridge(far, { portals: 10, more: { media: { listen: `127.0.0.1:${port}`, url } } });
  const copy = await startBareCopy(far.url);
  try {
    await download(await far.shareFile(mebi));
    const idle = bridge.rssBytes();
    let peak = idle;
    const watch = setInterval(() => {
      peak = Math.max(peak, bridge.rssBytes());
    }, 50);
    const ratios: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const bare = await download(`${copy.url}/_matrix/client/v1/media/download/bench/${fileBytes}`);
      const ours = await download(await far.shareFile(fileBytes));
      tell(`  ${ours.toFixed(0)} MB/s against ${bare.toFixed(0)} MB/s bare`);
      ratios.push(ours / bare);
    }
    clearInterval(watch);
    return [
      { name: "a file by its address, of a bare copy", value: median(ratios), unit: "", atLeast: 0.5 },
      { name: "memory for files of 200 MB", value: (peak - idle) / mebi, unit: "MB", atMost: 32 },
    ];
  } finally {
    copy.end();
    await bridge.stop();
  }
};

/** MB a second. */
async function download(url: string): Promise<number> {
  const startedAt = performance.now();
  const { statusCode, body } = await request(url);
  let bytes = 0;
  for await (const piece of body) bytes += (piece as Buffer).length;
  if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
  const expected = Number(/\d{5,}$/u.exec(url)?.[0] ?? bytes);
  if (bytes !== expected) throw new Error(`${bytes} bytes of ${expected} came`);
  return bytes / mebi / ((performance.now() - startedAt) / 1_000);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The least that can stand between: a process that pipes the homeserver's answer through. */
async function startBareCopy(upstream: string): Promise<{ readonly url: string; end(): void }> {
  const program = `
    import { createServer, request } from "node:http";
    import { pipeline } from "node:stream";
    const server = createServer((asked, answer) => {
      request(${JSON.stringify(upstream)} + asked.url, (found) => {
        answer.writeHead(found.statusCode, { "content-length": found.headers["content-length"] });
        pipeline(found, answer, () => {});
      }).end();
    });
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  `;
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [port] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { url: `http://127.0.0.1:${Number(port.toString())}`, end: () => void child.kill("SIGKILL") };
}
