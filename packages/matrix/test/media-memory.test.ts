/**
 * A large file each way, in a process of its own whose memory is measured. 50 MB ordinarily; TRESTLE_MEDIA_BYTES=200000000 for
 * the size that the promise names.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { createSandboxHomeserver, registerPerson } from "@trestle/sandbox";
import { makeRegistration } from "../src/index.ts";
import type { Measured } from "./media-memory-child.ts";

const bytes = Number(process.env["TRESTLE_MEDIA_BYTES"] ?? 50_000_000);
const growthMax = 32 * 1024 * 1024;

const block = Buffer.alloc(64 * 1024, "far away ");

/** The remote network's file server: so many bytes as the path says. */
function farServer(): Server {
  return createServer((request, response) => {
    const wanted = Number(request.url?.slice(1));
    response.writeHead(200, { "content-length": wanted });
    const blocks = function* () {
      for (let at = 0; at < wanted; at += block.length) yield block.subarray(0, Math.min(block.length, wanted - at));
    };
    Readable.from(blocks()).pipe(response);
  });
}

const farUrl = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

test.each([
  ["of known length", ""],
  ["spooled first, since its source says no length", "spooled"],
])(
  "[C4 matrix] a large file each way, %s, grows the process by less than 32 MB",
  async (_what, spooled) => {
    const serverName = "large.test";
    const registration = makeRegistration({ span: "irc", serverName, url: "http://127.0.0.1:9", server: "synapse" });
    const media = { uploadBytesMax: bytes * 2 };
    const server = await createSandboxHomeserver({
      profile: "synapse",
      serverName,
      registrations: [registration],
      media,
    });
    const far = farServer();
    try {
      far.listen(0, "127.0.0.1");
      await once(far, "listening");
      await registerPerson(server.url, "alice");
      const bot = `@${registration.sender_localpart}:${serverName}`;
      const args = [server.url, registration.as_token, bot, String(bytes), farUrl(far), spooled];
      const child = join(__dirname, "media-memory-child.ts");
      const { stdout } = await promisify(execFile)(process.execPath, [
        "--expose-gc",
        "--conditions=source",
        child,
        ...args,
      ]);
      const measured = JSON.parse(stdout) as Measured;
      if (process.env["TRESTLE_MEDIA_BYTES"] !== undefined) process.stderr.write(`${stdout}\n`);
      expect(measured.bytesDown).toBe(bytes);
      expect(measured.growthUp).toBeLessThan(growthMax);
      expect(measured.growthDown).toBeLessThan(growthMax);
      expect(measured.heldPeak).toBeLessThanOrEqual(256 * 1024);
    } finally {
      far.close();
      await server.stop();
    }
  },
  120_000,
);
