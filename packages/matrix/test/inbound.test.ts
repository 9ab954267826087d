import type { MatrixEvent } from "@trestle/core";
import { plainText } from "@trestle/richtext";
import { hostileSnippets } from "@trestle/testing";
import fc from "fast-check";
import { interpret } from "../src/inbound.ts";

const event = (type: string, content: unknown, more: Record<string, unknown> = {}): MatrixEvent =>
  ({ event_id: "$e", room_id: "!r", sender: "@alice:hs.test", type, origin_server_ts: 1, content, ...more }) as never;
const meaning = (content: unknown, type = "m.room.message") => interpret(event(type, content));
const action = (content: unknown, type?: string) => {
  const found = meaning(content, type);
  return found?.kind === "action" ? found.action : undefined;
};
const said = (content: unknown, type?: string): string | undefined => {
  const found = action(content, type);
  return found?.kind === "message" || found?.kind === "edit" ? plainText(found.content.text) : undefined;
};

test.each([
  ["m.text", "text"],
  ["m.emote", "emote"],
  ["m.notice", "notice"],
  ["m.server_notice", "notice"],
  ["org.example.unknown", "text"],
])("[C3 matrix] %s is said as %s", (msgtype, style) => {
  const found = action({ msgtype, body: "hello" });
  expect(found).toMatchObject({ kind: "message", content: { style, attachments: [] } });
  expect(said({ msgtype, body: "hello" })).toBe("hello");
});

test("[C1 matrix] formatted text is read from its HTML", () => {
  const content = { msgtype: "m.text", body: "**x**", format: "org.matrix.custom.html", formatted_body: "<b>x</b>" };
  expect(said(content)).toBe("x");
  expect(said({ ...content, format: "other" })).toBe("**x**");
  expect(said({ ...content, formatted_body: 7 })).toBe("**x**");
});

test("[C10 matrix] a reply names what it answers, without the fallback", () => {
  const relates = { "m.in_reply_to": { event_id: "$o" } };
  const found = action({ msgtype: "m.text", body: "> <@bob:hs.test> old\n\nnew", "m.relates_to": relates });
  expect(found).toMatchObject({ kind: "message", replyTo: "$o" });
  expect(said({ msgtype: "m.text", body: "> <@bob:hs.test> old\n\nnew", "m.relates_to": relates })).toBe("new");
  // Without a relation it is what the person wrote.
  expect(said({ msgtype: "m.text", body: "> old\n\nnew" })).toContain("old");
});

test("a thread's reply that is only there for old clients is none", () => {
  const relates = { rel_type: "m.thread", event_id: "$t", "m.in_reply_to": { event_id: "$o" } };
  expect(action({ msgtype: "m.text", body: "x", "m.relates_to": { ...relates, is_falling_back: true } })).toEqual(
    expect.not.objectContaining({ replyTo: "$o" }),
  );
  expect(action({ msgtype: "m.text", body: "x", "m.relates_to": relates })).toMatchObject({
    thread: "$t",
    replyTo: "$o",
  });
});

test("[C8 matrix] an edit carries its new content and its target", () => {
  const content = {
    msgtype: "m.text",
    body: "* new",
    "m.new_content": { msgtype: "m.text", body: "new" },
    "m.relates_to": { rel_type: "m.replace", event_id: "$o" },
  };
  expect(action(content)).toMatchObject({ kind: "edit", targets: ["$o"] });
  expect(said(content)).toBe("new");
  expect(meaning({ ...content, "m.new_content": "x" })).toBeUndefined();
  expect(meaning({ ...content, "m.relates_to": { rel_type: "m.replace", event_id: 3 } })).toBeUndefined();
});

test("[C9 matrix] a redaction of old and new rooms names its target", () => {
  expect(interpret(event("m.room.redaction", { reason: "r" }, { redacts: "$a" }))).toEqual({
    kind: "action",
    action: { kind: "delete", targets: ["$a"], reason: "r" },
  });
  expect(action({ redacts: "$b" }, "m.room.redaction")).toEqual({ kind: "delete", targets: ["$b"] });
  expect(action({ redacts: { a: 1 } }, "m.room.redaction")).toBeUndefined();
});

test("[C12 matrix] a reaction needs a target and a short key", () => {
  const relates = { rel_type: "m.annotation", event_id: "$a", key: "👍" };
  expect(action({ "m.relates_to": relates }, "m.reaction")).toEqual({ kind: "react", target: "$a", key: "👍" });
  for (const wrong of [
    { key: "" },
    { key: "x".repeat(300) },
    { key: 3 },
    { event_id: "a" },
    { rel_type: "m.replace" },
  ]) {
    expect(action({ "m.relates_to": { ...relates, ...wrong } }, "m.reaction")).toBeUndefined();
  }
});

