/**
 * What people say to the bridge itself, in private: handed to the core together with whether the server vouches for who they
 * are, and the answer given back as notices. Bounded for each person and for all: nobody can make us flood. Notices,
 * client-to-client queries, services and servers are never answered.
 */
import { type ConnectorHost, emptyLookup, type Log, type NetworkId, type RemoteAuthor } from "@trestle/core";
import { plainText } from "@trestle/richtext";
import { harmlessText, isVisible } from "./harmless-text.ts";
import { type CaseMapping, encodeRemoteUser } from "./ids.ts";
import { ircCodec } from "./markup.ts";
import { type IrcMessage, isMarkedAsRelayed, lastParam, param } from "./message.ts";
import { isServiceName } from "./names.ts";
import { hostmaskBytesMax, textBytesMax } from "./outbound.ts";
import type { Session } from "./session.ts";
import { createVouching, provenAccount } from "./vouching.ts";
import { formatLine } from "./wire-writer.ts";

export interface PrivateTalkOptions {
  readonly network: NetworkId;
  readonly host: Pick<ConnectorHost, "ask" | "clock">;
  readonly log: Log;
  readonly fold: (name: string) => string;
  readonly mapping: () => CaseMapping;
}

export interface PrivateTalk {
  /** Takes every line of others, in order. */
  take(message: IrcMessage): void;
  stop(): void;
}

const windowMs = 60_000;
/** Answered in a minute: of one person, and of all together. */
const perPersonMax = 6;
const overallMax = 30;
/** Lines of one answer. */
const linesMax = 12;

/** Somebody who is waiting for an answer, or for lines of it. The nick follows him. */
interface Asking {
  nick: string;
  isGone: boolean;
  open: number;
}

/** Builds the talk of one connection. */
export function createPrivateTalk(options: PrivateTalkOptions, session: Session): PrivateTalk {
  const { fold, host, log } = options;
  const vouching = createVouching({ clock: host.clock, fold, send: session.send });
  const budget = createBudget(host.clock.now);
  const asking = new Set<Asking>();
  // one person's questions are answered in their order
  const tails = new Map<string, Promise<void>>();
  let stopped = false;

  const answer = async (message: IrcMessage, to: Asking): Promise<void> => {
    const account = session.has("account-tag")
      ? provenAccount(message.tags["account"])
      : await vouching.accountOf(message);
    if (stopped || to.isGone) return;
    const text = plainText(ircCodec.parse(lastParam(message), emptyLookup)).trim();
    const by = authorOf(message, account, options);
    if (by === undefined || !isVisible(text)) return;
    tell(to, (await host.ask(by, text, account !== undefined)) ?? "");
  };
  const release = (to: Asking): void => {
    to.open -= 1;
    if (to.open === 0) asking.delete(to);
  };
  const tell = (to: Asking, text: string): void => {
    for (const line of answerLines(session, to.nick, text)) {
      to.open += 1;
      // one line a turn, among those of the channels; whoever has the nick by then is not the one who asked
      const run = (): void => {
        if (!to.isGone) session.write(formatLine("NOTICE", [to.nick, line]));
        release(to);
      };
      if (!session.queue.message(` ${to.nick}`, { lines: 1, run, drop: () => release(to) })) release(to);
    }
  };
  const hear = (message: IrcMessage): void => {
    const left = budget.take(`${message.ident}@${message.hostname}`);
    if (left === "none") return;
    const to: Asking = { nick: message.nick, isGone: false, open: 1 };
    asking.add(to);
    if (left === "last") {
      tell(to, "That is too much at once: please wait a minute.");
      release(to);
      return;
    }
    const key = fold(message.nick);
    const turn = (tails.get(key) ?? Promise.resolve())
      .then(() => answer(message, to))
      .catch((error: unknown) => {
        log.warn({ error: String(error) }, "a private message was not answered");
        if (!stopped) tell(to, "That did not work; please try again later.");
      })
      .finally(() => {
        release(to);
        if (tails.get(key) === turn) tails.delete(key);
      });
    tails.set(key, turn);
  };

  return {
    take(message) {
      vouching.take(message);
      if (message.command === "NICK" || message.command === "QUIT") follow(asking, message, fold);
      if (isQuestion(message) && fold(param(message, 0)) === fold(session.nick())) hear(message);
    },
    stop() {
      stopped = true;
      vouching.stop();
    },
  };
}

/** Spoken by a person, now: no notice, no CTCP, no server, no service, no playback. */
function isQuestion(message: IrcMessage): boolean {
  const { command, hostname, ident, nick, params, tags } = message;
  if (command !== "PRIVMSG" || params.length < 2 || lastParam(message).includes("\x01")) return false;
  return ident !== "" && hostname !== "" && !("batch" in tags) && !isMarkedAsRelayed(message) && !isServiceName(nick);
}

function authorOf(
  { nick }: IrcMessage,
  account: string | undefined,
  { mapping, network }: PrivateTalkOptions,
): RemoteAuthor | undefined {
  const name = harmlessText(nick).replace(/\s/gu, "");
  return isVisible(name) ? { network, id: encodeRemoteUser({ nick: name, account }, mapping()), name } : undefined;
}

function follow(asking: ReadonlySet<Asking>, message: IrcMessage, fold: (name: string) => string): void {
  for (const one of asking) {
    if (fold(one.nick) !== fold(message.nick)) continue;
    if (message.command === "QUIT") one.isGone = true;
    else one.nick = param(message, 0);
  }
}

function answerLines(session: Session, nick: string, answer: string): string[] {
  const doc = answer
    .split(/\r\n|[\r\n]/)
    .map((text) => ({ kind: "paragraph" as const, children: [{ kind: "text" as const, text }] }));
  const ownHostmaskBytes = hostmaskBytesMax(session.nick());
  const max = textBytesMax({ channel: nick, ownHostmaskBytes, lineBytesMax: 512 }, "NOTICE");
  return ircCodec.print(doc, { max, unit: "bytes", partsMax: linesMax }, emptyLookup);
}

/** Counts the questions of the last minute. `last`: one too many, to be told so once. */
function createBudget(nowMs: () => number): { take(person: string): "some" | "last" | "none" } {
  const people = new Map<string, number[]>();
  return {
    take(person) {
      const sinceMs = nowMs() - windowMs;
      for (const [other, times] of people) if ((times.at(-1) ?? 0) <= sinceMs) people.delete(other);
      let overall = 0;
      for (const times of people.values()) overall += times.filter((atMs) => atMs > sinceMs).length;
      const own = (people.get(person) ?? []).filter((atMs) => atMs > sinceMs);
      if (overall >= overallMax || own.length > perPersonMax) return "none";
      people.set(person, [...own, nowMs()]);
      return own.length === perPersonMax ? "last" : "some";
    },
  };
}
