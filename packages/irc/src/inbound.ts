/**
 * What a line from the wire means to the core. Pure: which connection heard it, whether it came late and what id a line without
 * one gets is said in the context. Joining, kicks of ourselves and reconnects are connections.ts; nothing here answers.
 */
import {
  type Action,
  type ChatKey,
  type Content,
  emptyLookup,
  type Lookup,
  type NetworkId,
  type RemoteAuthor,
  type RemoteEvent,
  type RemoteMessageId,
  remoteMessageId,
} from "@trestle/core";
import { cutText, harmlessText, isVisible } from "./harmless-text.ts";
import {
  type CaseMapping,
  channelProblem,
  encodeRemoteUser,
  foldCase,
  ircChatKey,
  isMsgid,
  localMessageId,
} from "./ids.ts";
import { ircCodec } from "./markup.ts";

/** A line that was parsed, and no more: nothing in it has been judged yet. */
export interface InboundLine {
  /** `tagmsg`: a TAGMSG, whatever its tags say. `nick`: `text` is the new nick. `part`: went, by whatever way; `text` is why. */
  readonly kind: "privmsg" | "notice" | "action" | "tagmsg" | "redact" | "topic" | "nick" | "account" | "part";
  readonly nick: string;
  readonly ident?: string;
  readonly host?: string;
  /** From account-tag, extended-join or WHOX; `*` and `0` mean none. */
  readonly account?: string;
  /** The first parameter: a channel, perhaps with a STATUSMSG prefix. "" for `nick` and `account`. */
  readonly target: string;
  readonly text: string;
  /** As parsed, with `+` and vendor: `+draft/reply`. */
  readonly tags: Readonly<Record<string, string>>;
  readonly receivedAtMs: number;
  readonly msgid?: string;
  readonly serverTimeMs?: number;
  /** REDACT: the msgid of what goes. */
  readonly redacts?: string;
}

export interface InboundContext {
  readonly network: NetworkId;
  readonly mapping: CaseMapping;
  /** Nicks of our own connections, folded: what they say is an echo. */
  readonly ownNicks: ReadonlySet<string>;
  readonly chantypes: string;
  /** STATUSMSG: prefixes that may stand before a channel. */
  readonly statusPrefixes: string;
  /** A fresh ULID: the id of a line that the server gave none. */
  readonly ulid: string;
  /** From chathistory or a bouncer's playback. */
  readonly late?: boolean;
  /** Who is in the channel, for mentions. */
  readonly lookup?: Lookup;
}

/** A line that is heard live was said a moment ago; one with an older time is a playback that says so. */
const liveAgeMsMax = 5 * 60_000;
const reactionLimit = { graphemes: 16, bytes: 128 };

/** The event for the core; undefined for echoes, client-to-client requests, private messages, and what is empty or broken. */
export function toRemoteEvent(line: InboundLine, context: InboundContext): RemoteEvent | undefined {
  const sender = senderOf(line, context);
  if (sender === undefined || isOwn(line, context)) return undefined;
  const key: string = line.msgid !== undefined && isMsgid(line.msgid) ? line.msgid : localMessageId(context.ulid);
  const { kind } = line;
  if (kind === "nick" || kind === "account") return userChanged(line, context, sender, key);
  const chat = placeOf(line.target, context);
  return chat === undefined ? undefined : chatEvent(kind, line, context, { sender, key, chat });
}

/** What was made out of a line before its meaning is asked. */
interface Heard {
  readonly chat: ChatKey;
  readonly sender: RemoteAuthor;
  readonly key: string;
}

function chatEvent(
  kind: Exclude<InboundLine["kind"], "nick" | "account">,
  line: InboundLine,
  context: InboundContext,
  heard: Heard,
): RemoteEvent | undefined {
  const { sender, key, chat } = heard;
  switch (kind) {
    case "privmsg":
    case "notice":
    case "action": {
      const content = contentOf(line, context);
      if (content === undefined) return undefined;
      const replyTo = referenceOf(line);
      const action: Action<RemoteMessageId> = {
        kind: "message",
        content,
        ...(replyTo === undefined ? {} : { replyTo }),
      };
      return { ...actionEvent(line, context, heard, action), id: remoteMessageId(key) };
    }
    case "tagmsg": {
      const action = reactionOf(line) ?? typingOf(line, context);
      return action === undefined ? undefined : actionEvent(line, context, heard, action);
    }
    case "redact": {
      const { redacts } = line;
      if (redacts === undefined || !isMsgid(redacts)) return undefined;
      const reason = harmlessText(line.text).trim();
      const action: Action<RemoteMessageId> = {
        kind: "delete",
        targets: [remoteMessageId(redacts)],
        ...(reason === "" ? {} : { reason }),
      };
      return actionEvent(line, context, heard, action);
    }
    case "topic":
      return { kind: "chat-changed", chat, key, by: sender };
    case "part": {
      const reason = harmlessText(line.text).trim();
      return actionEvent(line, context, heard, {
        kind: "membership",
        change: "leave",
        ...(reason === "" ? {} : { reason }),
      });
    }
  }
}

function actionEvent(
  line: InboundLine,
  { late }: InboundContext,
  { chat, sender, key }: Heard,
  action: Action<RemoteMessageId>,
) {
  const sentAtMs = sentAt(line, late === true);
  return { kind: "action", chat, key, sender, sentAtMs, action, ...(late ? { late } : {}) } as const;
}

