import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { readMedia } from "@trestle/testing";
import { mediaBytesMax, windowBytes } from "../src/media/budget.ts";
import { triesMax } from "../src/media/tries.ts";
import { aMediaStage, closeMediaStages, codeOf, generated } from "./media-stage.ts";

afterEach(closeMediaStages);

const mebibyte = 1024 * 1024;
const some = (bytes: number) => Buffer.alloc(bytes, "x");

describe.each(["synapse", "conduit", "dendrite", "conduwuit", "continuwuity", "tuwunel"] as const)(
  "[C4 matrix] files on %s",
  (profile) => {
    test("go up and come down as they are, with their type", async () => {
      const stage = await aMediaStage(profile);
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_one, index) => index % 253));
      const { mxc, byteLength, mimeType } = await stage.upload(stage.files.put(bytes));
      expect({ byteLength, mimeType }).toEqual({ byteLength: 300_000, mimeType: "image/png" });
      const there = await stage.alice.download(mxc);
      expect([there.mimeType, bytes.equals(there.bytes)]).toEqual(["image/png", true]);
      const stream = await stage.media.openMedia({ source: mxc });
      expect(stream).toMatchObject({ byteLength: 300_000, mimeType: "image/png" });
      expect(bytes.equals(await readMedia(stream))).toBe(true);
      expect(stage.media.budget.reservedBytes).toBe(0);
    });

    test("a file of a person comes down; one that is gone, or was never there, is told as gone", async () => {
      const stage = await aMediaStage(profile);
      const mxc = await stage.alice.upload(some(100_000), "text/plain");
      expect(await readMedia(await stage.media.openMedia({ source: mxc }))).toHaveLength(100_000);
      stage.server.media.remove(mxc);
      expect(await codeOf(stage.media.openMedia({ source: mxc }))).toBe("media-gone");
      for (const source of ["mxc://files.test/never", "https://x", "mxc://files.test/../x", ""])
        expect(await codeOf(stage.media.openMedia({ source }))).toBe("media-gone");
      expect(stage.media.budget.reservedBytes).toBe(0);
    });

    test("the server's own limit is honoured before a byte is sent", async () => {
      const stage = await aMediaStage(profile, { uploadBytesMax: 1000 });
      const source = stage.files.put(some(1001));
      let read = 0;
      stage.opens = async (name) => {
        const stream = await stage.files.open(name);
        const bytes = async function* () {
          for await (const piece of stream.bytes) {
            read += 1;
            yield piece;
          }
        };
        return { ...stream, bytes: bytes() };
      };
      await expect(stage.upload(source)).rejects.toMatchObject({
        code: "media-too-large",
        notice: expect.stringContaining("1 kB"),
      });
      expect(read).toBe(0);
      expect((await stage.upload(stage.files.put(some(1000)))).byteLength).toBe(1000);
    });

    test("an upload cut in the middle is tried again and ends as one file", async () => {
      const stage = await aMediaStage(profile);
      const source = stage.files.put(some(2 * mebibyte));
      stage.server.media.cutUploads(1, 500_000);
      expect(await codeOf(stage.upload(source))).toBe("media-failed");
      const { mxc } = await stage.upload(source);
      expect((await stage.alice.download(mxc)).bytes).toHaveLength(2 * mebibyte);
      expect(stage.server.media.counts()).toEqual({ files: 1, pending: 0 });
      expect(stage.media.budget.reservedBytes).toBe(0);
    });

    test("a source of unknown length goes up whole, or is too large", async () => {
      const stage = await aMediaStage(profile, { uploadBytesMax: 3 * mebibyte });
      const bytes = some(2 * mebibyte + 17);
      const { mxc, byteLength } = await stage.upload(stage.files.put(bytes, { unknownLength: true }));
      expect(byteLength).toBe(bytes.length);
      expect((await stage.alice.download(mxc)).bytes).toHaveLength(bytes.length);
      const endless = stage.files.put(some(3 * mebibyte + 1), { unknownLength: true });
      expect(await codeOf(stage.upload(endless))).toBe("media-too-large");
      expect(stage.media.budget.reservedBytes).toBe(0);
    });
  },
);

