/** Files through the whole homeserver port: what people in the room see, and what the world does at a public address. */
import {
  type Attachment,
  emptyLookup,
  type MatrixEvent,
  type PartKey,
  partKey,
  type RemoteAuthor,
  roomId,
  systemClock,
} from "@trestle/core";
import { createSandboxHomeserver, registerPerson, type SandboxHomeserver, type SandboxPerson } from "@trestle/sandbox";
import { aContent, createFakeFiles, createMemoryStore, createTestLog, createTestMeter } from "@trestle/testing";
import { createHomeserver, type HomeserverOptions, type MatrixHomeserver, makeRegistration } from "../src/index.ts";
import { triesMax } from "../src/media/tries.ts";
import { author, RememberingHost, until } from "./a-bridge.ts";
import { freePort } from "./free-port.ts";

const serverName = "media.test";
const publicUrl = "https://media.example.org";
const some = (bytes: number) => Buffer.alloc(bytes, "x");

class HostWithFiles extends RememberingHost {
  readonly files = createFakeFiles("far/");
  override openMedia({ source }: Pick<Attachment, "source">) {
    return this.files.open(source);
  }
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Stage {
  readonly server: SandboxHomeserver;
  readonly host: HostWithFiles;
  readonly alice: SandboxPerson;
  readonly room: string;
  readonly matrix: MatrixHomeserver;
  /** The same without public addresses; not started. */
  readonly withoutProxy: MatrixHomeserver;
  reopen(): Promise<MatrixHomeserver>;
  send(files: readonly Attachment[], key: PartKey, text?: string): Promise<string[]>;
  events(): Promise<readonly { readonly event_id: string; readonly content: Record<string, unknown> }[]>;
  /** A public address, asked at the port that listens here. */
  get(url: string | undefined): Promise<Response>;
}

async function aStage(media: Parameters<typeof createSandboxHomeserver>[0]["media"] = {}): Promise<Stage> {
  const listen = { host: "127.0.0.1", port: await freePort() };
  const url = `http://127.0.0.1:${listen.port}`;
  const registration = makeRegistration({ span: "irc", serverName, url, server: "synapse" });
  const server = await createSandboxHomeserver({
    profile: "synapse",
    serverName,
    registrations: [registration],
    media,
  });
  open.push(() => server.stop());
  const options: HomeserverOptions = {
    url: server.url,
    serverName,
    span: "irc",
    registration,
    listen,
    store: createMemoryStore(),
    clock: systemClock,
    log: createTestLog(),
    meter: createTestMeter(),
    heartbeatMs: 100,
    canaryIntervalMs: 300,
    patrolMs: 0,
    media: { listen: { host: "127.0.0.1", port: 0 }, publicUrl, key: "a key of at least thirty-two bytes" },
  };
  const host = new HostWithFiles();
  const begin = async () => {
    const matrix = createHomeserver(options);
    let stopped = false;
    const stop = async () => {
      if (!stopped) await matrix.stop(50);
      stopped = true;
    };
    open.push(stop);
    await matrix.start(host);
    await matrix.settled();
    return { matrix, stop };
  };
  let { matrix, stop } = await begin();
  const alice = await registerPerson(server.url, "alice");
  const room = await alice.createRoom({ preset: "public_chat", room_version: "11" });
  await alice.invite(room, matrix.userId);
  await matrix.joinRoom(room);
  const bob: RemoteAuthor = author("bob", "Bob");
  return {
    server,
    host,
    alice,
    room,
    get matrix() {
      return matrix;
    },
    withoutProxy: createHomeserver(withoutMedia(options)),
    reopen: async () => {
      await stop();
      ({ matrix, stop } = await begin());
      return matrix;
    },
    send: async (attachments, key, text) => {
      const content = { ...aContent(text ?? ""), ...(text === undefined ? { text: [] } : {}), attachments };
      const parts = matrix.plan(roomId(room), { kind: "message", content }, bob, emptyLookup);
      const ids: string[] = [];
      for (const [index, part] of parts.entries())
        ids.push(await matrix.sendPart(roomId(room), part, bob, `${key}/${index}` as PartKey));
      return ids;
    },
    events: async () => (await alice.history(room)).filter(({ type }) => type === "m.room.message"),
    get: (address) => fetch(`http://127.0.0.1:${matrix.media.port}${String(address).slice(publicUrl.length)}`),
  };
}

const withoutMedia = ({ media: _, ...rest }: HomeserverOptions): HomeserverOptions => rest;

const key = partKey("job" as never, 0);
const picture = (source: string, more: Partial<Attachment> = {}): Attachment => ({
  kind: "image",
  name: "cat.png",
  mimeType: "image/png",
  source,
  ...more,
});

describe("[C4 matrix] a file on its way into a room", () => {
  test("larger than the server takes: its name, size and the reason stand there, with its caption", async () => {
    const stage = await aStage({ uploadBytesMax: 1_000_000 });
    const source = stage.host.files.put(some(2_500_000));
    await stage.send([picture(source, { byteLength: 2_500_000 })], key, "my cat");
    const [event, ...rest] = await stage.events();
    expect(rest).toHaveLength(0);
    expect(event?.content).toMatchObject({
      msgtype: "m.text",
      body: "my cat\n[cat.png (image/png, 2.5 MB): too large: 2.5 MB, and this homeserver takes 1.0 MB]",
    });
    expect(stage.server.media.counts()).toEqual({ files: 0, pending: 0 });
  });

  test("with its small picture; without it when that one is gone", async () => {
    const stage = await aStage();
    const { files } = stage.host;
    const thumbnail = {
      source: files.put(some(100), { mimeType: "image/jpeg" }),
      mimeType: "image/jpeg",
      width: 1,
      height: 2,
    };
    await stage.send([picture(files.put(some(1000)), { thumbnail })], key);
    await stage.send(
      [picture(files.put(some(1001)), { thumbnail: { ...thumbnail, source: "far/gone" } })],
      `${key}b` as PartKey,
    );
    const [first, second] = await stage.events();
    const { thumbnail_url: url } = { ...(first?.content["info"] as { thumbnail_url?: string } | undefined) };
    expect((await stage.alice.download(String(url))).bytes).toHaveLength(100);
    expect(first?.content["info"]).toMatchObject({ thumbnail_info: { mimetype: "image/jpeg", w: 1, h: 2 } });
    expect(second?.content["info"]).toEqual({ mimetype: "image/png", size: 1001 });
  });

  test("[L1] stopped between the upload and the event: one file, one event", async () => {
    const stage = await aStage();
    const source = stage.host.files.put(some(1000));
    await stage.send([picture("far/none")], `${key}warm` as PartKey);
    stage.server.faults.failNext(500, { match: { path: /\/send\// } });
    await expect(stage.send([picture(source)], key)).rejects.toMatchObject({ retry: expect.anything() });
    expect(stage.server.media.counts().files).toBe(1);
    await stage.reopen();
    await stage.send([picture(source)], key);
    await stage.send([picture(source)], key);
    expect(stage.server.media.counts()).toEqual({ files: 1, pending: 0 });
    expect((await stage.events()).filter(({ content }) => content["msgtype"] === "m.image")).toHaveLength(1);
    expect(stage.host.files.opened).toEqual([source]);
  });

  test("that always breaks is said after some tries; meanwhile it is a failure to be tried again", async () => {
    const stage = await aStage();
    const source = stage.host.files.put(some(200_000));
    stage.host.files.breakNext(100);
    for (let tries = 0; tries < triesMax - 1; tries++)
      await expect(stage.send([picture(source)], key)).rejects.toMatchObject({ code: "media-failed", retry: "later" });
    await stage.send([picture(source)], key);
    const [event] = await stage.events();
    expect(event?.content).toMatchObject({
      msgtype: "m.text",
      body: expect.stringMatching(/^\[cat\.png .*could not be fetched/),
    });
  });
});

describe("[S2 matrix] the media proxy of a bridge", () => {
  async function published(stage: Stage, content: Record<string, unknown>, what: "file" | "text") {
    const id = await stage.alice.say(stage.room, content);
    await until("the event came", () => stage.host.taken.some(({ event_id }) => event_id === id));
    const event = stage.host.taken.find(({ event_id }) => event_id === id) as MatrixEvent;
    return { id, url: await stage.matrix.publish(event, what) };
  }

  test("serves what was published until it is redacted, and then no more, at once", async () => {
    const stage = await aStage();
    const mxc = await stage.alice.upload(some(100_000), "image/png");
    const { id, url } = await published(stage, { msgtype: "m.image", body: "cat.png", url: mxc }, "file");
    const answer = await stage.get(url);
    expect([answer.status, answer.headers.get("content-type"), (await answer.arrayBuffer()).byteLength]).toEqual([
      200,
      "image/png",
      100_000,
    ]);
    await stage.alice.redact(stage.room, id);
    await until("the redaction came", () => stage.host.taken.some(({ type }) => type === "m.room.redaction"));
    expect((await stage.get(url)).status).toBe(410);
  });

  test("serves a long text as plain text, and its address lives on after a restart of ours", async () => {
    const stage = await aStage();
    const { url } = await published(stage, { msgtype: "m.text", body: "<script>long</script>" }, "text");
    await stage.reopen();
    const answer = await stage.get(url);
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "<script>long</script>",
    ]);
  });

  test("never shows a page or a drawing inline, whatever the event calls it", async () => {
    const stage = await aStage();
    const mxc = await stage.alice.upload(Buffer.from("<svg onload=alert(1)>"), "image/svg+xml");
    const { url } = await published(
      stage,
      { msgtype: "m.image", body: "x.png", url: mxc, info: { mimetype: "image/png" } },
      "file",
    );
    const { headers } = await stage.get(url);
    expect(headers.get("content-disposition")).toMatch(/^attachment/);
    expect(headers.get("content-type")).toBe("application/octet-stream");
  });

  test("gives no address without its config, and frees its port at the end", async () => {
    const stage = await aStage();
    const mxc = await stage.alice.upload(some(10), "image/png");
    const { url, id } = await published(stage, { msgtype: "m.image", body: "cat.png", url: mxc }, "file");
    expect(url).toBeDefined();
    const event = stage.host.taken.find(({ event_id }) => event_id === id) as MatrixEvent;
    expect(await stage.withoutProxy.publish(event, "file")).toBeUndefined();
    const port = stage.matrix.media.port;
    await stage.matrix.stop(0);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
