/** Injection through every string that a Matrix person can choose (GHSA-52rh-5rpj-c3w6, GHSA-3pmj-jqqp-2mj3, GHSA-5mvm-89c9-9gm5). */
import {
  type Action,
  type Attachment,
  type Content,
  emptyLookup,
  type Lookup,
  type MatrixAuthor,
  type RemoteMessageId,
  remoteMessageId,
  userId,
} from "@trestle/core";
import { color, doc, paragraph, type RichText } from "@trestle/richtext";
import { hostileDocuments, hostileText } from "@trestle/testing";
import fc from "fast-check";
import { type IrcPart, type PlanContext, planIrc, topicText } from "../src/outbound.ts";
import { formatLine } from "../src/wire-writer.ts";
import { lineComplaints } from "./line-check.ts";

const mask = ":trestle!~trestle@gateway.example.org ";
const plain: PlanContext = {
  channel: "#trestle",
  ownNick: "trestle",
  ownHostmaskBytes: Buffer.byteLength(mask),
  lineBytesMax: 512,
  nicks: new Set(["bob", "carol"]),
  mapping: "rfc1459",
  statusPrefixes: "@+",
  redaction: false,
  react: false,
  reply: false,
  typing: false,
  partsMax: 5,
  reactionNotices: true,
};
const rich: PlanContext = {
  ...plain,
  redaction: true,
  react: true,
  reply: true,
  typing: true,
  relaymsg: { separator: "/" },
};
const content = (text: RichText, rest: Partial<Content> = {}): Content => ({
  style: "text",
  text,
  attachments: [],
  ...rest,
});
const url = "https://media.example.org/m/abc";
const file = (name: string, description: string, rest: Partial<Attachment> = {}): Attachment => ({
  ...rest,
  kind: "file",
  name,
  description,
  mimeType: "text/plain",
  source: "mxc://example.org/x",
});

/** The line as connector.ts puts it on the wire: throws when the writer would refuse it. */
function wire(part: IrcPart, { channel }: PlanContext): string {
  const { command, text, nick = "", target = "", tags = {} } = part;
  if (command === "RELAYMSG") return formatLine(command, [channel, nick, text], tags);
  if (command === "REDACT") return formatLine(command, [channel, target, ...(text === "" ? [] : [text])], tags);
  return formatLine(command, command === "TAGMSG" ? [channel] : [channel, text], tags);
}

describe("[S1 irc] whatever people write, name themselves and quote", () => {
  const optional = (words: fc.Arbitrary<string>) => fc.option(words, { nil: undefined });
  const input = fc.record({
    name: hostileText(5),
    text: hostileDocuments(),
    style: fc.constantFrom("text", "emote", "notice") as fc.Arbitrary<Content["style"]>,
    quoted: optional(hostileText(4)),
    quoter: hostileText(3),
    before: optional(hostileText(6)),
    fileName: optional(hostileText(4)),
    about: hostileText(4),
    reply: optional(hostileText(2)),
    key: hostileText(2),
    isRich: fc.boolean(),
    hasUrl: fc.boolean(),
    named: hostileText(3),
  });

  it("the wire's guard takes every line, none is too long, each closes its formatting", () => {
    fc.assert(
      fc.property(input, (it) => {
        const context: PlanContext = it.isRich ? rich : { ...plain, reactionNotices: true };
        const author: MatrixAuthor = { userId: userId("@a:b"), name: it.name };
        const lookup: Lookup = { nameOf: () => it.named, findByName: () => undefined };
        const attachments = it.fileName === undefined ? [] : [file(it.fileName, it.about, it.hasUrl ? { url } : {})];
        const said = content(it.text, { style: it.style, attachments, ...(it.hasUrl ? { textUrl: url } : {}) });
        const id = remoteMessageId(it.reply ?? "abc");
        const actions: Action<RemoteMessageId>[] = [
          {
            kind: "message",
            content: said,
            ...(it.quoted === undefined ? {} : { quote: { author: it.quoter, text: it.quoted } }),
            ...(it.reply === undefined ? {} : { replyTo: id }),
          },
          { kind: "edit", targets: [id], content: said, ...(it.before === undefined ? {} : { before: it.before }) },
          { kind: "delete", targets: [id], reason: it.about },
          { kind: "react", target: id, key: it.key },
        ];
        // a name makes no second address, and does not break the real one
        const named = content([], { attachments: [file(it.fileName ?? "", "", { url })] });
        const plainly = { ...author, name: "A" };
        const [line] = planIrc({ kind: "message", content: named }, plainly, context, lookup);
        expect(line?.text.match(/\S*:\/\/\S*/g)).toEqual([url]);
        for (const part of actions.flatMap((action) => planIrc(action, author, context, lookup))) {
          const line = wire(part, context);
          expect(line).not.toMatch(/[\r\n\0]/);
          if (part.command === "TAGMSG" || part.command === "REDACT") continue;
          expect(
            Buffer.byteLength(`${mask}${line.replace(/^@\S+ /, "")}\r\n`) <= 512 || part.command === "RELAYMSG",
          ).toBe(true);
          const said =
            part.text.startsWith("\x01ACTION ") && part.command === "RELAYMSG" ? part.text.slice(8, -1) : part.text;
          expect(lineComplaints(said)).toEqual([]);
          expect(said.startsWith("\x01")).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("colours at the cut stay whole in relayed lines", () => {
    const text = doc(paragraph(color({ foreground: "#ff0000", background: "#00007f" }, "1,2 ".repeat(400))));
    for (const { text: line } of planIrc(
      { kind: "message", content: content(text) },
      { userId: userId("@a:b"), name: "A" },
      plain,
      emptyLookup,
    ))
      expect(lineComplaints(line)).toEqual([]);
  });
});

describe("[S1 irc] a topic", () => {
  it("of any text is one harmless line within TOPICLEN", () => {
    fc.assert(
      fc.property(hostileText(20), fc.integer({ min: 1, max: 400 }), (topic, bytesMax) => {
        const text = topicText(topic, bytesMax);
        expect(lineComplaints(text).filter((complaint) => complaint !== "nothing to see")).toEqual([]);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytesMax);
        expect(formatLine("TOPIC", ["#trestle", text])).not.toMatch(/[\r\n\0]/);
      }),
    );
  });
});
