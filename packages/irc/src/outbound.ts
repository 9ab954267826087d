/**
 * Plans what a Matrix person did as lines of IRC: one part per line, each whole and harmless in itself. Pure. It knows the shape
 * of lines and their exact budget; how and when they leave is connections.ts, and what may leave at all is wire-writer.ts.
 */
import type { Action, Attachment, Content, Lookup, MatrixAuthor, RemoteMessageId } from "@trestle/core";
import { type Inline, type Mention, plainText, type RichText } from "@trestle/richtext";
import { diffEdit, editedMark } from "./edit-diff.ts";
import { addressOf, fileLine } from "./file-lines.ts";
import { byteLength, cutText, harmlessName, harmlessText, isVisible, quiet } from "./harmless-text.ts";
import { type CaseMapping, foldCase, msgidOf } from "./ids.ts";
import { ircCodec } from "./markup.ts";
import { type ChannelNames, relayName, relayNick } from "./names.ts";

/** One line, as JSON. The channel is the chat's. */
export type IrcPart = {
  readonly command: "PRIVMSG" | "NOTICE" | "RELAYMSG" | "REDACT" | "TAGMSG";
  /** REDACT: the reason, or "". TAGMSG: "". Else the trailing parameter, never empty. */
  readonly text: string;
  /** RELAYMSG: under which nick. */
  readonly nick?: string;
  /** Client-only tags, unescaped. */
  readonly tags?: { readonly [name: string]: string };
  /** REDACT: the msgid of what goes. */
  readonly target?: string;
};

export interface PlanContext {
  readonly channel: string;
  readonly ownNick: string;
  /** Bytes of `:nick!user@host ` as others get it before our lines; `hostmaskBytesMax` while that is not known. */
  readonly ownHostmaskBytes: number;
  /** With CR LF; 512 unless the server says otherwise (RFC 2812 2.3). */
  readonly lineBytesMax: number;
  /** Nicks in the channel, folded. */
  readonly nicks: ReadonlySet<string>;
  readonly mapping: CaseMapping;
  readonly statusPrefixes: string;
  readonly relaymsg?: { readonly separator: string };
  readonly redaction: boolean;
  readonly react: boolean;
  readonly reply: boolean;
  readonly typing: boolean;
  readonly partsMax: number;
  readonly reactionNotices: boolean;
  /** Other Matrix people who speak in this channel: those of the same name are told apart. */
  readonly others?: readonly MatrixAuthor[];
}

/** Of a part that is said in passing: sent only where there is room, confirmed by nothing (typing.ts). */
export const typingTag = "+typing";

/** Files announced one by one; the others of a larger heap are counted. */
const attachmentsMax = 5;
/** People called by one message; further ones are named without being called. */
const callsMax = 5;
const quoteLimit = { graphemes: 40, bytes: 120 };
const reactionLimit = { graphemes: 16, bytes: 64 };
/** `\x01ACTION ` and `\x01`. */
const actionBytes = 9;

/** The parts of an action; none when nothing is to be said on IRC. */
export function planIrc(
  action: Action<RemoteMessageId>,
  author: MatrixAuthor,
  context: PlanContext,
  lookup: Lookup,
): IrcPart[] {
  const speaker = createSpeaker(author, context, lookup);
  switch (action.kind) {
    case "message": {
      const lead = action.quote === undefined ? "" : quoteLead(action.quote, context);
      const parts = speaker.say(action.content, lead);
      return withReplyTag(parts, action.replyTo, context);
    }
    case "edit":
      return speaker.say(editContent(action.content, action.before));
    case "delete":
      return context.redaction ? action.targets.flatMap((target) => redact(target, action.reason)) : [];
    case "react":
    case "unreact":
      return react(action, speaker, context);
    case "typing": {
      const state = action.active ? "active" : "done";
      return context.typing ? [{ command: "TAGMSG", text: "", tags: { [typingTag]: state } }] : [];
    }
    case "read":
    case "membership":
    case "moderate":
      return [];
  }
}

/** Bytes of text in one line `command channel :text` that reaches every reader whole. */
export function textBytesMax(
  context: Pick<PlanContext, "channel" | "ownHostmaskBytes" | "lineBytesMax">,
  command: "PRIVMSG" | "NOTICE" = "PRIVMSG",
): number {
  const { channel, ownHostmaskBytes, lineBytesMax } = context;
  return lineBytesMax - 2 - ownHostmaskBytes - byteLength(`${command} ${channel} :`);
}

/** The most that `:nick!user@host ` can take: a user of 10 with its `~`, a host of 63 (HOSTLEN of every common server). */
export function hostmaskBytesMax(nick: string): number {
  return byteLength(`:${nick}!@ `) + 11 + 63;
}

