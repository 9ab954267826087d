import { type Action, type Attachment, type Content, type EventId, emptyLookup, eventId } from "@trestle/core";
import { aContent, hostileSnippets } from "@trestle/testing";
import { interpret } from "../src/inbound.ts";
import { fileMissing, withAddress } from "../src/media/file.ts";
import { type MatrixPart, noticeContent, plan as planned } from "../src/outbound.ts";
import { author } from "./a-bridge.ts";

const plan = (action: Action<EventId>): MatrixPart[] => planned(action, author("ann", "Ann"), emptyLookup) as never;
const event = (part: MatrixPart | undefined) =>
  (part as Extract<MatrixPart, { op: "event" }>).content as Record<string, never>;
const message = (content: Content, more = {}) => plan({ kind: "message", content, ...more });

test.each([
  ["text", "m.text"],
  ["emote", "m.emote"],
  ["notice", "m.notice"],
] as const)("[C3 matrix] %s goes as %s", (style, msgtype) => {
  const [part] = message({ ...aContent("hi"), style });
  expect(part).toMatchObject({
    op: "event",
    type: "m.room.message",
    content: { msgtype, body: "hi", "m.mentions": {} },
  });
});

test("every event says where it came from", () => {
  expect(event(message(aContent("hi"))[0])["dev.trestle.origin"]).toEqual({ network: "libera", author: "Ann" });
});

test("[C1 matrix] formatting goes as HTML beside a plain body", () => {
  const text = [
    { kind: "paragraph", children: [{ kind: "styled", style: "bold", children: [{ kind: "text", text: "x<y" }] }] },
  ] as const;
  expect(event(message({ style: "text", text, attachments: [] })[0])).toMatchObject({
    format: "org.matrix.custom.html",
    formatted_body: expect.stringContaining("<strong>x&lt;y</strong>"),
  });
});

test("[C10 matrix] replies and threads", () => {
  const [reply, thread, both] = [
    message(aContent("x"), { replyTo: eventId("$o") }),
    message(aContent("x"), { thread: eventId("$t") }),
    message(aContent("x"), { thread: eventId("$t"), replyTo: eventId("$o") }),
  ].map((parts) => event(parts[0])["m.relates_to"]);
  expect(reply).toEqual({ "m.in_reply_to": { event_id: "$o" } });
  expect(thread).toEqual({
    rel_type: "m.thread",
    event_id: "$t",
    is_falling_back: true,
    "m.in_reply_to": { event_id: "$t" },
  });
  expect(both).toMatchObject({ is_falling_back: false, "m.in_reply_to": { event_id: "$o" } });
});

test("a long text becomes several events below the limit; only the first one replies; nothing is lost", () => {
  const body = Array.from({ length: 12_000 }, (_one, index) => `word${index}`).join(" ");
  const parts = message(aContent(body), { replyTo: eventId("$o") });
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(60_000);
  expect(event(parts[0])["m.relates_to"]).toBeDefined();
  expect(event(parts[1])["m.relates_to"]).toBeUndefined();
  expect(event(parts[1])["dev.trestle.origin"]).toMatchObject({ part: 1, parts: parts.length });
  const whole = parts.map((part) => String(event(part)["body"])).join(" ");
  expect(whole.split(/\s+/)).toEqual(body.split(" "));
});

test.each([
  ["quotes", '"'.repeat(50_000)],
  ["backslashes", "\\".repeat(50_000)],
  ["tags", "<&>".repeat(20_000)],
  ["wide letters", "😀".repeat(15_000)],
])("[S1 matrix] %s that swell in JSON still fit, as message and as edit", (_what, body) => {
  for (const parts of [
    message(aContent(body)),
    plan({ kind: "edit", targets: [eventId("$a")], content: aContent(body) }),
  ]) {
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(63_000);
  }
});

test("[C8 matrix] an edit replaces its event", () => {
  const [part, ...rest] = plan({ kind: "edit", targets: [eventId("$a")], content: aContent("new") });
  expect(rest).toHaveLength(0);
  expect(event(part)).toMatchObject({
    body: "* new",
    "m.mentions": {},
    "m.new_content": { msgtype: "m.text", body: "new" },
    "m.relates_to": { rel_type: "m.replace", event_id: "$a" },
  });
});

