/// <reference types="jest" />
/** The contract's part on files: carried whole, once, in order, said when they cannot be; opened by their source. */
import {
  type Attachment,
  type EventId,
  emptyLookup,
  type Homeserver,
  type MatrixEvent,
  type PartKey,
  type RemoteAuthor,
  roomId,
} from "@trestle/core";
import { aContent } from "./builders.ts";
import { type FakeFiles, readMedia } from "./fake-media.ts";
import { freshAuthor, freshKey, freshName, type TrialEvent, until } from "./homeserver-trial.ts";

/** A started implementation whose host's files are `files`, and a person with files of his own. */
export interface MediaUnderTest {
  readonly homeserver: Homeserver;
  readonly files: FakeFiles;
  room(): Promise<string>;
  history(room: string): Promise<readonly TrialEvent[]>;
  say(room: string, content: Readonly<Record<string, unknown>>): Promise<string>;
  /** Events of this room that the bridge was given. */
  taken(room: string): readonly MatrixEvent[];
  upload(bytes: Uint8Array, mimeType: string): Promise<string>;
  download(mxc: string): Promise<{ readonly bytes: Uint8Array; readonly mimeType: string }>;
}

export function describeMedia(get: () => MediaUnderTest): void {
  describe("files", () => {
    describeFilesIn(get);
    describeFilesOut(get);
  });
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text.repeat(2_000));

const picture = (source: string, more: Partial<Attachment> = {}): Attachment => ({
  kind: "image",
  name: "cat.png",
  mimeType: "image/png",
  source,
  ...more,
});

async function send(
  { homeserver }: MediaUnderTest,
  room: string,
  attachments: readonly Attachment[],
  { text, author = freshAuthor("Bob"), key }: { text?: string; author?: RemoteAuthor; key?: PartKey } = {},
): Promise<EventId[]> {
  const content = text === undefined ? { ...aContent(""), text: [] } : aContent(text);
  const parts = homeserver.plan(
    roomId(room),
    { kind: "message", content: { ...content, attachments } },
    author,
    emptyLookup,
  );
  const ids: EventId[] = [];
  for (const part of parts) ids.push(await homeserver.sendPart(roomId(room), part, author, key ?? freshKey()));
  return ids;
}

const urlOf = (event: TrialEvent | undefined): string => String(event?.content["url"]);

