/**
 * Names of IRC: folding by the network's CASEMAPPING, what a channel, nick, key or account may look like, and how they become
 * the ids of the core. The only place that makes or reads these ids. It knows no connection: limits are passed in.
 */
import {
  type ChatKey,
  type NetworkId,
  type RemoteMessageId,
  type RemoteUserId,
  remoteChatId,
  remoteMessageId,
  remoteUserId,
} from "@trestle/core";
import { byteLength } from "./harmless-text.ts";

export type CaseMapping = "ascii" | "rfc1459" | "rfc1459-strict";

/**
 * The mapping that a CASEMAPPING token asks for. Absent: RFC 1459's. Unknown (`rfc7613`): ascii, since folding too little makes
 * two ghosts of one person, folding too much makes one of two.
 */
export function caseMappingOf(token: string | undefined): CaseMapping {
  if (token === undefined || token === "") return "rfc1459";
  const name = token.toLowerCase();
  if (name === "rfc1459") return "rfc1459";
  return name === "strict-rfc1459" || name === "rfc1459-strict" ? "rfc1459-strict" : "ascii";
}

const foldable: Readonly<Record<CaseMapping, RegExp>> = {
  ascii: /[A-Z]/g,
  rfc1459: /[A-Z[\]\\~]/g,
  "rfc1459-strict": /[A-Z[\]\\]/g,
};

// RFC 1459 2.2: because of IRC's Scandinavian origin, {}| are the lower case of []\ (and ^ that of ~).
const scandinavian: Readonly<Record<string, string>> = { "[": "{", "]": "}", "\\": "|", "~": "^" };

/** Lower case as this network compares names; bytes beyond ASCII stay as they are. */
export function foldCase(text: string, mapping: CaseMapping): string {
  return text.replace(foldable[mapping], (char) => scandinavian[char] ?? char.toLowerCase());
}

/** The chat of a channel. The name must have passed `channelProblem`. */
export function ircChatKey(network: NetworkId, channel: string, mapping: CaseMapping): ChatKey {
  return { network, id: remoteChatId(foldCase(channel, mapping)) };
}

export interface NameLimits {
  /** CHANTYPES. */
  readonly chantypes?: string;
  readonly bytesMax?: number;
}

/** What is wrong with a channel's name, for people; undefined when nothing is. */
export function channelProblem(name: string, { chantypes = "#&", bytesMax = 64 }: NameLimits = {}): string | undefined {
  const [first = ""] = name;
  if (first === "" || !chantypes.includes(first)) {
    return `A channel of this network starts with ${[...chantypes].join(" or ")}.`;
  }
  if (isBroken(name) || /[\s,]/u.test(name)) return "A channel's name holds no spaces, commas or control characters.";
  return byteLength(name) > bytesMax ? `A channel's name has at most ${bytesMax} bytes here.` : undefined;
}

/** What is wrong with a nick, for people. Letters beyond ASCII pass: whether they are welcome is the server's word. */
export function nickProblem(nick: string, { bytesMax = 30 }: NameLimits = {}): string | undefined {
  if (nick === "") return "A nick is not empty.";
  if (isBroken(nick) || /[\s,:!@*?.]/u.test(nick))
    return "A nick holds no spaces, control characters or any of ,:!@*?.";
  if (/^[\d\-#&$+%~]/.test(nick)) return "A nick does not start with a digit, a dash or any of #&$+%~.";
  return byteLength(nick) > bytesMax ? `A nick has at most ${bytesMax} bytes here.` : undefined;
}

/** What is wrong with a channel's key, for people. */
export function keyProblem(key: string, { bytesMax = 64 }: NameLimits = {}): string | undefined {
  if (key === "") return "A key is not empty.";
  if (isBroken(key) || /[\s,]/u.test(key) || key.startsWith(":")) {
    return "A key holds no spaces, commas or control characters and does not start with a colon.";
  }
  return byteLength(key) > bytesMax ? `A key has at most ${bytesMax} bytes.` : undefined;
}

/** What is wrong with a services account's name, for people. `*` is the protocol's word for "none". */
export function accountProblem(account: string, { bytesMax = 100 }: NameLimits = {}): string | undefined {
  if (account === "" || account === "*") return "An account's name is not empty.";
  if (isBroken(account) || /\s/u.test(account) || account.startsWith(":")) {
    return "An account's name holds no spaces or control characters and does not start with a colon.";
  }
  return byteLength(account) > bytesMax ? `An account's name has at most ${bytesMax} bytes.` : undefined;
}

/** Control characters, what no UTF-8 can carry, and the mark that a decoder leaves where bytes were lost. */
function isBroken(name: string): boolean {
  return /[\p{Cc}\p{Cs}\ufffd]/u.test(name);
}

/**
 * The id of a remote person: `a:<account>` where the account is known, else the nick, both folded. No nick holds a colon (it
 * would break its own messages), so the two never meet; a server that allows one all the same gets `n:<nick>`.
 */
export function encodeRemoteUser(
  who: { readonly nick: string; readonly account?: string | undefined },
  mapping: CaseMapping,
): RemoteUserId {
  const { nick, account } = who;
  if (account !== undefined && accountProblem(account) === undefined) {
    return remoteUserId(`a:${foldCase(account, mapping)}`);
  }
  const folded = foldCase(nick, mapping);
  return remoteUserId(folded.includes(":") ? `n:${folded}` : folded);
}

/** The way back: the folded account or nick that an id stands for. */
export function decodeRemoteUser(id: RemoteUserId): { readonly account: string } | { readonly nick: string } {
  if (id.startsWith("a:")) return { account: id.slice(2) };
  return { nick: id.startsWith("n:") ? id.slice(2) : id };
}

/**
 * The id of a message that the server gave none: our ULID behind a colon. A msgid never starts with one
 * (https://ircv3.net/specs/extensions/message-ids), so a made-up id is never sent to a server as if it were its own.
 */
export function localMessageId(ulid: string): RemoteMessageId {
  return remoteMessageId(`:${ulid}`);
}

/** The server's own id of a message; undefined for one that we made up, or that could not stand in a line. */
export function msgidOf(id: RemoteMessageId): string | undefined {
  return isMsgid(id) ? id : undefined;
}

/** Whether this can be a message id and a parameter of a command. */
export function isMsgid(text: string): boolean {
  return text !== "" && text.length <= 256 && !text.startsWith(":") && !isBroken(text) && !/\s/u.test(text);
}

export interface Hostmask {
  readonly nick: string;
  readonly ident?: string;
  readonly host?: string;
}

/** `nick!ident@host` as a line's source gives it, with or without the colon; a server's name is a nick without the rest. */
export function parseHostmask(source: string): Hostmask {
  const text = source.startsWith(":") ? source.slice(1) : source;
  const at = text.lastIndexOf("@");
  const host = at === -1 ? undefined : text.slice(at + 1);
  const left = at === -1 ? text : text.slice(0, at);
  const bang = left.indexOf("!");
  const nick = bang === -1 ? left : left.slice(0, bang);
  return {
    nick,
    ...(bang === -1 ? {} : { ident: left.slice(bang + 1) }),
    ...(host === undefined ? {} : { host }),
  };
}
