/**
 * Plans what a Matrix person did as lines of IRC: one part per line, each whole and harmless in itself. Pure. It knows the shape
 * of lines and their exact budget; how and when they leave is connections.ts, and what may leave at all is wire-writer.ts.
 */
import type { Action, Attachment, Content, Lookup, MatrixAuthor, RemoteMessageId } from "@trestle/core";
import { type Inline, type Mention, plainText, type RichText } from "@trestle/richtext";
import { diffEdit, editedMark } from "./edit-diff.ts";
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
  readonly partsMax: number;
  readonly reactionNotices: boolean;
  /** Other Matrix people who speak in this channel: those of the same name are told apart. */
  readonly others?: readonly MatrixAuthor[];
}

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
    case "typing":
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

  const lines = (doc: RichText, style: Content["style"], partsMax: number): IrcPart[] => {
    const { relaymsg } = context;
    // A notice stays a notice, so that no robot answers it; RELAYMSG has none.
    if (relaymsg !== undefined && style !== "notice") {
      const nick = relayNick(author, others, relaymsg);
      const isAction = style === "emote";
      const max = relayBytesMax(context, nick) - (isAction ? actionBytes : 0);
      const texts = ircCodec.print(doc, { max, unit: "bytes", partsMax }, shownLookup);
      return texts.map((text) => ({ command: "RELAYMSG", nick, text: isAction ? `\x01ACTION ${text}\x01` : text }));
    }
    const command = style === "notice" ? "NOTICE" : "PRIVMSG";
    // On every line: between the lines of others, or behind a bot's own prefix, nobody could tell who speaks.
    const prefix = style === "emote" ? `* ${name} ` : `<${name}> `;
    const max = textBytesMax(context, command) - byteLength(prefix);
    const texts = ircCodec.print(doc, { max, unit: "bytes", partsMax }, shownLookup);
    return texts.map((text) => ({ command, text: `${prefix}${text}` }));
  };

  return {
    say(content, lead = "") {
      const said = lines(withLead(content.text, lead), content.style, context.partsMax);
      const files = content.attachments.slice(0, attachmentsMax).map(announcement);
      const further = content.attachments.length - files.length;
      if (further > 0) files.push(`sent ${further} more file${further === 1 ? "" : "s"}`);
      // Under a nick of its own, the sentence reads as an action: `* alice/m sent an image: cat.png`.
      const style = content.style === "notice" ? "notice" : context.relaymsg === undefined ? "text" : "emote";
      return [...said, ...files.flatMap((file) => lines(oneLineDoc(file), style, 1))];
    },
  };
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

const kindWords: Readonly<Record<Attachment["kind"], string>> = {
  image: "an image",
  video: "a video",
  audio: "an audio file",
  voice: "a voice message",
  file: "a file",
  sticker: "a sticker",
};

/** `sent an image: cat.png (1.2 MB) - a cat on a sofa`. */
function announcement({ kind, name, byteLength: size, durationMs, description, spoiler }: Attachment): string {
  const facts = [
    ...(durationMs === undefined ? [] : [durationText(durationMs)]),
    ...(size === undefined ? [] : [sizeText(size)]),
    ...(spoiler ? ["spoiler"] : []),
  ];
  const shownName = cutText(harmlessName(name), { graphemes: 80, bytes: 160 });
  const about = harmlessText(description ?? "").trim();
  return (
    `sent ${kindWords[kind]}${shownName === "" ? "" : `: ${shownName}`}` +
    `${facts.length === 0 ? "" : ` (${facts.join(", ")})`}` +
    `${isVisible(about) && about !== name ? ` - ${cutText(about, { graphemes: 120, bytes: 240 })}` : ""}`
  );
}

function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [Math.max(0, bytes), 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${Number.isFinite(value) ? value.toFixed(digits) : "?"} ${units[unit]}`;
}

function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
