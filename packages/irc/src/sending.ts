/**
 * One part on its way out: made a line, given its turn, confirmed or refused. It knows a ready session and nothing of how it
 * came to be.
 */
import { BridgeError, type RemoteMessageId, remoteMessageId } from "@trestle/core";
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

/** The id for the core: the network's own when it can stand in a line, else the one made here. */
export function messageIdOf(
  id: string | undefined,
  isUsable: (id: string) => boolean,
  made: () => RemoteMessageId,
): RemoteMessageId {
  return id !== undefined && isUsable(id) ? remoteMessageId(id) : made();
}