/** A topic that fits TOPICLEN: one harmless line without format codes; "" clears it. */
export function topicText(topic: string, bytesMax: number): string {
  return cutText(harmlessText(topic).replace(/\s+/gu, " ").trim(), { graphemes: bytesMax, bytes: bytesMax });
}

interface Speaker {
  /** The lines of a content, each under the author's name; `lead` stands before its first words. */
  say(content: Content, lead?: string): IrcPart[];
}

function createSpeaker(author: MatrixAuthor, context: PlanContext, lookup: Lookup): Speaker {
  const others = context.others ?? [];
  const names: ChannelNames = context;
  const shownLookup = neutralLookup(lookup, context);
  const name = relayName(author, others, names);

  /** How a line of this style is said, and how many bytes of text it holds. */
  const shapeOf = (style: Content["style"]): { readonly max: number; readonly part: (text: string) => IrcPart } => {
    const { relaymsg } = context;
    // A notice stays a notice, so that no robot answers it; RELAYMSG has none.
    if (relaymsg !== undefined && style !== "notice") {
      const nick = relayNick(author, others, relaymsg);
      const isAction = style === "emote";
      const max = relayBytesMax(context, nick) - (isAction ? actionBytes : 0);
      return { max, part: (text) => ({ command: "RELAYMSG", nick, text: isAction ? `\x01ACTION ${text}\x01` : text }) };
    }
    const command = style === "notice" ? "NOTICE" : "PRIVMSG";
    // On every line: between the lines of others, or behind a bot's own prefix, nobody could tell who speaks.
    const prefix = style === "emote" ? `* ${name} ` : `<${name}> `;
    const max = textBytesMax(context, command) - byteLength(prefix);
    return { max, part: (text) => ({ command, text: `${prefix}${text}` }) };
  };
  const print = (doc: RichText, style: Content["style"], partsMax: number): string[] =>
    ircCodec.print(doc, { max: shapeOf(style).max, unit: "bytes", partsMax }, shownLookup);
  /** As many lines as may be; where the rest can be read, the last one says so instead of being cut. */
  const printLong = (doc: RichText, { style, textUrl }: Content): string[] => {
    const url = addressOf(textUrl);
    const cut = print(doc, style, context.partsMax);
    if (url === undefined || cut.length < context.partsMax) return cut;
    const all = print(doc, style, Number.MAX_SAFE_INTEGER);
    const shown = all.slice(0, Math.max(0, context.partsMax - 1));
    const note = `… (${all.length - shown.length} more lines) ${url}`;
    return all.length <= context.partsMax || byteLength(note) > shapeOf(style).max ? cut : [...shown, note];
  };

  const sayFile = (file: Attachment, style: Content["style"]): IrcPart[] => {
    const { max, part } = shapeOf(style);
    return print(oneLineDoc(fileLine(file, max, context)), style, 1).map(part);
  };

  return {
    say(content, lead = "") {
      const { attachments, style } = content;
      const doc = withLead(content.text, lead);
      const { max, part } = shapeOf(style);
      const joined = captioned(print(doc, style, 2), attachments, max, context);
      if (joined !== undefined) return [part(joined)];
      const said = printLong(doc, content).map(part);
      // Under a nick of its own, a sentence reads as an action: `* alice/m sent an image: cat.png`.
      const sentence = style === "notice" ? "notice" : context.relaymsg === undefined ? "text" : "emote";
      const listed = style === "notice" ? "notice" : "text";
      const files = attachments
        .slice(0, attachmentsMax)
        .flatMap((file) => sayFile(file, addressOf(file.url) === undefined ? sentence : listed));
      const further = attachments.length - attachmentsMax;
      const rest = further > 0 ? [`sent ${further} more file${further === 1 ? "" : "s"}`] : [];
      return [...said, ...files, ...rest.map(shapeOf(sentence).part)];
    },
  };
}

/** A caption and its only file are one thing, if one line holds them: `look at this - cat.png (1.2 MB) https://...`. */
function captioned(
  [text, more]: readonly string[],
  [file, another]: readonly Attachment[],
  max: number,
  context: PlanContext,
): string | undefined {
  const url = addressOf(file?.url);
  if (text === undefined || more !== undefined || file === undefined || another !== undefined) return undefined;
  const line = `${text} - ${fileLine(file, max, context)}`;
  return url === undefined || !line.includes(url) || byteLength(line) > max ? undefined : line;
}

