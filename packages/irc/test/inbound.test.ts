import { type Lookup, networkId, type RemoteEvent } from "@trestle/core";
import { color, doc, link, mention, paragraph, styled } from "@trestle/richtext";
import { hostileText } from "@trestle/testing";
import fc from "fast-check";
import { type InboundContext, type InboundLine, toRemoteEvent } from "../src/inbound.ts";

const nowMs = Date.parse("2026-11-21T12:00:00Z");
const ulid = "01JD4X00000000000000000000";

const line = (rest: Partial<InboundLine> = {}): InboundLine => ({
  kind: "privmsg",
  nick: "Bob",
  ident: "~bob",
  host: "host.example",
  target: "#Trestle",
  text: "hello",
  tags: {},
  receivedAtMs: nowMs,
  ...rest,
});
const context: InboundContext = {
  network: networkId("libera"),
  mapping: "rfc1459",
  ownNicks: new Set(["trestle"]),
  chantypes: "#&",
  statusPrefixes: "@+",
  ulid,
};
const hear = (rest: Partial<InboundLine> = {}, around: Partial<InboundContext> = {}) =>
  toRemoteEvent(line(rest), { ...context, ...around });
const heardAction = (event: RemoteEvent | undefined) => {
  if (event?.kind !== "action") throw new Error(`no action: ${JSON.stringify(event)}`);
  return event;
};
const contentOf = (event: RemoteEvent | undefined) => {
  const { action } = heardAction(event);
  if (action.kind !== "message") throw new Error(`no message: ${action.kind}`);
  return action.content;
};

describe("[C1 irc] [C3 irc] a line of speech", () => {
  it("becomes a message of its channel, under the nick as it is written", () => {
    expect(hear({ msgid: "abc" })).toEqual({
      kind: "action",
      chat: { network: "libera", id: "#trestle" },
      key: "abc",
      id: "abc",
      sender: { network: "libera", id: "bob", name: "Bob" },
      sentAtMs: nowMs,
      action: { kind: "message", content: { style: "text", text: doc("hello"), attachments: [] } },
    });
  });

  it("is read with its formatting, addresses and mentions", () => {
    const lookup: Lookup = {
      nameOf: () => undefined,
      findByName: (name) => (name === "carol" ? { side: "remote", what: "user", id: "carol" } : undefined),
    };
    const { text } = contentOf(hear({ text: "carol: \x02see\x02 https://a.example \x0304now" }, { lookup }));
    expect(text).toEqual([
      paragraph(
        mention({ side: "remote", what: "user", id: "carol" }, "carol"),
        ": ",
        styled("bold", "see"),
        " ",
        link("https://a.example"),
        " ",
        color({ foreground: "#ff0000" }, "now"),
      ),
    ]);
  });

  it.each<[string, Partial<InboundLine>, "text" | "emote" | "notice"]>([
    ["PRIVMSG", {}, "text"],
    ["NOTICE", { kind: "notice" }, "notice"],
    ["an ACTION taken apart by the parser", { kind: "action", text: "waves" }, "emote"],
    ["an ACTION as it came", { text: "\x01ACTION waves\x01" }, "emote"],
    ["an ACTION without its end", { text: "\x01ACTION waves" }, "emote"],
    ["an action in lower case", { text: "\x01action waves\x01" }, "emote"],
  ])("%s has its style", (_, rest, style) => {
    expect(contentOf(hear(rest)).style).toBe(style);
  });

  it.each<[string, Partial<InboundLine>]>([
    ["a client-to-client request", { text: "\x01VERSION\x01" }],
    ["a DCC offer", { text: '\x01DCC SEND "x" 1 2 3\x01' }],
    ["a client-to-client answer", { kind: "notice", text: "\x01VERSION mIRC\x01" }],
    ["an ACTION in an answer", { kind: "notice", text: "\x01ACTION waves\x01" }],
    ["an empty ACTION", { text: "\x01ACTION \x01" }],
    ["nothing", { text: "" }],
    ["only codes", { text: "\x02\x0304\x0f " }],
    ["a private message", { target: "trestle" }],
    ["a message to everybody on a server", { target: "$$*" }],
    ["a nick without anything to see", { nick: "\x02\u200b" }],
  ])("%s is not", (_, rest) => {
    expect(hear(rest)).toBeUndefined();
  });
});