test("files become descriptions, a caption is text", () => {
  const content = {
    msgtype: "m.image",
    body: "look here",
    filename: "cat.png",
    url: "mxc://hs.test/abc",
    info: { mimetype: "image/png", size: 12, w: 3, h: 4.5, duration: -1 },
  };
  expect(action(content)).toMatchObject({
    kind: "message",
    content: {
      attachments: [
        {
          kind: "image",
          name: "cat.png",
          mimeType: "image/png",
          byteLength: 12,
          width: 3,
          source: "mxc://hs.test/abc",
        },
      ],
    },
  });
  expect(said(content)).toBe("look here");
  expect(said({ ...content, filename: undefined })).toBe("");
});

const attachment = (content: unknown, type?: string) => {
  const found = action(content, type);
  return found?.kind === "message" ? found.content.attachments[0] : undefined;
};

test("[C4 matrix] [C5 matrix] [C17 matrix] [C18 matrix] all that is said of a file is kept", () => {
  const content = {
    msgtype: "m.audio",
    body: "a song about cats",
    filename: "v.ogg",
    url: "mxc://hs.test/abc",
    info: {
      mimetype: "Audio/OGG; codecs=opus",
      size: 12,
      "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
      thumbnail_url: "mxc://hs.test/small",
      thumbnail_info: { mimetype: "image/jpeg", w: 3, h: 4, size: 5 },
    },
    "org.matrix.msc3245.voice": {},
    "org.matrix.msc1767.audio": { duration: 900, waveform: [0, 5.4, 9999, -1, "x"] },
    "page.codeberg.everypizza.msc4193.spoiler": true,
    "org.matrix.msc1767.alt_text": { "m.text": [{ body: "a song about cats" }] },
  };
  expect(attachment(content)).toEqual({
    kind: "voice",
    name: "v.ogg",
    description: "a song about cats",
    source: "mxc://hs.test/abc",
    mimeType: "audio/ogg",
    byteLength: 12,
    durationMs: 900,
    blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    waveform: [0, 5, 1024, 0, 0],
    thumbnail: { source: "mxc://hs.test/small", mimeType: "image/jpeg", width: 3, height: 4, byteLength: 5 },
    spoiler: true,
  });
  // A body that only repeats what it shows is no caption.
  expect(said(content)).toBe("");
  expect(said({ ...content, body: "listen" })).toBe("listen");
});

test("[S1 matrix] what a stranger says of his file is believed in its shape only", () => {
  const info = {
    "xyz.amorgan.blurhash": "<script>",
    thumbnail_url: "https://evil.test/x",
    w: -1,
    h: 1e300,
    duration: "long",
    mimetype: "image/../png",
  };
  const url = "mxc://hs.test/abc";
  const audio = { waveform: new Array(100_000).fill(3), duration: -5 };
  expect(attachment({ msgtype: "m.image", body: "x", url, info, "org.matrix.msc1767.audio": audio })).toEqual({
    kind: "image",
    name: "x",
    source: url,
    mimeType: "application/octet-stream",
    waveform: new Array(256).fill(3),
  });
});

test("[R9 matrix] an encrypted file in a plain room is named and never carried", () => {
  const content = { msgtype: "m.image", body: "cat.png", file: { url: "mxc://a/b", key: {} }, info: { size: 1234 } };
  expect(attachment(content)).toBeUndefined();
  expect(said(content)).toBe("[cat.png, 1 kB: encrypted, the bridge cannot open it]");
});

test.each([
  ["no address", { url: undefined }],
  ["another scheme", { url: "https://evil.test/x" }],
  ["a path that climbs", { url: "mxc://hs.test/../../x" }],
  ["a number", { url: 7 }],
])("a file with %s is none", (_what, more) => {
  expect(meaning({ msgtype: "m.file", body: "x", ...more })).toBeUndefined();
});

test("[S1 matrix] a file's name is one clean line and its type is one", () => {
  const found = action({
    msgtype: "m.file",
    body: "../a\r\nb\u0000\u0007",
    url: "mxc://a/b",
    info: { mimetype: "text/html\r\nx: y" },
  });
  expect(found).toMatchObject({ content: { attachments: [{ name: ".. a b", mimeType: "application/octet-stream" }] } });
});