test("[C8 matrix] an edit of several parts: each its own event, surplus taken back, new ones added", () => {
  const targets = [eventId("$a"), eventId("$b"), eventId("$c")];
  expect(plan({ kind: "edit", targets, content: aContent("short") })).toMatchObject([
    { op: "event" },
    { op: "redact", event: "$b" },
    { op: "redact", event: "$c" },
  ]);
  const long = plan({ kind: "edit", targets: [eventId("$a")], content: aContent("word ".repeat(12_000)) });
  expect(event(long[0])["m.relates_to"]).toMatchObject({ event_id: "$a" });
  expect(event(long[1])["m.relates_to"]).toBeUndefined();
});

test("[C9 matrix] all parts of a message are redacted", () => {
  expect(plan({ kind: "delete", targets: [eventId("$a"), eventId("$b")], reason: "r" })).toEqual([
    { op: "redact", event: "$a", reason: "r" },
    { op: "redact", event: "$b", reason: "r" },
  ]);
});

test("[C12 matrix] a reaction is an annotation", () => {
  expect(plan({ kind: "react", target: eventId("$a"), key: "👍" })).toMatchObject([
    {
      op: "event",
      type: "m.reaction",
      content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$a", key: "👍" } },
    },
  ]);
});

describe("[C4 matrix] files", () => {
  const picture = {
    kind: "image",
    name: "cat.png",
    mimeType: "image/png",
    byteLength: 1234,
    width: 640,
    height: 480.4,
    source: "far/1",
  } as const;
  const withFiles = (attachments: readonly Attachment[], text = "", more = {}) =>
    message({ ...aContent(text), ...(text === "" ? { text: [] } : {}), attachments, ...more });
  const file = (part: MatrixPart | undefined) => part as Extract<MatrixPart, { op: "file" }>;

  test("a picture is one event with its name, type, size and dimensions; its address comes at sending", () => {
    const [part, ...rest] = withFiles([picture]);
    expect(rest).toHaveLength(0);
    expect(part).toMatchObject({
      op: "file",
      type: "m.room.message",
      network: "libera",
      source: "far/1",
      name: "cat.png",
    });
    expect(event(part)).toEqual({
      msgtype: "m.image",
      body: "cat.png",
      filename: "cat.png",
      "m.mentions": {},
      info: { mimetype: "image/png", size: 1234, w: 640, h: 480 },
      "dev.trestle.origin": { network: "libera", author: "Ann" },
    });
    expect(JSON.parse(JSON.stringify(part))).toEqual(part);
  });

  test("a caption stands in the first event of an album; the others follow in order", () => {
    const parts = withFiles([picture, { ...picture, name: "dog.png", source: "far/2" }], "look *here*");
    expect(parts.map((part) => [event(part)["body"], event(part)["filename"]])).toEqual([
      ["look *here*", "cat.png"],
      ["dog.png", "dog.png"],
    ]);
    expect(parts.map((part) => event(part)["dev.trestle.origin"])).toMatchObject([
      { part: 0, parts: 2 },
      { part: 1, parts: 2 },
    ]);
  });

  test("replies stand on the first, threads on all", () => {
    const parts = plan({
      kind: "message",
      content: { style: "text", text: [], attachments: [picture, picture] },
      replyTo: eventId("$o"),
      thread: eventId("$t"),
    });
    expect(parts.map((part) => event(part)["m.relates_to"])).toMatchObject([
      { rel_type: "m.thread", is_falling_back: false, "m.in_reply_to": { event_id: "$o" } },
      { rel_type: "m.thread", is_falling_back: true },
    ]);
  });

  test("a text that is no caption goes before: emotes, notices, words beside a sticker, long ones", () => {
    const sticker = { ...picture, kind: "sticker" } as const;
    const long = "word ".repeat(10_000);
    for (const parts of [
      withFiles([picture], "waves", { style: "emote" }),
      withFiles([picture], "beep", { style: "notice" }),
      withFiles([sticker], "hi"),
    ])
      expect(parts.map(({ op }) => op)).toEqual(["event", "file"]);
    const parts = withFiles([picture], long);
    expect(parts.at(-1)?.op).toBe("file");
    expect(event(parts.at(-1))["body"]).toBe("cat.png");
    expect(withFiles([sticker])[0]).toMatchObject({ op: "file", type: "m.sticker", content: { body: "cat.png" } });
  });

  test.each([
    ["image", "image/svg+xml", "m.file"],
    ["image", "text/html", "m.file"],
    ["sticker", "image/svg+xml", "m.file"],
    ["image", "application/pdf", "m.file"],
    ["image", "IMAGE/PNG; charset=x", "m.image"],
    ["image", "image/png\r\nx: y", "m.file"],
    ["video", "text/html", "m.file"],
    ["video", "video/mp4", "m.video"],
    ["video", "image/gif", "m.image"],
    ["voice", "audio/ogg", "m.audio"],
    ["audio", "application/ogg", "m.audio"],
    ["sticker", "video/webm", "m.video"],
    ["file", "image/png", "m.file"],
  ] as const)("[S1 matrix] %s of type %j goes as %s", (kind, mimeType, msgtype) => {
    const [part] = withFiles([{ ...picture, kind, mimeType }]);
    expect(event(part)["msgtype"]).toBe(msgtype);
    expect(String((event(part)["info"] as unknown as { mimetype: string }).mimetype)).toMatch(/^[a-z0-9.+/-]+$/);
  });

  test("[C5 matrix] a voice message keeps its duration and its waveform", () => {
    const waveform = Array.from({ length: 1000 }, (_one, index) => index * 2 - 10);
    const [part] = withFiles([{ ...picture, kind: "voice", mimeType: "audio/ogg", durationMs: 1500.6, waveform }]);
    const content = event(part) as unknown as { info: { duration: number }; [key: string]: unknown };
    expect(content["org.matrix.msc3245.voice"]).toEqual({});
    expect(content.info.duration).toBe(1501);
    const audio = content["org.matrix.msc1767.audio"] as { duration: number; waveform: number[] };
    expect([audio.duration, audio.waveform.length, audio.waveform[0], audio.waveform.at(-1)]).toEqual([
      1501, 256, 0, 1024,
    ]);
    expect(audio.waveform.every(Number.isSafeInteger)).toBe(true);
  });

  test("[C17 matrix] a spoiler stays one", () => {
    expect(event(withFiles([{ ...picture, spoiler: true }])[0])["page.codeberg.everypizza.msc4193.spoiler"]).toBe(true);
  });

  test("[C18 matrix] a description is what is read out: as the body, or below the caption", () => {
    const described = { ...picture, description: "a grey cat" };
    const [alone, captioned] = [withFiles([described])[0], withFiles([described], "mine")[0]];
    expect(event(alone)).toMatchObject({ body: "a grey cat", filename: "cat.png" });
    expect(String(event(captioned)["body"])).toMatch(/^mine\s+\[a grey cat\]$/);
    for (const part of [alone, captioned]) {
      const back = interpret({ type: "m.room.message", content: { ...event(part), url: "mxc://a/b" } } as never);
      expect(back).toMatchObject({ action: { content: { attachments: [{ description: "a grey cat" }] } } });
    }
  });

  test("blurred previews and small pictures go with it, hostile ones do not", () => {
    const thumbnail = { source: "far/t", mimeType: "image/jpeg", width: 10, height: 10 };
    const [good] = withFiles([{ ...picture, blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj", thumbnail }]);
    expect(file(good).thumbnail).toEqual({ source: "far/t", mimeType: "image/jpeg" });
    expect(event(good)["info"]).toMatchObject({
      "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
      thumbnail_info: { mimetype: "image/jpeg", w: 10, h: 10 },
    });
    const bad = {
      ...picture,
      blurhash: "<img>",
      thumbnail: { ...thumbnail, mimeType: "image/svg+xml" },
      width: 1e12,
      height: Number.NaN,
    };
    const [part] = withFiles([bad]);
    expect(file(part).thumbnail).toBeNull();
    expect(event(part)["info"]).toEqual({ mimetype: "image/png", size: 1234 });
  });

  test("with its address it is whole, and an edit says it twice", () => {
    const carried = { mxc: "mxc://a/b", mimeType: "image/png", byteLength: 99, thumbnail: "mxc://a/t" };
    const thumbnail = { source: "far/t", mimeType: "image/jpeg" };
    const [part] = plan({
      kind: "edit",
      targets: [eventId("$a")],
      content: { ...aContent("new caption"), attachments: [{ ...picture, thumbnail }] },
    });
    const content = withAddress(file(part).content, carried);
    const info = {
      mimetype: "image/png",
      size: 99,
      w: 640,
      h: 480,
      thumbnail_url: "mxc://a/t",
      thumbnail_info: { mimetype: "image/jpeg" },
    };
    expect(content).toMatchObject({
      body: "* new caption",
      url: "mxc://a/b",
      info,
      "m.relates_to": { rel_type: "m.replace", event_id: "$a" },
      "m.new_content": { msgtype: "m.image", body: "new caption", filename: "cat.png", url: "mxc://a/b", info },
    });
    expect(
      withAddress(file(withFiles([picture])[0]).content, { mxc: "mxc://a/b", mimeType: "application/octet-stream" }),
    ).toMatchObject({ msgtype: "m.file" });
  });

  test("what cannot be carried is named, with its caption and the reason, and nothing hostile in it", () => {
    const hostile = { ...picture, name: "<b>\u202ecat</b>.png" };
    const [part] = plan({
      kind: "message",
      content: { ...aContent("mine"), attachments: [hostile] },
      replyTo: eventId("$o"),
    });
    const said = fileMissing(file(part), "too large: <script>");
    expect(said).toMatchObject({
      msgtype: "m.text",
      body: "mine\n[<b> cat< b>.png (image/png, 1 kB): too large: <script>]",
      "m.relates_to": { "m.in_reply_to": { event_id: "$o" } },
      "dev.trestle.origin": { author: "Ann" },
    });
    expect(said["url"]).toBeUndefined();
    const [formatted] = message({
      style: "text",
      text: [
        { kind: "paragraph", children: [{ kind: "styled", style: "bold", children: [{ kind: "text", text: "x" }] }] },
      ],
      attachments: [hostile],
    });
    expect(String(fileMissing(file(formatted), "<script>")["formatted_body"])).not.toMatch(/<script|<b> ?cat/);
  });

  test("a fully described file stays far below the size of an event", () => {
    const full = {
      ...picture,
      name: "x".repeat(500),
      description: "\u{1F600}".repeat(5_000),
      waveform: new Array(5_000).fill(7),
    };
    for (const text of ["", "word ".repeat(4_000)])
      for (const part of [
        ...withFiles([full, full], text),
        ...plan({
          kind: "edit",
          targets: [eventId("$a"), eventId("$b")],
          content: { ...aContent(text), attachments: [full] },
        }),
      ])
        expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(60_000);
  });
});

test("[S1 matrix] no lone surrogate reaches the homeserver, which would fail on it", () => {
  const parts = [...message(aContent("a\ud800b")), ...plan({ kind: "react", target: eventId("$a"), key: "\udc00" })];
  expect(JSON.stringify(parts)).not.toMatch(/\\ud[89a-f]/i);
  expect(JSON.stringify(noticeContent("\ud800", undefined))).not.toMatch(/\\ud[89a-f]/i);
});

test("[S1 matrix] hostile text stays text", () => {
  for (const snippet of hostileSnippets) {
    const content = event(message(aContent(snippet))[0] ?? message(aContent("x"))[0]);
    expect(String(content?.["formatted_body"] ?? "")).not.toMatch(
      /<(?:script|img|iframe|svg|style|a href="javascript)/i,
    );
  }
});

test("a plan can be stored", () => {
  const parts = message(aContent("hi"), { replyTo: eventId("$o") });
  expect(JSON.parse(JSON.stringify(parts))).toEqual(parts);
});

test("what the bot says is marked so that no bridge carries it", () => {
  expect(noticeContent("hi", { event: eventId("$e") })).toMatchObject({
    msgtype: "m.notice",
    "dev.trestle.control": true,
    "m.relates_to": { "m.in_reply_to": { event_id: "$e" } },
  });
});