/** The server's time where it can be true, else ours: nothing was said before time, or later than we heard it. */
function sentAt({ serverTimeMs, receivedAtMs }: InboundLine, late: boolean): number {
  if (serverTimeMs === undefined || !Number.isSafeInteger(serverTimeMs)) return receivedAtMs;
  const ageMs = receivedAtMs - serverTimeMs;
  if ((!late && ageMs > liveAgeMsMax) || serverTimeMs <= 0) return receivedAtMs;
  return Math.min(serverTimeMs, receivedAtMs);
}

/** By identity, never by text: our own nicks, and what another connection of ours had the server relay. */
function isOwn({ nick, tags }: InboundLine, { ownNicks, mapping }: InboundContext): boolean {
  const relayedBy = tags["relaymsg"] ?? tags["draft/relaymsg"];
  return (
    ownNicks.has(foldCase(nick, mapping)) || (relayedBy !== undefined && ownNicks.has(foldCase(relayedBy, mapping)))
  );
}

function senderOf(line: InboundLine, context: InboundContext): RemoteAuthor | undefined {
  const nick = harmlessText(line.nick).replace(/\s/gu, "");
  if (!isVisible(nick)) return undefined;
  const account = accountOf(line);
  // A server speaks without user and host, under a name with a dot: no nick has one.
  const isServer = line.ident === undefined && line.host === undefined && nick.includes(".");
  return {
    network: context.network,
    id: encodeRemoteUser({ nick, account }, context.mapping),
    name: nick,
    ...(isServer ? { service: true } : {}),
  };
}

function accountOf({ account }: InboundLine): string | undefined {
  return account === undefined || account === "*" || account === "0" ? undefined : account;
}

/** A rename keeps the ghost: `was` only when the id is another one now. An account keeps the id through renames. */
function userChanged(
  line: InboundLine,
  context: InboundContext,
  before: RemoteAuthor,
  key: string,
): RemoteEvent | undefined {
  const isRename = line.kind === "nick";
  const nick = isRename ? line.text : line.nick;
  const user = senderOf({ ...line, nick }, context);
  if (user === undefined) return undefined;
  const was = isRename ? before.id : encodeRemoteUser({ nick: before.name }, context.mapping);
  if (was === user.id && user.name === before.name) return undefined;
  return { kind: "user-changed", key, user, ...(was === user.id ? {} : { was }) };
}

/** Said to those of a rank in a channel only (STATUSMSG, `@#chan`): not to all who read the room. */
export function isForRank(target: string, { chantypes, statusPrefixes }: RankContext): boolean {
  const prefix = target.slice(0, 1);
  // `+` and `&` may be both; a channel of that type comes first only if no other channel type follows.
  return prefix !== "" && statusPrefixes.includes(prefix) && chantypes.includes(target.slice(1, 2) || "\0");
}

type RankContext = Pick<InboundContext, "chantypes" | "statusPrefixes">;

/** The channel, where all of it was spoken to; anything else is none of the core's chats. */
function placeOf(target: string, context: InboundContext): ChatKey | undefined {
  const { network, mapping, chantypes } = context;
  if (isForRank(target, context) || channelProblem(target, { chantypes, bytesMax: 512 }) !== undefined)
    return undefined;
  return ircChatKey(network, target, mapping);
}

function contentOf(line: InboundLine, context: InboundContext): Content | undefined {
  const spoken = spokenText(line);
  if (spoken === undefined) return undefined;
  const text = ircCodec.parse(spoken.text, context.lookup ?? emptyLookup);
  return text.length === 0 ? undefined : { style: spoken.style, text, attachments: [] };
}

/** What was said and how; undefined for client-to-client requests and answers, of which only ACTION is speech. */
function spokenText({
  kind,
  text,
}: InboundLine): { readonly text: string; readonly style: Content["style"] } | undefined {
  if (kind === "action") return { text, style: "emote" };
  if (!text.startsWith("\x01")) return { text, style: kind === "notice" ? "notice" : "text" };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the frame of CTCP
  const action = kind === "privmsg" ? /^\x01ACTION ([^\x01]*)\x01?$/i.exec(text) : null;
  return action === null ? undefined : { text: action[1] ?? "", style: "emote" };
}

function referenceOf({ tags }: InboundLine): RemoteMessageId | undefined {
  const msgid = tags["+draft/reply"] ?? tags["+reply"];
  return msgid === undefined || !isMsgid(msgid) ? undefined : remoteMessageId(msgid);
}

/** https://ircv3.net/specs/client-tags/typing: who pauses is not typing. What is over long ago is none. */
function typingOf({ tags }: InboundLine, { late }: InboundContext): Action<RemoteMessageId> | undefined {
  const state = tags["+typing"];
  if (late === true || (state !== "active" && state !== "paused" && state !== "done")) return undefined;
  return { kind: "typing", active: state === "active" };
}

/** https://ircv3.net/specs/client-tags/react: both tags at once mean nothing. */
function reactionOf(line: InboundLine): Action<RemoteMessageId> | undefined {
  const target = referenceOf(line);
  const given = line.tags["+draft/react"] ?? line.tags["+react"];
  const taken = line.tags["+draft/unreact"] ?? line.tags["+unreact"];
  if (target === undefined || (given === undefined) === (taken === undefined)) return undefined;
  const key = cutText(harmlessText(given ?? taken ?? "").trim(), reactionLimit);
  return isVisible(key) ? { kind: given === undefined ? "unreact" : "react", target, key } : undefined;
}