test("stickers, voice messages, places and polls are readable", () => {
  expect(action({ body: "wave", url: "mxc://a/b" }, "m.sticker")).toMatchObject({
    content: { attachments: [{ kind: "sticker", name: "wave" }] },
  });
  expect(action({ msgtype: "m.audio", body: "v.ogg", url: "mxc://a/b", "org.matrix.msc3245.voice": {} })).toMatchObject(
    {
      content: { attachments: [{ kind: "voice" }] },
    },
  );
  expect(said({ msgtype: "m.location", body: "Home", geo_uri: "geo:52.5,-13.4;u=3" })).toContain(
    "mlat=52.5&mlon=-13.4",
  );
  expect(said({ msgtype: "m.location", body: "Home", geo_uri: "javascript:x" })).toBe("Home");
  const poll = {
    question: { "m.text": [{ body: "Tea?" }] },
    answers: [{ "m.text": [{ body: "Yes" }] }, null, { "org.matrix.msc1767.text": "No" }],
  };
  expect(said({ "m.poll": poll }, "m.poll.start")).toMatch(/Poll: Tea\?[\s\S]*1\. Yes[\s\S]*2\. No/);
});

test("[R9 matrix] encryption, encrypted messages and tombstones are told", () => {
  expect(interpret(event("m.room.encryption", { algorithm: "x" }, { state_key: "" }))).toEqual({ kind: "encryption" });
  expect(meaning({ ciphertext: "x" }, "m.room.encrypted")).toEqual({ kind: "encrypted-message" });
  expect(interpret(event("m.room.tombstone", { replacement_room: "!n" }, { state_key: "" }))).toEqual({
    kind: "tombstone",
    replacement: "!n",
  });
  expect(interpret(event("m.room.tombstone", { replacement_room: 4 }, { state_key: "" }))).toEqual({
    kind: "tombstone",
  });
  // No state event, or of another key: nobody's encryption.
  expect(interpret(event("m.room.encryption", {}))).toBeUndefined();
  expect(interpret(event("m.room.encryption", {}, { state_key: "x" }))).toBeUndefined();
});

test("[R4 matrix] topic and name changes are told", () => {
  expect(interpret(event("m.room.topic", { topic: "t" }, { state_key: "" }))).toEqual({
    kind: "room-changed",
    topic: "t",
  });
  expect(interpret(event("m.room.name", {}, { state_key: "" }))).toEqual({ kind: "room-changed", name: "" });
  expect(interpret(event("m.room.topic", { topic: "t" }))).toBeUndefined();
});

test("memberships are told with the person they are about", () => {
  const content = { membership: "invite", is_direct: true, displayname: "Ann", reason: "r" };
  expect(interpret(event("m.room.member", content, { state_key: "@ann:hs.test" }))).toEqual({
    kind: "membership",
    user: "@ann:hs.test",
    membership: "invite",
    direct: true,
    name: "Ann",
    reason: "r",
  });
  expect(interpret(event("m.room.member", { membership: 3 }, { state_key: "@ann:hs.test" }))).toBeUndefined();
  expect(interpret(event("m.room.member", content, { state_key: "ann" }))).toBeUndefined();
});

test.each([
  [{}],
  [{ msgtype: "m.text" }],
  [{ msgtype: "m.text", body: {} }],
  [{ msgtype: 3, body: "x" }],
  [{ msgtype: "m.key.verification.request", body: "x" }],
  [{ msgtype: "m.notice", body: "x", "dev.trestle.control": true }],
])("%j means nothing to us", (content) => {
  expect(meaning(content)).toBeUndefined();
});

test("[S1 matrix] never throws, whatever the event holds", () => {
  const value = fc.anything({ maxDepth: 3, withNullPrototype: true });
  const keys = [
    "msgtype",
    "body",
    "format",
    "formatted_body",
    "m.relates_to",
    "m.new_content",
    "m.mentions",
    "info",
    "url",
    "file",
    "filename",
    "m.poll",
    "geo_uri",
    "membership",
    "topic",
    "redacts",
  ];
  const content = fc.dictionary(
    fc.constantFrom(...keys),
    fc.oneof(
      value,
      fc.constantFrom("m.text", "m.image", "mxc://a/b", { rel_type: "m.replace", event_id: "$x" }, ...hostileSnippets),
    ),
  );
  const type = fc.constantFrom(
    "m.room.message",
    "m.sticker",
    "m.reaction",
    "m.room.redaction",
    "m.poll.start",
    "m.room.member",
    "m.room.topic",
    "m.room.tombstone",
  );
  fc.assert(
    fc.property(
      type,
      fc.oneof(content, value),
      fc.option(fc.constantFrom("", "@a:b"), { nil: undefined }),
      (kind, inside, stateKey) => {
        expect(() =>
          interpret(event(kind, inside, stateKey === undefined ? {} : { state_key: stateKey })),
        ).not.toThrow();
      },
    ),
    { numRuns: 2_000 },
  );
});
