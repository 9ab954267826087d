import { type Action, type Lookup, type Part, type RemoteMessageId, remoteMessageId, userId } from "@trestle/core";
import { code, codeBlock, doc, mention, paragraph, quote, type RichText, styled } from "@trestle/richtext";
import { localMessageId } from "../src/ids.ts";
import { hostmaskBytesMax, type PlanContext, textBytesMax, topicText } from "../src/outbound.ts";
import { checkLine } from "../src/wire-writer.ts";
import { alice, content, file, mask, plain, plan, rich, say, seen } from "./planning.ts";

describe("[P2 irc] [C3 irc] a relayed message", () => {
  it("stands under the author's name, which calls nobody", () => {
    expect(plan(say("hello"))).toEqual([{ command: "PRIVMSG", text: "<A\u200blice> hello" }]);
  });

  it("has the name on every line", () => {
    expect(seen(plan(say(doc("one", "two"))))).toEqual(["<Alice> one", "<Alice> two"]);
  });

  it("is an emote as a sentence, a notice as a notice", () => {
    expect(seen(plan(say("waves", { style: "emote" })))).toEqual(["* Alice waves"]);
    const [notice] = plan(say("build passed", { style: "notice" }));
    expect(notice).toEqual({ command: "NOTICE", text: "<A\u200blice> build passed" });
  });

  it("[C1 irc] carries its formatting, closed within each line", () => {
    const text = doc(paragraph(styled("bold", "b"), " ", code("c")), quote("q"), codeBlock("x\ny", "sh"));
    expect(seen(plan(say(text)))).toEqual([
      "<Alice> \x02b\x02 \x11c\x11",
      "<Alice> > q",
      "<Alice> [sh] \x11x\x11",
      "<Alice> \x11y\x11",
    ]);
  });

  it("is nothing when there is nothing to see", () => {
    expect(plan(say([]))).toEqual([]);
    expect(plan(say(" \u200b\x02"))).toEqual([]);
  });

  it("with RELAYMSG is said by the author's own nick; an emote is one; a notice stays ours", () => {
    expect(plan(say("hello"), rich)).toEqual([{ command: "RELAYMSG", nick: "Alice/m", text: "hello" }]);
    expect(plan(say("waves", { style: "emote" }), rich)).toEqual([
      { command: "RELAYMSG", nick: "Alice/m", text: "\x01ACTION waves\x01" },
    ]);
    expect(plan(say("passed", { style: "notice" }), rich)[0]?.command).toBe("NOTICE");
  });

  it("is JSON, and a Part of the core", () => {
    const parts: readonly Part[] = plan(say("hello"), rich);
    expect(JSON.parse(JSON.stringify(parts))).toEqual(parts);
  });
});

describe("[C2 irc] the budget of a line", () => {
  it("is exact: 512 bytes as others get it, CR LF included (RFC 2812 2.3)", () => {
    for (const length of [300, 420, 430, 440, 450, 500, 1000]) {
      for (const part of plan(say("x".repeat(length)))) {
        expect(Buffer.byteLength(`${mask}PRIVMSG #trestle :${part.text}\r\n`)).toBeLessThanOrEqual(512);
      }
    }
    const [first] = plan(say("x".repeat(1000)));
    expect(Buffer.byteLength(`${mask}PRIVMSG #trestle :${first?.text}\r\n`)).toBe(512);
    const [notice] = plan(say("x".repeat(1000), { style: "notice" }));
    expect(Buffer.byteLength(`${mask}NOTICE #trestle :${notice?.text}\r\n`)).toBe(512);
  });

  it("is what the capabilities say, and holds for the longest mask", () => {
    expect(textBytesMax(plain)).toBe(512 - 2 - Buffer.byteLength(mask) - "PRIVMSG #trestle :".length);
    expect(hostmaskBytesMax("trestle")).toBe(`:trestle!~${"u".repeat(10)}@${"h".repeat(63)} `.length);
  });

  it("leaves room for the relayed nick's mask, and for the command itself", () => {
    for (const style of ["text", "emote"] as const) {
      for (const part of plan(say("é".repeat(2000), { style }), { ...rich, channel: `#${"c".repeat(60)}` })) {
        const line = `:${part.nick}!~${"u".repeat(10)}@${"h".repeat(63)} PRIVMSG #${"c".repeat(60)} :${part.text}\r\n`;
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(512);
        expect(Buffer.byteLength(`RELAYMSG #${"c".repeat(60)} ${part.nick} :${part.text}\r\n`)).toBeLessThanOrEqual(
          512,
        );
      }
    }
  });

  it("ends after partsMax lines, the last of which says what is missing", () => {
    const parts = plan(say("word ".repeat(2000)));
    expect(parts).toHaveLength(5);
    expect(parts[4]?.text).toMatch(/ … \[\d+ more characters left out\]$/);
  });
});