/** The relayed line has the nick's own mask, whose user and host are the server's choice; ours must not be too long either. */
function relayBytesMax({ channel, lineBytesMax }: PlanContext, nick: string): number {
  const relayed = hostmaskBytesMax(nick) + byteLength(`PRIVMSG ${channel} :`);
  const sent = byteLength(`RELAYMSG ${channel} ${nick} :`);
  return lineBytesMax - 2 - Math.max(relayed, sent);
}

/** Names that the document mentions, as IRC shows them: IRC people by nick and thereby called, all others never. */
function neutralLookup(lookup: Lookup, { nicks, mapping }: PlanContext): Lookup {
  const called = new Set<string>();
  return {
    findByName: (name) => lookup.findByName(name),
    nameOf(mention: Mention) {
      const name = harmlessName(lookup.nameOf(mention) ?? "");
      if (mention.what !== "user") return name === "" ? undefined : name;
      if (mention.side === "matrix") return name === "" ? undefined : quiet(name);
      if (name === "") return undefined;
      const nick = foldCase(name, mapping);
      if (nicks.has(nick) && (called.has(nick) || called.size < callsMax)) {
        called.add(nick);
        return name;
      }
      return quiet(name);
    },
  };
}

/**
 * What stands before a reply. Who is answered is called by the nick when that is somebody in the channel, and only named
 * otherwise: `alice: (re "are you there?") yes`. Plain concatenation: a quote is never a template.
 */
function quoteLead(quote: { readonly author: string; readonly text: string }, context: PlanContext): string {
  const { nicks, mapping, others = [] } = context;
  const nick = harmlessText(quote.author).trim();
  // A Matrix person of the same name would call a stranger.
  const isOnMatrix = others.some(({ name }) => foldCase(name, mapping) === foldCase(nick, mapping));
  const isCalled = nicks.has(foldCase(nick, mapping)) && !isOnMatrix;
  const text = cutText(harmlessText(quote.text).replace(/\s+/gu, " ").trim(), quoteLimit);
  const said = isVisible(text) ? `"${text}"` : "";
  if (isCalled) return said === "" ? `${nick}: ` : `${nick}: (re ${said}) `;
  const name = cutText(harmlessName(quote.author), { graphemes: 32, bytes: 64 });
  const who = isVisible(name) ? quiet(name) : "";
  const whole = [who, said].filter((word) => word !== "").join(": ");
  return whole === "" ? "" : `(re ${whole}) `;
}

function withLead(doc: RichText, lead: string): RichText {
  if (lead === "") return doc;
  const [first, ...rest] = doc;
  const text: Inline = { kind: "text", text: lead };
  if (first?.kind === "paragraph") return [{ ...first, children: [text, ...first.children] }, ...rest];
  return [{ kind: "paragraph", children: [text] }, ...doc];
}

const oneLineDoc = (text: string): RichText => [{ kind: "paragraph", children: [{ kind: "text", text }] }];

/** A small change as a difference; else the whole text with its formatting, marked. */
function editContent(content: Content, before: string | undefined): Content {
  const difference = diffEdit(before, plainText(content.text));
  const text = difference === undefined ? withLead(content.text, editedMark) : oneLineDoc(difference);
  // The files of an edited message were announced when it was new.
  return { ...content, text, attachments: [] };
}

function withReplyTag(parts: IrcPart[], replyTo: RemoteMessageId | undefined, { reply }: PlanContext): IrcPart[] {
  const msgid = replyTo === undefined || !reply ? undefined : msgidOf(replyTo);
  const [first, ...rest] = parts;
  if (msgid === undefined || first === undefined) return parts;
  return [{ ...first, tags: { ...first.tags, "+draft/reply": msgid } }, ...rest];
}

function redact(target: RemoteMessageId, reason: string | undefined): IrcPart[] {
  const msgid = msgidOf(target);
  if (msgid === undefined) return [];
  const text = cutText(harmlessText(reason ?? "").trim(), { graphemes: 200, bytes: 200 });
  return [{ command: "REDACT", target: msgid, text }];
}

function react(
  { kind, target, key }: Extract<Action<RemoteMessageId>, { kind: "react" | "unreact" }>,
  speaker: Speaker,
  context: PlanContext,
): IrcPart[] {
  const shown = cutText(harmlessText(key).trim(), reactionLimit);
  if (!isVisible(shown)) return [];
  const msgid = msgidOf(target);
  if (context.react && msgid !== undefined) {
    const tag = kind === "react" ? "+draft/react" : "+draft/unreact";
    return [{ command: "TAGMSG", text: "", tags: { "+draft/reply": msgid, [tag]: shown } }];
  }
  if (!context.reactionNotices || kind === "unreact") return [];
  return speaker.say({ style: "notice", text: oneLineDoc(`reacted with ${shown}`), attachments: [] });
}