describe("[C4 matrix] an upload happens once", () => {
  test("for a source that was uploaded before, by this process or a former one", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    const { mxc } = await stage.upload(source);
    expect((await stage.upload(source)).mxc).toBe(mxc);
    const later = await stage.again();
    expect((await later.uploads.upload({ network: "net", source, mimeType: "image/png" }, "q")).mxc).toBe(mxc);
    expect(stage.files.opened).toEqual([source]);
    // The same words of another network are another file.
    const other = await later.uploads.upload({ network: "other", source, mimeType: "image/png" }, "q");
    expect(other.mxc).not.toBe(mxc);
  });

  test("for a source that is wanted twice at one time", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(100_000));
    const all = await Promise.all([1, 2, 3].map(() => stage.upload(source)));
    expect(new Set(all.map(({ mxc }) => mxc)).size).toBe(1);
    expect(stage.server.media.counts().files).toBe(1);
  });

  test("killed between the upload and its event, in both ways of uploading", async () => {
    for (const asyncUploads of [true, false]) {
      const stage = await aMediaStage("synapse", { asyncUploads });
      const source = stage.files.put(some(1000));
      const { mxc } = await stage.upload(source);
      const later = await stage.again();
      expect((await later.uploads.upload({ network: "net", source, mimeType: "image/png" }, "q")).mxc).toBe(mxc);
      expect(stage.server.media.counts()).toEqual({ files: 1, pending: 0 });
    }
  });

  test("[L1] killed between the address and the bytes: the next process fills the same address", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    stage.server.faults.failNext(500, { match: { method: "PUT" } });
    expect(await codeOf(stage.upload(source))).toBe("media-failed");
    expect(stage.server.media.counts()).toEqual({ files: 0, pending: 1 });
    const later = await stage.again();
    await later.uploads.upload({ network: "net", source, mimeType: "image/png" }, "q");
    expect(stage.server.media.counts()).toEqual({ files: 1, pending: 0 });
  });

  test("[L1] the answer to the bytes was lost: the address says that they are there", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    const { mxc } = await stage.upload(source);
    await stage.store.media.put(
      `upload/net/${source}`,
      JSON.stringify({ mxc, mimeType: "image/png", pending: true }),
      9e15,
    );
    expect((await stage.upload(source)).mxc).toBe(mxc);
    expect(stage.server.media.counts()).toEqual({ files: 1, pending: 0 });
  });

  test("an address that the server forgot is replaced at the next try", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    const row = JSON.stringify({ mxc: "mxc://files.test/forgotten", mimeType: "image/png", pending: true });
    await stage.store.media.put(`upload/net/${source}`, row, 9e15);
    expect(await codeOf(stage.upload(source))).toBe("media-failed");
    expect((await stage.upload(source)).mxc).not.toContain("forgotten");
  });

  test("what is on Matrix already is not uploaded again", async () => {
    const stage = await aMediaStage();
    const mxc = await stage.alice.upload(some(10));
    expect((await stage.upload(mxc)).mxc).toBe(mxc);
    expect(stage.server.media.counts().files).toBe(1);
  });
});