describe("[S1 irc] echoes are known by identity", () => {
  it("of our own nick in any case", () => {
    expect(hear({ nick: "TRESTLE" })).toBeUndefined();
    expect(hear({ nick: "trestle{m}" }, { ownNicks: new Set(["trestle{m}"]) })).toBeUndefined();
    expect(hear({ nick: "TRESTLE[M]" }, { ownNicks: new Set(["trestle{m}"]) })).toBeUndefined();
  });

  it("of what our connection had relayed (https://ircv3.net/specs/extensions/relaymsg)", () => {
    expect(hear({ nick: "alice/m", tags: { "draft/relaymsg": "Trestle" } })).toBeUndefined();
    expect(hear({ nick: "alice/m", tags: { relaymsg: "trestle" } })).toBeUndefined();
    expect(heardAction(hear({ nick: "alice/d", tags: { "draft/relaymsg": "other" } })).sender.id).toBe("alice/d");
  });

  it("and of nothing else: two people may say the same thing", () => {
    expect(hear({ text: "<Alice> hello" })).toBeDefined();
    expect(hear({ nick: "trestle_" })).toBeDefined();
  });
});

describe("identity of a line", () => {
  it("is the server's msgid, else the ULID given on receipt", () => {
    expect(heardAction(hear({ msgid: "abc" })).key).toBe("abc");
    expect(heardAction(hear()).key).toBe(`:${ulid}`);
    expect(heardAction(hear()).id).toBe(`:${ulid}`);
  });

  it.each(["", ":x", "a b", "a\nb", "\x01", "x".repeat(500)])("is never a broken msgid: %j", (msgid) => {
    expect(heardAction(hear({ msgid })).key).toBe(`:${ulid}`);
  });
});

describe("when it was said", () => {
  it.each<[string, number | undefined, boolean, number]>([
    ["is the server's time", nowMs - 2_000, false, nowMs - 2_000],
    ["is ours without one", undefined, false, nowMs],
    ["is ours when theirs is a little ahead", nowMs + 30_000, false, nowMs],
    ["is ours when theirs is far ahead", nowMs + 3_600_000, false, nowMs],
    ["is ours when a live line claims to be old", nowMs - 3_600_000, false, nowMs],
    ["is theirs when an old line is history", nowMs - 3_600_000, true, nowMs - 3_600_000],
    ["is ours when theirs is before time", -5, true, nowMs],
    ["is ours when theirs is no number", Number.NaN, true, nowMs],
  ])("%s", (_, serverTimeMs, late, sentAtMs) => {
    const rest = serverTimeMs === undefined ? {} : { serverTimeMs };
    const event = heardAction(hear(rest, late ? { late } : {}));
    expect(event.sentAtMs).toBe(sentAtMs);
    expect(event.late).toBe(late ? true : undefined);
  });
});

describe("[P1 irc] who said it", () => {
  it.each<[string, Partial<InboundLine>, string, string]>([
    ["is the folded nick", { nick: "Bob[away]" }, "bob{away}", "Bob[away]"],
    ["is the account where it is known", { account: "Robert" }, "a:robert", "Bob"],
    ["is the nick when there is no account", { account: "*" }, "bob", "Bob"],
    ["is the nick when WHOX says none", { account: "0" }, "bob", "Bob"],
    ["is the nick when the account is broken", { account: "a b\r\n" }, "bob", "Bob"],
    ["has no control bytes, whatever the server sends", { nick: "B\x02o\r\nb" }, "bob", "Bob"],
    ["may be a nick like an id", { nick: "a:robert" }, "n:a:robert", "a:robert"],
    ["keeps other scripts", { nick: "Ünï" }, "Ünï", "Ünï"],
  ])("%s", (_, rest, id, name) => {
    expect(heardAction(hear(rest)).sender).toMatchObject({ id, name });
  });

  it("is the bridge itself for a server's notice, and for no person", () => {
    const server = line({ kind: "notice", nick: "irc.example.org" });
    const { ident: _, host: __, ...bare } = server;
    expect(heardAction(toRemoteEvent(bare, context)).sender.service).toBe(true);
    expect(heardAction(hear({ nick: "irc.example.org" })).sender.service).toBeUndefined();
  });
});