function describeFilesIn(get: () => MediaUnderTest): void {
  it("[C4] a file of the network is an event of its ghost, and whoever is in the room can fetch it whole", async () => {
    const { files, room, history, homeserver, download } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    const bytes = bytesOf("a picture ");
    const [id] = await send(get(), here, [picture(files.put(bytes, { source: freshName("far/") }))], { author: bob });
    const event = (await history(here)).find((one) => one.event_id === id);
    expect(event).toMatchObject({
      sender: homeserver.ghostOf(bob),
      type: "m.room.message",
      content: { msgtype: "m.image", body: "cat.png", info: { mimetype: "image/png", size: bytes.length } },
    });
    expect(urlOf(event)).toMatch(/^mxc:\/\//);
    const there = await download(urlOf(event));
    expect(Buffer.compare(there.bytes, bytes)).toBe(0);
  });

  it("[C4] [L1] the same key again is one event, and its file is fetched and uploaded once", async () => {
    const { files, room, history } = get();
    const here = await room();
    const source = files.put(bytesOf("once "), { source: freshName("far/") });
    const key = freshKey();
    const author = freshAuthor("Bob");
    const first = await send(get(), here, [picture(source)], { key, author });
    expect(await send(get(), here, [picture(source)], { key, author })).toEqual(first);
    expect((await history(here)).filter(({ content }) => content["msgtype"] === "m.image")).toHaveLength(1);
    expect(files.opened.filter((one) => one === source)).toHaveLength(1);
  });

  it("[C4] several files stand in their order, and what was said with them is there", async () => {
    const { files, room, history } = get();
    const here = await room();
    const names = ["one.png", "two.png", "three.png"];
    const album = names.map((name) => picture(files.put(bytesOf(name), { source: freshName("far/") }), { name }));
    await send(get(), here, album, { text: "my holidays" });
    const events = (await history(here)).filter(({ type }) => type === "m.room.message");
    expect(events.flatMap(({ content }) => content["filename"] ?? [])).toEqual(names);
    expect(events.filter(({ content }) => String(content["body"]).includes("my holidays"))).toHaveLength(1);
    expect(String(events[0]?.content["body"])).toContain("my holidays");
  });

  it("[C4] a file that is gone becomes words that name it", async () => {
    const { room, history } = get();
    const here = await room();
    const [id] = await send(get(), here, [picture(freshName("far/gone"), { name: "lost.png" })]);
    const event = (await history(here)).find((one) => one.event_id === id);
    expect(event?.content["msgtype"]).toBe("m.text");
    expect(event?.content["url"]).toBeUndefined();
    expect(String(event?.content["body"])).toContain("lost.png");
  });

  it("[C4] a file that breaks off rejects with media-failed, and the next try under the same key carries it", async () => {
    const { files, room, history, download } = get();
    const here = await room();
    const bytes = Buffer.alloc(300_000, "broken ");
    const source = files.put(bytes, { source: freshName("far/") });
    files.breakNext();
    const key = freshKey();
    const author = freshAuthor("Bob");
    await expect(send(get(), here, [picture(source)], { key, author })).rejects.toMatchObject({
      code: "media-failed",
      retry: "later",
    });
    await send(get(), here, [picture(source)], { key, author });
    const events = (await history(here)).filter(({ content }) => content["msgtype"] === "m.image");
    expect(events).toHaveLength(1);
    expect((await download(urlOf(events[0]))).bytes).toHaveLength(bytes.length);
  });

  it("[C4] a file whose source says no length arrives whole", async () => {
    const { files, room, history, download } = get();
    const here = await room();
    const bytes = bytesOf("endless? ");
    await send(get(), here, [picture(files.put(bytes, { source: freshName("far/"), unknownLength: true }))]);
    const event = (await history(here)).find(({ content }) => content["msgtype"] === "m.image");
    expect((await download(urlOf(event))).bytes).toHaveLength(bytes.length);
  });
}

function describeFilesOut(get: () => MediaUnderTest): void {
  it("[C4] a person's file is described without a download, and opened by its source", async () => {
    const { homeserver, room, say, taken, upload } = get();
    const here = await room();
    const bytes = bytesOf("a person's ");
    const url = await upload(bytes, "image/png");
    const info = { mimetype: "image/png", size: bytes.length, w: 3, h: 4 };
    const id = await say(here, { msgtype: "m.image", body: "mine.png", filename: "mine.png", url, info });
    await until("the event came", () => taken(here).some(({ event_id }) => event_id === id));
    const event = taken(here).find(({ event_id }) => event_id === id) as MatrixEvent;
    const meaning = homeserver.interpret(event);
    expect(meaning).toMatchObject({
      kind: "action",
      action: {
        kind: "message",
        content: {
          attachments: [
            { kind: "image", name: "mine.png", mimeType: "image/png", byteLength: bytes.length, source: url },
          ],
        },
      },
    });
    const stream = await homeserver.openMedia({ source: url });
    expect(stream.byteLength).toBe(bytes.length);
    expect(Buffer.compare(await readMedia(stream), bytes)).toBe(0);
  });

  it("[C4] a stream may be left before its end, twice", async () => {
    const { homeserver, upload } = get();
    const stream = await homeserver.openMedia({ source: await upload(Buffer.alloc(500_000), "image/png") });
    for await (const piece of stream.bytes) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    stream.close();
    stream.close();
  });

  it("[C4] what is not there rejects with media-gone", async () => {
    const { homeserver } = get();
    for (const source of [`mxc://${homeserver.serverName}/neverThere`, "", "https://elsewhere.test/x"])
      await expect(homeserver.openMedia({ source })).rejects.toMatchObject({ code: "media-gone", retry: "never" });
  });

  it("[S2] an address is the same for the same event, and there is none for what has no file", async () => {
    const { homeserver, room } = get();
    const content = { msgtype: "m.file", body: "x", url: `mxc://${homeserver.serverName}/abc` };
    const event = {
      event_id: "$public",
      room_id: await room(),
      sender: "@alice:x",
      type: "m.room.message",
      origin_server_ts: 1,
      content,
    };
    const address = await homeserver.publish(event as never, "file");
    expect(await homeserver.publish(event as never, "file")).toBe(address);
    expect(
      await homeserver.publish({ ...event, content: { msgtype: "m.text", body: "x" } } as never, "file"),
    ).toBeUndefined();
  });
}