describe("[C10 irc] a reply", () => {
  const answer = (author: string, text: string, context = plain) =>
    seen(plan({ kind: "message", content: content(doc("yes")), quote: { author, text } }, context));

  it.each<[string, string, string, string]>([
    ["calls who is in the channel", "bob", "are you there?", '<Alice> bob: (re "are you there?") yes'],
    ["in the case that he uses", "Bob", "", "<Alice> Bob: yes"],
    ["only names who is not", "Dave", "are you there?", '<Alice> (re Dave: "are you there?") yes'],
    ["says what is answered without a name", "", "hm", '<Alice> (re "hm") yes'],
    ["says nothing when nothing may be quoted", "", "", "<Alice> yes"],
    ["cuts the quote", "bob", "x".repeat(100), `<Alice> bob: (re "${"x".repeat(39)}…") yes`],
    ["keeps the quote on one line", "bob", "a\r\nQUIT :x\0\x01", '<Alice> bob: (re "a QUIT :x") yes'],
    ["takes no codes from the quote", "bob", "\x02\x0304a\x0f", '<Alice> bob: (re "04a") yes'],
    ["fills nothing into the quote", "bob", "$REPLY $& $1 %s {0}", '<Alice> bob: (re "$REPLY $& $1 %s {0}") yes'],
    ["takes a hostile author for a name", "bob\r\nQUIT", "a", '<Alice> (re bob QUIT: "a") yes'],
  ])("%s", (_, author, text, line) => {
    expect(answer(author, text)).toEqual([line]);
  });

  it("[C13 irc] never calls an IRC person for a Matrix person of the same name", () => {
    const others = [{ userId: userId("@bob:example.org"), name: "Bob" }];
    const [line] = plan(
      { kind: "message", content: content(doc("yes")), quote: { author: "Bob", text: "a" } },
      { ...plain, others },
    );
    expect(line?.text).toContain("B\u200bob");
  });

  it("stands before whatever the answer begins with", () => {
    const parts = plan({ kind: "message", content: content(doc(codeBlock("x"))), quote: { author: "bob", text: "" } });
    expect(seen(parts)).toEqual(["<Alice> bob:", "<Alice> \x11x\x11"]);
  });

  it("carries the tag on its first line where tags pass, and only a real id", () => {
    const reply = (id: RemoteMessageId, context: PlanContext) =>
      plan({ kind: "message", content: content(doc("yes", "no")), replyTo: id }, context).map(({ tags }) => tags);
    expect(reply(remoteMessageId("abc"), rich)).toEqual([{ "+draft/reply": "abc" }, undefined]);
    expect(reply(remoteMessageId("abc"), plain)).toEqual([undefined, undefined]);
    expect(reply(localMessageId("01JD"), rich)).toEqual([undefined, undefined]);
    expect(reply(remoteMessageId("a b\r\nQUIT"), rich)).toEqual([undefined, undefined]);
  });
});

describe("[C8 irc] an edit", () => {
  const edit = (before: string | undefined, after: RichText) =>
    seen(plan({ kind: "edit", targets: [], content: content(after), ...(before === undefined ? {} : { before }) }));

  it("is a short difference where that is shorter", () => {
    const after = doc("let us meet at one tomorrow");
    expect(edit("let us meet at noon tomorrow", after)).toEqual(["<Alice> * … meet at [noon → one] tomorrow"]);
  });

  it("is the new text, marked and formatted, otherwise", () => {
    expect(edit("helo", doc(paragraph(styled("bold", "hello"))))).toEqual(["<Alice> (edited) \x02hello\x02"]);
    expect(edit(undefined, doc("hello"))).toEqual(["<Alice> (edited) hello"]);
  });

  it("does not announce the files again", () => {
    const action: Action<RemoteMessageId> = {
      kind: "edit",
      targets: [],
      content: content(doc("hello"), { attachments: [file()] }),
    };
    expect(seen(plan(action))).toEqual(["<Alice> (edited) hello"]);
  });
});

describe("[C9 irc] a deletion", () => {
  const targets = [remoteMessageId("abc"), localMessageId("01JD"), remoteMessageId("def")];

  it("is a REDACT for each line that the server knows", () => {
    expect(plan({ kind: "delete", targets, reason: "spam\r\nQUIT" }, rich)).toEqual([
      { command: "REDACT", target: "abc", text: "spam  QUIT" },
      { command: "REDACT", target: "def", text: "spam  QUIT" },
    ]);
  });

  it("is nothing where the server has none", () => {
    expect(plan({ kind: "delete", targets })).toEqual([]);
  });
});

