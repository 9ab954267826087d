import { type Action, type Content, type EventId, emptyLookup, eventId } from "@trestle/core";
import { aContent, hostileSnippets } from "@trestle/testing";
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

test("a file that cannot be carried yet is named", () => {
  const file = { kind: "image", name: "cat.png", mimeType: "image/png", byteLength: 1234, source: "x" } as const;
  expect(event(message({ style: "text", text: [], attachments: [file] })[0])["body"]).toContain(
    "[image: cat.png, 1 kB]",
  );
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
