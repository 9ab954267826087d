import { BridgeError, type Level, type MessageRow, userId } from "@trestle/core";
import { plainText } from "@trestle/richtext";
import { aMessage, createTestClock } from "@trestle/testing";
import { shorten } from "../src/degrade.ts";
import { asBridgeError, catalogue } from "../src/errors.ts";
import { createNotices } from "../src/notices.ts";
import { levelOf } from "../src/permit.ts";
import { timeText } from "../src/time-mark.ts";
import { translate } from "../src/translate.ts";

describe("permissions", () => {
  const rules = [
    { actor: "*", level: "relay" },
    { actor: "example.org", level: "user" },
    { actor: "example.org", network: "libera", level: "moderator" },
    { actor: "!room", level: "block" },
    { actor: "@ada:example.org", level: "admin" },
    { actor: "port.example:8448", level: "moderator" },
  ] as const satisfies readonly { actor: string; network?: string; level: Level }[];

  test.each([
    ["@eve:elsewhere", undefined, undefined, "relay"],
    ["@bob:example.org", undefined, undefined, "user"],
    ["@bob:example.org", "libera", undefined, "moderator"],
    ["@bob:example.org", "libera", "!room", "block"],
    ["@ada:example.org", "libera", "!room", "admin"],
    ["@bob:sub.example.org", undefined, undefined, "relay"],
    ["@bob:example.org.evil", undefined, undefined, "relay"],
    ["@bob:port.example:8448", undefined, undefined, "moderator"],
    ["@bob:port.example", undefined, undefined, "relay"],
  ])("[A4] %s on %s in %s is %s", (user, network, room, level) => {
    const asking = { user: userId(user), network: network as never, room: room as never };
    expect(levelOf(rules, asking)).toBe(level);
  });
});

describe("references", () => {
  const row: MessageRow = {
    portal: 1 as never,
    origin: "$a",
    part: 0,
    eventId: "$a" as never,
    remoteId: "r1" as never,
    lane: "outward",
    author: "@bob:test",
    authorName: "Bob",
    sentAtMs: 1,
  };
  const how = (mayActOn: boolean, rows: readonly MessageRow[] = [row]) => ({
    references: new Map(rows.length === 0 ? [] : [["$a", rows]]),
    idOf: (one: MessageRow) => one.remoteId as string,
    mayActOn: () => mayActOn,
    mention: <T>(mention: T) => mention,
  });

  test("[S1] an edit or deletion of what the actor may not touch is refused", () => {
    const content = aMessage("x").content;
    expect(() => translate({ kind: "edit", targets: ["$a"], content }, how(false))).toThrow(BridgeError);
    expect(() => translate({ kind: "delete", targets: ["$a"] }, how(false))).toThrow("not-permitted");
  });

  test("[C2] every part of a target is addressed, each once", () => {
    const parts = [row, { ...row, part: 1, remoteId: "r2" as never }, { ...row, part: 2, remoteId: "r2" as never }];
    expect(translate({ kind: "delete", targets: ["$a", "$a"] }, how(true, parts))).toMatchObject({
      targets: ["r1", "r2"],
    });
  });

  test.each(["delete", "react", "unreact"] as const)("an unknown target of %s is closed as no-target", (kind) => {
    const action = kind === "delete" ? { kind, targets: ["$a"] } : { kind, target: "$a", key: "x" };
    expect(() => translate(action, how(true, []))).toThrow("no-target");
  });

  test("an unknown reply target leaves the words", () => {
    expect(translate(aMessage("words", { replyTo: "$a" }), how(true, []))).toEqual(aMessage("words"));
  });

  test("an unknown edit target leaves the words, marked", () => {
    const { content } = aMessage("words");
    const translated = translate({ kind: "edit", targets: ["$a"], content }, how(true, []));
    expect(translated.kind === "message" && plainText(translated.content.text)).toBe("(edited) words");
  });
});

describe("quotes", () => {
  test.each([
    ["short", "short"],
    ["two\nlines  and\tspaces", "two lines and spaces"],
    ["x".repeat(61), `${"x".repeat(60)}…`],
    ["👨‍👩‍👧‍👦".repeat(61), `${"👨‍👩‍👧‍👦".repeat(21)}…`],
  ])("[C10] %j is quoted as %j", (long, short) => {
    expect(shorten(long)).toBe(short);
  });
});

describe("errors", () => {
  test("what is thrown anywhere becomes one of the catalogue", () => {
    expect(asBridgeError("text").code).toBe("internal");
    expect(asBridgeError(new Error("boom")).message).toBe("internal: boom");
    const own = new BridgeError("no-target");
    expect(asBridgeError(own)).toBe(own);
  });

  test("a detail cannot pick a template", () => {
    expect(new BridgeError("cannot-send", "$& $1 %s").notice).toBe("The channel did not take this message: $& $1 %s");
  });

  test("final errors cannot be given a retry", () => {
    for (const [code, { retry }] of Object.entries(catalogue)) {
      const error = new BridgeError(code as keyof typeof catalogue, "", { afterMs: 5 });
      expect(error.retry).toEqual(retry === "never" ? "never" : { afterMs: 5 });
    }
  });
});

describe("notices", () => {
  test("one a reason, portal and ten minutes, then how many were swallowed", async () => {
    const clock = createTestClock();
    const sent: string[] = [];
    const notice = createNotices(clock, (_room, text) => sent.push(text));
    const error = new BridgeError("network-down");
    const one = { portal: 1 as never, room: "!r" as never, error, key: "k" };
    notice(one);
    notice(one);
    notice({ ...one, portal: 2 as never });
    notice({ ...one, error: new BridgeError("no-target") });
    await clock.advance(10 * 60_000);
    notice(one);
    expect(sent).toHaveLength(3);
    expect(sent[2]).toContain("1 more like this");
  });
});

test.each([
  [Date.UTC(2026, 10, 21, 12, 3, 4), Date.UTC(2026, 10, 21, 23, 0), "12:03:04 UTC"],
  [Date.UTC(2026, 10, 20, 12, 3, 4), Date.UTC(2026, 10, 21, 0, 0), "2026-11-20 12:03:04 UTC"],
])("a time of another day carries its date", (at, now, text) => {
  expect(timeText(at, now)).toBe(text);
});
