/**
 * How Matrix people are called on IRC: display names made harmless, told apart, and never calling anybody. Pure: who else speaks
 * and who is in the channel is passed in. It knows no formatting of lines.
 */
import { createHash } from "node:crypto";
import { latinLook, type MatrixAuthor, skeleton } from "@trestle/core";
import { byteLength, cutText, harmlessName, isVisible, quiet } from "./harmless-text.ts";
import { type CaseMapping, foldCase } from "./ids.ts";

/** Whom a name must not be mistaken for. */
export interface ChannelNames {
  /** Nicks in the channel, folded. */
  readonly nicks: ReadonlySet<string>;
  readonly mapping: CaseMapping;
  readonly ownNick: string;
}

/** Behind a Matrix person's name that is also a nick there or a name with powers: the custom of IRC for "on Matrix". */
const mark = "[m]";
const markLook = skeleton(mark);
const nameLimit = { graphemes: 32, bytes: 64 };
const tagLimit = { graphemes: 20, bytes: 32 };

const services = new Set(
  (
    "nickserv chanserv memoserv operserv hostserv botserv saslserv infoserv helpserv statserv histserv groupserv " +
    "gameserv rpgserv relayserv alis global server services admin irc"
  )
    .split(" ")
    .map(skeleton),
);

/**
 * The name in `<name> text`. A zero-width space stands behind its first character: no relayed name ever highlights anybody,
 * its bearer's own IRC client included. `others` are the Matrix people who speak in the same channel.
 */
export function relayName(author: MatrixAuthor, others: readonly MatrixAuthor[], channel?: ChannelNames): string {
  const { name, look } = looksOf(author);
  const isMarked = isTaken(name, look, channel);
  return quiet(`${name}${isMarked ? mark : ""}${tagFor(author, isMarked ? look + markLook : look, others)}`);
}

/** Whether this is a service of the network, or somebody who is called like one: `NickServ`, `ChanServ`. */
export function isServiceName(nick: string): boolean {
  const look = skeleton(nick);
  return look.endsWith("serv") && services.has(look);
}

/** What a person is called before the channel is asked, and how that looks. */
interface Looks {
  /** Harmless, visible, without a sigil in front, cut. */
  readonly name: string;
  readonly look: string;
  readonly tag: string;
  readonly tagLook: string;
  /** What a reader would take for the same as this person's name, marked or tagged or not. */
  readonly taken: ReadonlySet<string>;
  readonly nick: string;
}

// A pure function of an author, remembered as long as he is: with each line all others of the channel are compared.
const remembered = new WeakMap<MatrixAuthor, Looks>();

function looksOf(author: MatrixAuthor): Looks {
  const known = remembered.get(author);
  if (known !== undefined) return known;
  const found = [author.name, localpartOf(author), "someone"].map(neutral).find(isVisible) ?? "someone";
  const name = cutText(found, nameLimit);
  const tag = shortened(localpartOf(author), author);
  const [look, tagLook] = [skeleton(name), skeleton(tag)];
  const taken = new Set([look, look + markLook, `${look}(${tagLook})`, `${look}${markLook}(${tagLook})`]);
  const looks: Looks = { name, look, tag, tagLook, taken, nick: nickBase(author) };
  remembered.set(author, looks);
  return looks;
}

// Brackets would end the `<name>` early; sigils would give a rank, or make a channel or a server message of it.
function neutral(name: string): string {
  return harmlessName(name)
    .replace(/^[\s~&@%+!#$*:/\\=<>‹›-]+/u, "")
    .replaceAll("<", "‹")
    .replaceAll(">", "›")
    .trim();
}

/** Whether the name is a nick in the channel, ours, a service's or a server's. */
function isTaken(name: string, look: string, channel: ChannelNames | undefined): boolean {
  if (services.has(look) || /^\S+\.[a-z]{2,}$/i.test(name)) return true;
  if (channel === undefined) return false;
  const { nicks, mapping, ownNick } = channel;
  return (
    look === skeleton(ownNick) || nicks.has(foldCase(name, mapping)) || nicks.has(foldCase(latinLook(name), mapping))
  );
}

/** ` (localpart)` when somebody else's name looks the same, with the server when that looks the same as well. */
function tagFor(author: MatrixAuthor, look: string, others: readonly MatrixAuthor[]): string {
  const rivals = others.filter((other) => other.userId !== author.userId && looksOf(other).taken.has(look));
  if (rivals.length === 0) return "";
  const { tag, tagLook } = looksOf(author);
  const isUnique = rivals.every((rival) => looksOf(rival).tagLook !== tagLook);
  return isUnique ? ` (${tag})` : ` (${shortened(author.userId.slice(1), author)})`;
}

// What is cut could be equal again; a piece of a hash keeps it apart.
function shortened(tag: string, { userId }: MatrixAuthor): string {
  const clean = neutral(tag);
  const cut = cutText(clean, tagLimit);
  return cut === tag ? cut : `${cut}~${hashOf(userId)}`;
}

function hashOf(userId: string): string {
  return createHash("sha256").update(userId).digest("hex").slice(0, 6);
}

function localpartOf({ userId }: MatrixAuthor): string {
  const end = userId.indexOf(":");
  return end === -1 ? userId.slice(1) : userId.slice(1, end);
}

export interface RelayNickOptions {
  /** The value of draft/relaymsg: one of these must stand in the nick, and stands in none of a real client. */
  readonly separator: string;
  readonly bytesMax?: number;
}

/**
 * The nick for RELAYMSG (https://ircv3.net/specs/extensions/relaymsg): `alice/m`. ASCII only, for what else a server takes depends
 * on its settings, and a refused nick is a lost message.
 */
export function relayNick(
  author: MatrixAuthor,
  others: readonly MatrixAuthor[],
  { separator, bytesMax = 30 }: RelayNickOptions,
): string {
  const suffix = `${separator.slice(0, 1) || "/"}m`;
  const { nick } = looksOf(author);
  const room = Math.max(8, bytesMax - byteLength(suffix));
  const isShared = others.some(
    (other) => other.userId !== author.userId && same(looksOf(other).nick.slice(0, room), nick.slice(0, room)),
  );
  const tag = isShared ? `-${hashOf(author.userId)}` : "";
  return `${nick.slice(0, room - tag.length)}${tag}${suffix}`;
}

const same = (a: string, b: string): boolean => foldCase(a, "rfc1459") === foldCase(b, "rfc1459");

function nickBase(author: MatrixAuthor): string {
  const base = [author.name, localpartOf(author)].map(nickText).find((text) => /[a-z0-9]/i.test(text));
  return base ?? `user-${hashOf(author.userId)}`;
}

function nickText(name: string): string {
  const text = harmlessName(name)
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/ /g, "_")
    .replace(/[^A-Za-z0-9_[\]\\^{}|`-]/g, "");
  return text.replace(/^[\d-]/, (first) => `_${first}`);
}
