/**
 * One part on its way out: made a line, given its turn, confirmed or refused. It knows a ready session and nothing of how it
 * came to be.
 */
import { BridgeError, type ChatKey, type PartKey } from "@trestle/core";
import { isMsgid } from "./ids.ts";
import type { IrcPart } from "./outbound.ts";
import type { OwnLines } from "./own-lines.ts";
import type { Session } from "./session.ts";
import { formatLine, WireError } from "./wire-writer.ts";

export interface OutgoingLine {
  readonly command: string;
  readonly params: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** The channel whose turn it takes. */
  readonly turn: string;
  readonly target: string;
  readonly nick?: string;
}

/** Resolves with the network's id of the line, if it gives any, once the server has confirmed it; rejects with a BridgeError. */
export async function sendConfirmed(
  session: Session,
  line: OutgoingLine,
  nowMs: () => number,
): Promise<string | undefined> {
  // judged before it waits: a line that can never go must not
  build(line, session.confirmations().labelled ? "t00000000" : undefined);
  return new Promise((resolve, reject) => {
    const settle = { resolve, reject };
    const labelled = session.confirmations().labelled;
    const accepted = session.queue.message(line.turn, {
      lines: labelled ? 1 : 2,
      drop: () => reject(new BridgeError("network-down", "the connection was lost before the message was sent")),
      run() {
        const part = {
          command: line.command,
          target: line.target,
          ...(line.nick === undefined ? {} : { nick: line.nick }),
        };
        const token = session.confirmations().begin(part, settle, nowMs());
        try {
          session.write(build(line, labelled ? token : undefined));
          if (!labelled) session.write(formatLine("PING", [token]));
        } catch (fault) {
          reject(asBridgeError(fault));
        }
      },
    });
    if (!accepted)
      reject(new BridgeError("network-limit", "too many messages wait for this network", { afterMs: 5_000 }));
  });
}

function build(line: OutgoingLine, label: string | undefined): string {
  try {
    return formatLine(line.command, line.params, label === undefined ? line.tags : { ...line.tags, label });
  } catch (fault) {
    throw asBridgeError(fault);
  }
}

function asBridgeError(fault: unknown): BridgeError {
  if (fault instanceof BridgeError) return fault;
  if (fault instanceof WireError) return new BridgeError("cannot-send", fault.message, { cause: fault });
  return new BridgeError("internal", fault instanceof Error ? fault.message : String(fault), { cause: fault });
}

export interface PartToSay {
  readonly chat: ChatKey;
  readonly part: IrcPart;
  readonly key: PartKey;
  /** It may be there already, said since then by the server's clock; the history was read from there on. */
  readonly sinceServerMs?: number;
}

/** Says a part unless the server has it already; the network's id of it, if it gives usable ones. */
export async function sendOnce(
  session: Session,
  book: OwnLines | undefined,
  { chat, part, key, sinceServerMs }: PartToSay,
  nowMs: () => number,
): Promise<string | undefined> {
  const known = book?.idOf(chat.id, key);
  if (known !== undefined) return known;
  const line = lineOf(chat, part);
  // history shows what was relayed for us as spoken by that nick
  const command = line.command === "RELAYMSG" ? "PRIVMSG" : line.command;
  const said = { command, nick: line.nick ?? session.nick(), text: line.params.at(-1) ?? "" };
  const found = sinceServerMs === undefined ? undefined : book?.claim(chat.id, said, sinceServerMs);
  const id = found ?? (await sendConfirmed(session, line, nowMs));
  if (id === undefined || !isMsgid(id)) return undefined;
  await book?.confirmed(chat.id, key, id);
  return id;
}

/** Says that somebody types, if the connection has nothing else to do; whether it did. */
export function sendInPassing(session: Session, chat: ChatKey, tags: Readonly<Record<string, string>>): boolean {
  // an answer of the server to it must not be taken for one to what is still open
  if (session.confirmations().oldestAtMs() !== undefined) return false;
  return session.queue.spare(1, () => session.write(formatLine("TAGMSG", [chat.id], tags)));
}

function lineOf(chat: ChatKey, part: IrcPart): OutgoingLine {
  const base = { command: part.command, tags: part.tags ?? {}, turn: chat.id, target: chat.id };
  switch (part.command) {
    case "PRIVMSG":
    case "NOTICE":
      return { ...base, params: [chat.id, part.text] };
    case "RELAYMSG":
      return { ...base, params: [chat.id, part.nick ?? "", part.text], nick: part.nick ?? "" };
    case "REDACT":
      return { ...base, params: [chat.id, part.target ?? "", ...(part.text === "" ? [] : [part.text])] };
    case "TAGMSG":
      return { ...base, params: [chat.id] };
    default:
      // a stored plan is only data
      throw new BridgeError("not-supported", "an unknown kind of line");
  }
}
