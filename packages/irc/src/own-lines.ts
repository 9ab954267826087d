/**
 * Which of our own lines the server has, as its history tells after an outage: a line that was sent and never confirmed has either
 * arrived or not, and must then not be said twice. Of each chat the id of the last confirmed line outlives a crash; what stands
 * behind it in the history under our name was sent and not confirmed, so the same line coming again is that one. It knows no
 * connection.
 */
import type { Clock, KeyValueStore, NetworkId } from "@trestle/core";

export interface OwnLine {
  readonly command: string;
  readonly nick: string;
  readonly text: string;
  readonly id: string;
}

export interface OwnLines {
  load(): Promise<void>;
  /** This line of ours is in the server's history. Resolves once that is durable. */
  confirmed(chat: string, id: string): Promise<void>;
  /** Our own lines in a stretch of history, in order. */
  found(chat: string, lines: readonly OwnLine[]): void;
  /** The id of this very line, if it had arrived unconfirmed. It is given out once. */
  claim(chat: string, line: Omit<OwnLine, "id">): string | undefined;
  forget(chat: string): void;
}

/** Past this time the same words are new words. */
const claimableMs = 600_000;
const linesMax = 64;

/** Builds the book of one network; `load` before anything else. */
export function createOwnLines(options: { network: NetworkId; kv: KeyValueStore; clock: Clock }): OwnLines {
  const { clock, kv } = options;
  const prefix = `irc-own/${options.network}/`;
  const lastConfirmed = new Map<string, string>();
  const arrived = new Map<string, { readonly untilMs: number; lines: readonly OwnLine[] }>();

  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) lastConfirmed.set(key.slice(prefix.length), value);
    },
    async confirmed(chat, id) {
      lastConfirmed.set(chat, id);
      await kv.put(prefix + chat, id);
    },
    found(chat, lines) {
      // when the last confirmed one is older than the stretch, all of it came after
      const last = lines.findLastIndex(({ id }) => id === lastConfirmed.get(chat));
      const open = lines.slice(last + 1).slice(-linesMax);
      arrived.set(chat, { untilMs: clock.now() + claimableMs, lines: open });
    },
    claim(chat, { command, nick, text }) {
      const known = arrived.get(chat);
      if (known === undefined) return undefined;
      const at = known.lines.findIndex((line) => line.command === command && line.nick === nick && line.text === text);
      if (at === -1 || clock.now() > known.untilMs) return undefined;
      const id = known.lines[at]?.id;
      // lines are said again in their order: what stood before it will not come any more
      known.lines = known.lines.slice(at + 1);
      return id;
    },
    forget(chat) {
      lastConfirmed.delete(chat);
      arrived.delete(chat);
      kv.remove(prefix + chat).catch(() => undefined);
    },
  };
}