describe("[C12 irc] a reaction", () => {
  const react = (key: string, context: PlanContext, kind: "react" | "unreact" = "react") =>
    plan({ kind, target: remoteMessageId("abc"), key }, context);

  it("is a tag where tags pass (https://ircv3.net/specs/client-tags/react)", () => {
    expect(react("👍", rich)).toEqual([
      { command: "TAGMSG", text: "", tags: { "+draft/reply": "abc", "+draft/react": "👍" } },
    ]);
    expect(react("👍", rich, "unreact")[0]?.tags).toEqual({ "+draft/reply": "abc", "+draft/unreact": "👍" });
  });

  it("is a short notice otherwise, and only when wanted", () => {
    expect(react("👍", plain)).toEqual([]);
    expect(seen(react("👍", { ...plain, reactionNotices: true }))).toEqual(["<Alice> reacted with 👍"]);
    expect(react("👍", { ...plain, reactionNotices: true }, "unreact")).toEqual([]);
  });

  it("[S1 irc] of hostile text is short and one word of a tag", () => {
    expect(react("\r\nQUIT :x\0", rich)[0]?.tags?.["+draft/react"]).toBe("QUIT :x");
    expect(react("x".repeat(500), rich)[0]?.tags?.["+draft/react"]).toHaveLength(16);
    expect(react("\u200b", rich)).toEqual([]);
  });
});

describe("[C13 irc] mentions", () => {
  const names: Record<string, string> = { bob: "Bob", dave: "Dave", "@carol:x": "Carol" };
  const lookup: Lookup = { nameOf: ({ id }) => names[id], findByName: () => undefined };
  const remote = (id: string) => mention({ side: "remote", what: "user", id }, `@${id}`);
  const lines = (text: RichText, with_ = lookup, context = plain) =>
    plan(say(text), context, alice, with_).map(({ text }) => text);

  it("call IRC people by their real nick", () => {
    expect(lines(doc(paragraph(remote("bob"), ": hi")))).toEqual(["<A\u200blice> Bob: hi"]);
  });

  it("never call who is not in the channel, nor a Matrix person's namesake", () => {
    expect(lines(doc(paragraph(remote("dave"))))).toEqual(["<A\u200blice> D\u200bave"]);
    const carol = mention({ side: "matrix", what: "user", id: "@carol:x" }, "Carol");
    expect(lines(doc(paragraph(carol)))).toEqual(["<A\u200blice> C\u200barol"]);
  });

  it("never call everybody", () => {
    const all = mention({ side: "matrix", what: "everyone", id: "!r:x" }, "@room");
    expect(lines(doc(paragraph(all)))).toEqual(["<A\u200blice> @\u200broom"]);
  });

  it("[S1 irc] call five people at most", () => {
    const crowd = Array.from({ length: 20 }, (_, at) => `nick${at}`);
    const everybody: Lookup = { nameOf: ({ id }) => id, findByName: () => undefined };
    const [line = ""] = lines(doc(paragraph(...crowd.flatMap((id) => [remote(id), " "]))), everybody, {
      ...plain,
      nicks: new Set(crowd),
    });
    expect(crowd.filter((nick) => new RegExp(`(?<![\\w\u200b])${nick}(?!\\w)`).test(line))).toHaveLength(5);
  });
});

describe("[C3 irc] what is not said on IRC", () => {
  it.each<Action<RemoteMessageId>>([
    { kind: "read", upTo: remoteMessageId("a") },
    { kind: "membership", change: "join" },
    { kind: "moderate", what: "ban", user: userId("@x:y") },
  ])("$kind", (action) => {
    expect(plan(action, rich)).toEqual([]);
  });
});

describe("[C16 irc] typing", () => {
  it("is a tag where it passes, and nothing elsewhere", () => {
    expect(plan({ kind: "typing", active: true }, rich)).toEqual([
      { command: "TAGMSG", text: "", tags: { "+typing": "active" } },
    ]);
    expect(plan({ kind: "typing", active: false }, rich)[0]?.tags).toEqual({ "+typing": "done" });
    expect(plan({ kind: "typing", active: true })).toEqual([]);
  });
});

describe("[R4 irc] a topic", () => {
  it.each<[string, string]>([
    ["Welcome to #trestle", "Welcome to #trestle"],
    ["two\r\nlines\0 and \x02codes\x0304,01", "two lines and codes04,01"],
    ["\x01ACTION x\x01", "ACTION x"],
    ["", ""],
    ["x".repeat(500), `${"x".repeat(387)}…`],
    ["é".repeat(500), `${"é".repeat(193)}…`],
  ])("is one line that fits: %j", (topic, text) => {
    expect(topicText(topic, 390)).toBe(text);
    expect(() => checkLine(`TOPIC #trestle :${text}`)).not.toThrow();
  });
});