describe("where it was said", () => {
  it.each<[string, string]>([
    ["#trestle", "#trestle"],
    ["#TRESTLE[]", "#trestle{}"],
    ["&local", "&local"],
  ])("%s is %s", (target, id) => {
    expect(heardAction(hear({ target })).chat.id).toBe(id);
  });

  it.each(["@#trestle", "+#trestle", "@&local"])(
    "what only those of a rank may read does not come into the room of all (STATUSMSG %s)",
    (target) => {
      for (const kind of ["privmsg", "notice", "action", "tagmsg"] as const) {
        expect(hear({ kind, target, tags: { "+draft/reply": "m1", "+draft/react": "x" } })).toBeUndefined();
      }
      expect(hear({ kind: "redact", target, redacts: "m1" })).toBeUndefined();
    },
  );

  it.each(
    ["", "#", "#a,#b", "#a b", "#a\r\nQUIT", "#a\0", "@", "@bob", "%#trestle", "+trestle"].filter(
      (name) => name !== "#",
    ),
  )("is nowhere: %j", (target) => {
    expect(hear({ target })).toBeUndefined();
  });
});

describe("[C10 irc] a reply", () => {
  it.each(["+draft/reply", "+reply"])("is told by %s", (tag) => {
    expect(heardAction(hear({ tags: { [tag]: "abc" } })).action).toMatchObject({ kind: "message", replyTo: "abc" });
  });

  it.each(["", ":x", "a b", "a\r\nb"])("is never to %j", (msgid) => {
    expect(heardAction(hear({ tags: { "+draft/reply": msgid } })).action).not.toHaveProperty("replyTo");
  });
});

describe("[C12 irc] a reaction", () => {
  const react = (tags: Record<string, string>) => hear({ kind: "tagmsg", text: "", tags });

  it("is given and taken back (https://ircv3.net/specs/client-tags/react)", () => {
    expect(heardAction(react({ "+draft/reply": "abc", "+draft/react": "👍" })).action).toEqual({
      kind: "react",
      target: "abc",
      key: "👍",
    });
    expect(heardAction(react({ "+reply": "abc", "+draft/unreact": "👍" })).action.kind).toBe("unreact");
  });

  it.each<[string, Record<string, string>]>([
    ["to nothing", { "+draft/react": "👍" }],
    ["with nothing", { "+draft/reply": "abc" }],
    ["empty", { "+draft/reply": "abc", "+draft/react": "" }],
    ["invisible", { "+draft/reply": "abc", "+draft/react": "\u200b\x02" }],
    ["both ways at once", { "+draft/reply": "abc", "+draft/react": "a", "+draft/unreact": "a" }],
    ["to a broken id", { "+draft/reply": "a b", "+draft/react": "a" }],
    ["that is typing of no known kind", { "+typing": "furiously" }],
  ])("is not one %s", (_, tags) => {
    expect(react(tags)).toBeUndefined();
  });

  it("is short and harmless", () => {
    const { action } = heardAction(react({ "+draft/reply": "abc", "+draft/react": `\x02${"x".repeat(400)}` }));
    expect(action).toMatchObject({ key: `${"x".repeat(15)}…` });
  });
});

describe("[C16 irc] typing (https://ircv3.net/specs/client-tags/typing)", () => {
  it.each<[string, boolean]>([
    ["active", true],
    ["paused", false],
    ["done", false],
  ])("%s", (state, active) => {
    const event = heardAction(hear({ kind: "tagmsg", text: "", tags: { "+typing": state } }));
    expect(event.action).toEqual({ kind: "typing", active });
    expect(event.id).toBeUndefined();
  });

  it("is none in a playback, for those of a rank, and beside a message", () => {
    const tags = { "+typing": "active" };
    expect(hear({ kind: "tagmsg", text: "", tags }, { late: true })).toBeUndefined();
    expect(hear({ kind: "tagmsg", text: "", tags, target: "@#trestle" })).toBeUndefined();
    expect(heardAction(hear({ tags })).action.kind).toBe("message");
  });
});