describe("[C4 matrix] what goes wrong on the way", () => {
  test("[L2] a file that always breaks is given up after some tries, so that nothing waits behind it", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(200_000));
    stage.files.breakNext(100);
    const codes: string[] = [];
    for (let index = 0; index < triesMax; index++) codes.push(await codeOf(stage.upload(source)));
    const given = [...new Array<string>(triesMax - 1).fill("media-failed"), "media-gone"];
    expect(codes).toEqual(given);
    const mxc = await stage.alice.upload(some(200_000));
    stage.server.media.cutDownloads(100, 70_000);
    const down: string[] = [];
    for (let index = 0; index < triesMax; index++)
      down.push(await codeOf(stage.media.openMedia({ source: mxc }).then(readMedia)));
    expect(down).toEqual(given);
    expect(stage.media.budget.reservedBytes).toBe(0);
  });

  test("a source that says more or less than it gives fails, and leaves no file", async () => {
    const stage = await aMediaStage();
    for (const byteLength of [50, 150]) {
      stage.opens = async () => ({ bytes: generated(100), byteLength, close: () => undefined });
      expect(await codeOf(stage.upload(`far/${byteLength}`))).toBe("media-failed");
    }
    expect(stage.server.media.counts().files).toBe(0);
  });

  test("a source, and a server, that stand still are left", async () => {
    const stage = await aMediaStage("synapse", {}, 100);
    let closed = 0;
    stage.opens = async () => ({
      bytes: (async function* () {
        yield some(10);
        await pause(60_000, undefined, { ref: false });
      })(),
      byteLength: 100,
      close: () => {
        closed += 1;
      },
    });
    expect(await codeOf(stage.upload("far/still"))).toBe("media-failed");
    expect(closed).toBeGreaterThan(0);
    const mxc = await stage.alice.upload(some(mebibyte));
    const stream = await stage.media.openMedia({ source: mxc });
    // Nobody reads it: it is let go, and says so to who comes late.
    await pause(300);
    expect(stage.media.budget.reservedBytes).toBe(0);
    expect(await codeOf(readMedia(stream))).toBe("media-failed");
  });

  test("[L6] a homeserver that is away is no fault of the file", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    await stage.upload(stage.files.put(some(10)));
    await stage.server.stop();
    // A connection that breaks under a file may be the file's doing; after that nobody answers at all.
    await codeOf(stage.upload(source));
    for (let index = 0; index < 6; index++) expect(await codeOf(stage.upload(source))).toBe("homeserver-unreachable");
    expect(await codeOf(stage.media.openMedia({ source: "mxc://files.test/x" }))).toBe("homeserver-unreachable");
    await stage.server.start();
    expect((await stage.upload(source)).byteLength).toBe(1000);
  });

  test("[L6] a web server in front that speaks for an absent homeserver is no fault of the file either", async () => {
    const stage = await aMediaStage();
    const source = stage.files.put(some(1000));
    const front: Server = createServer((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
    });
    const port = stage.server.port;
    await stage.server.stop();
    front.listen(port, "127.0.0.1");
    await once(front, "listening");
    await codeOf(stage.upload(source));
    for (let index = 0; index < triesMax + 2; index++)
      expect(await codeOf(stage.upload(source))).toBe("homeserver-unreachable");
    expect(await codeOf(stage.media.openMedia({ source: "mxc://files.test/x" }))).toBe("homeserver-unreachable");
    front.closeAllConnections();
    front.close();
  });

  test("a server without authenticated media is asked in the old way, and that is remembered", async () => {
    const stage = await aMediaStage("dendrite", { authenticated: false });
    const { mxc } = await stage.upload(stage.files.put(some(5000)));
    for (let index = 0; index < 2; index++)
      expect(await readMedia(await stage.media.openMedia({ source: mxc }))).toHaveLength(5000);
    expect((await stage.store.kv.list("matrix/lacks/")).map(({ key }) => key)).toContain("matrix/lacks/auth-media");
  });

  test("[S1 matrix] a picture that comes as a page is uploaded as neither", async () => {
    const stage = await aMediaStage();
    const page = stage.files.put("<script>alert(1)</script>", { mimeType: "text/html" });
    expect((await stage.upload(page)).mimeType).toBe("application/octet-stream");
    expect((await stage.upload(stage.files.put("x"), { mimeType: "image/png\r\nx: y" })).mimeType).toBe(
      "application/octet-stream",
    );
  });

  test("[S1 matrix] media that lie elsewhere are followed without our token", async () => {
    const seen: (string | undefined)[] = [];
    const cdn: Server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end("from elsewhere");
    });
    cdn.listen(0, "127.0.0.1");
    await once(cdn, "listening");
    const place = `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/file`;
    const home: Server = createServer((request, response) => {
      const target = request.url?.includes("loop")
        ? "/_matrix/client/v1/media/download/a/loop"
        : request.url?.includes("odd")
          ? "file:///etc/passwd"
          : place;
      response.writeHead(307, { location: target }).end();
    });
    home.listen(0, "127.0.0.1");
    await once(home, "listening");
    const { createMediaHttp } = await import("../src/media/http.ts");
    const { systemClock, userId } = await import("@trestle/core");
    const url = `http://127.0.0.1:${(home.address() as AddressInfo).port}`;
    const http = createMediaHttp({ url, token: "secret", clock: systemClock, stallMs: 1000, connections: 2 });
    const get = (id: string) => http.get(`/_matrix/client/v1/media/download/a/${id}`, userId("@b:a"));
    const answer = await get("x");
    expect(await readMedia({ ...answer, close: () => undefined })).toEqual(Buffer.from("from elsewhere"));
    expect(seen).toEqual([undefined]);
    await expect(get("loop")).rejects.toThrow();
    await expect(get("odd")).rejects.toThrow();
    await http.close();
    cdn.close();
    home.close();
  });
});

describe("[C4 matrix] memory", () => {
  test("50 files at once, up and down, stay below 64 MB and all arrive", async () => {
    const stage = await aMediaStage("synapse", { uploadBytesMax: 100 * mebibyte });
    const size = 2 * mebibyte;
    const digest = createHash("sha256");
    for await (const piece of generated(size)) digest.update(piece);
    const wanted = digest.digest("hex");
    stage.opens = async () => ({ bytes: generated(size), byteLength: size, close: () => undefined });
    const up = await Promise.all(Array.from({ length: 50 }, (_one, index) => stage.upload(`far/${index}`)));
    expect(new Set(up.map(({ mxc }) => mxc)).size).toBe(50);
    const { budget } = stage.media;
    expect(budget.reservedBytesPeak).toBeGreaterThan(25 * windowBytes);
    expect(budget.reservedBytesPeak).toBeLessThanOrEqual(50 * windowBytes);
    const digests = await Promise.all(
      up.map(async ({ mxc }) => {
        const stream = await stage.media.openMedia({ source: mxc });
        const hash = createHash("sha256");
        for await (const piece of stream.bytes) hash.update(piece);
        return hash.digest("hex");
      }),
    );
    expect(new Set(digests)).toEqual(new Set([wanted]));
    expect(budget.reservedBytesPeak).toBeLessThanOrEqual(mediaBytesMax);
    expect(budget.heldBytesPeak).toBeGreaterThan(0);
    expect(budget.heldBytesPeak).toBeLessThanOrEqual(50 * 128 * 1024);
    expect([budget.reservedBytes, budget.heldBytes]).toEqual([0, 0]);
  });
});
