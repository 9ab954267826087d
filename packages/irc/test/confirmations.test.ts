import { BridgeError } from "@trestle/core";
import { ircLineParser } from "irc-framework";
import { createConfirmations, unconfirmedMax } from "../src/confirmations.ts";

function build(labelled: boolean, joined = true) {
  const outcomes: Record<string, string> = {};
  let settled = 0;
  const book = createConfirmations({
    labelled,
    fold: (name) => name.toLowerCase(),
    isJoined: () => joined,
    onSettled: () => {
      settled += 1;
    },
  });
  const begin = (name: string, target = "#one", command = "PRIVMSG") =>
    book.begin(
      { command, target },
      {
        resolve: (id) => {
          outcomes[name] = `sent ${id ?? "without id"}`;
        },
        reject: ({ code }) => {
          outcomes[name] = code;
        },
      },
      0,
    );
  const take = (line: string, own = false) => book.take(ircLineParser(line), own);
  return { book, begin, take, outcomes, settledCount: () => settled };
}

describe("confirmation by PING", () => {
  it("the PONG confirms its part, and an error before it refuses it", () => {
    const { begin, take, outcomes } = build(false);
    const a = begin("a");
    const b = begin("b", "#Two");
    expect(take(":srv 404 me #TWO :Cannot send to channel")).toBe(true);
    expect(take(`:srv PONG srv ${a}`)).toBe(true);
    expect(outcomes).toEqual({ a: "sent without id" });
    take(`:srv PONG srv :${b}`);
    expect(outcomes).toEqual({ a: "sent without id", b: "cannot-send" });
  });

  it("an error meets the part that waited first; errors for others pass by", () => {
    const { begin, take, outcomes } = build(false);
    const a = begin("a");
    const b = begin("b");
    expect(take(":srv 404 me #elsewhere :no")).toBe(false);
    expect(take(":srv 401 me somebody :No such nick")).toBe(false);
    take(":srv 404 me #one :no");
    take(`:srv PONG srv ${a}`);
    take(`:srv PONG srv ${b}`);
    expect(outcomes).toEqual({ a: "cannot-send", b: "sent without id" });
  });

  it("[C16 irc] the echo of typing gives its id to nothing", () => {
    const { begin, take, outcomes } = build(false);
    const a = begin("a", "#one", "TAGMSG");
    expect(take("@msgid=t1;+typing=active :me!u@h TAGMSG #one", true)).toBe(true);
    take("@msgid=x1;+draft/react=x :me!u@h TAGMSG #one", true);
    take(`:srv PONG srv :${a}`);
    expect(outcomes).toEqual({ a: "sent x1" });
  });

  it("an echo before the PONG gives the id", () => {
    const { begin, take, outcomes } = build(false);
    const a = begin("a");
    expect(take("@msgid=x1 :me!u@h PRIVMSG #ONE :text altered by the server", true)).toBe(true);
    take(`:srv PONG srv ${a}`);
    expect(outcomes).toEqual({ a: "sent x1" });
  });

  it.each([
    [":srv 403 me #one :No such channel", "not-joined"],
    [":srv 442 me #one :You're not on that channel", "not-joined"],
    [":srv 263 me PRIVMSG :Please wait", "network-limit"],
    [":srv 439 me #one :Target change too fast", "network-limit"],
    [":srv 421 me PRIVMSG :Unknown command", "not-supported"],
    [":srv 482 me #one :You're not channel operator", "cannot-send"],
    [":srv 477 me #one :You need to be registered", "cannot-send"],
    [":srv 489 me #one :secure only", "cannot-send"],
    [":srv 417 me :Input line was too long", "cannot-send"],
    [":srv FAIL PRIVMSG SOMETHING #one :no", "cannot-send"],
  ])("%s means %s", (line, code) => {
    const { begin, take, outcomes } = build(false);
    const a = begin("a");
    take(line);
    take(`:srv PONG srv ${a}`);
    expect(outcomes["a"]).toBe(code);
  });

  it("a refusal while we are not inside is not the message's fault", () => {
    const { begin, take, outcomes } = build(false, false);
    const a = begin("a");
    take(":srv 404 me #one :Cannot send to channel");
    take(`:srv PONG srv ${a}`);
    expect(outcomes).toEqual({ a: "not-joined" });
  });

  it("[S1 irc] PONGs that were not asked for confirm nothing", () => {
    const { begin, take, outcomes } = build(false);
    begin("a");
    for (const token of ["", "t", "t2", "alive", "x t1", "T1"]) take(`:srv PONG srv :${token}`);
    take("PONG");
    expect(outcomes).toEqual({});
  });
});

describe("confirmation by label", () => {
  it("the labelled echo confirms with its id, a labelled error refuses, an ACK confirms", () => {
    const { begin, take, outcomes } = build(true);
    const [a, b, c] = [begin("a"), begin("b"), begin("c", "#one", "TAGMSG")];
    expect(take(`@label=${b} :srv 404 me #one :no`)).toBe(true);
    expect(take(`@label=${c} :srv ACK`)).toBe(true);
    expect(take(`@label=${a};msgid=x :me!u@h PRIVMSG #one :text`, true)).toBe(true);
    expect(outcomes).toEqual({ a: "sent x", b: "cannot-send", c: "sent without id" });
  });

  it("a labelled batch settles at its end", () => {
    const { begin, take, outcomes } = build(true);
    const a = begin("a");
    take(`@label=${a} :srv BATCH +z labeled-response`);
    take("@batch=z;msgid=m1 :me!u@h PRIVMSG #one :text", true);
    expect(outcomes).toEqual({});
    take(":srv BATCH -z");
    expect(outcomes).toEqual({ a: "sent m1" });
  });

  it("a PONG confirms nothing there", () => {
    const { begin, take, outcomes } = build(true);
    const a = begin("a");
    take(`:srv PONG srv ${a}`);
    expect(outcomes).toEqual({});
  });
});

describe("the bound", () => {
  it("at most four are open; each settled one makes room; a lost connection rejects the rest", () => {
    const { book, begin, take, outcomes, settledCount } = build(false);
    const tokens = Array.from({ length: unconfirmedMax }, (_, at) => begin(String(at)));
    expect(book.hasRoom()).toBe(false);
    take(`:srv PONG srv ${tokens[0]}`);
    expect(book.hasRoom()).toBe(true);
    expect(settledCount()).toBe(1);
    book.fail(new BridgeError("network-down"));
    expect(outcomes).toEqual({ 0: "sent without id", 1: "network-down", 2: "network-down", 3: "network-down" });
    expect(book.oldestAtMs()).toBeUndefined();
  });
});