describe("[C9 irc] a redaction", () => {
  it("deletes what it names, under an id of its own", () => {
    const event = heardAction(hear({ kind: "redact", redacts: "abc", text: "spam\x02", msgid: "def" }));
    expect(event.action).toEqual({ kind: "delete", targets: ["abc"], reason: "spam" });
    expect(event.key).toBe("def");
    expect(event.id).toBeUndefined();
  });

  it("of nothing is none", () => {
    expect(hear({ kind: "redact", text: "" })).toBeUndefined();
    expect(hear({ kind: "redact", redacts: "a b", text: "" })).toBeUndefined();
  });

  it("without a reason has none", () => {
    expect(heardAction(hear({ kind: "redact", redacts: "abc", text: " " })).action).not.toHaveProperty("reason");
  });
});

describe("[R4 irc] [R5 irc] what changes in a channel", () => {
  it("is asked for afterwards: a topic by whom, members", () => {
    expect(hear({ kind: "topic", text: "new" })).toEqual({
      kind: "chat-changed",
      chat: { network: "libera", id: "#trestle" },
      key: `:${ulid}`,
      by: { network: "libera", id: "bob", name: "Bob" },
    });
  });

  it("is a leave of whoever goes, with the reason", () => {
    expect(heardAction(hear({ kind: "part", text: "bye\x02\x1f" }))).toMatchObject({
      chat: { id: "#trestle" },
      sender: { id: "bob" },
      action: { kind: "membership", change: "leave", reason: "bye" },
    });
    expect(heardAction(hear({ kind: "part", text: "" })).action).not.toHaveProperty("reason");
  });
});

describe("[P1 irc] a change of name", () => {
  const change = (rest: Partial<InboundLine>) => hear({ kind: "nick", target: "", ...rest });

  it("tells the former id", () => {
    expect(change({ text: "Bobby" })).toMatchObject({
      kind: "user-changed",
      user: { id: "bobby", name: "Bobby" },
      was: "bob",
    });
  });

  it("of somebody with an account keeps the id", () => {
    const event = change({ text: "Bobby", account: "robert" });
    expect(event).toMatchObject({ user: { id: "a:robert", name: "Bobby" } });
    expect(event).not.toHaveProperty("was");
  });

  it("only in case keeps the id as well", () => {
    expect(change({ text: "BOB" })).toMatchObject({ user: { id: "bob", name: "BOB" } });
    expect(change({ text: "BOB" })).not.toHaveProperty("was");
    expect(change({ text: "Bob" })).toBeUndefined();
  });

  it("is that of a login, too", () => {
    expect(hear({ kind: "account", target: "", text: "", account: "Robert" })).toMatchObject({
      user: { id: "a:robert", name: "Bob" },
      was: "bob",
    });
    expect(hear({ kind: "account", target: "", text: "", account: "*" })).toBeUndefined();
  });

  it("of our own is none, nor one to nothing", () => {
    expect(change({ nick: "trestle", text: "trestle_" })).toBeUndefined();
    expect(change({ text: "\x02" })).toBeUndefined();
  });
});

describe("[S5 irc] whatever a server sends", () => {
  it("no control byte or half character reaches the core, and nothing is thrown", () => {
    const word = hostileText(4);
    const kinds: InboundLine["kind"][] = [
      "privmsg",
      "notice",
      "action",
      "tagmsg",
      "redact",
      "topic",
      "nick",
      "account",
      "part",
    ];
    const any = fc.record({
      kind: fc.constantFrom(...kinds),
      nick: fc.oneof(fc.constant("bob"), word),
      account: word,
      target: fc.oneof(fc.constantFrom("#a", "@#a", "trestle"), word),
      text: word,
      tags: fc.record({ "+draft/reply": word, "+draft/react": word, "draft/relaymsg": word }, { requiredKeys: [] }),
      msgid: word,
      redacts: word,
      serverTimeMs: fc.oneof(fc.double(), fc.integer()),
    });
    fc.assert(
      fc.property(any, (rest) => {
        const event = hear(rest as Partial<InboundLine>);
        const strings: string[] = [];
        JSON.stringify(event, (_, value: unknown) => {
          if (typeof value === "string") strings.push(value);
          return value;
        });
        for (const text of strings) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
          expect(text).not.toMatch(/[\u0000-\u001f\u007f]/);
          expect(text.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
