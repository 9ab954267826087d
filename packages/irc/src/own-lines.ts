/**
 * Which of our own lines the server has, where it gives its lines ids and keeps history: so that no line is said twice. The ids
 * of the last confirmed lines of each chat are kept with the keys of their parts, and outlive a crash: a key that comes again
 * is answered with the id it has. A part whose outcome is unknown is looked for among our own lines in the history, but
 * never taken for one that is another key's or older than the part. It knows no connection.
 */
import type { KeyValueStore, Log, NetworkId, PartKey } from "@trestle/core";

export interface OwnLine {
  readonly command: string;
  readonly nick: string;
  readonly text: string;
  readonly id: string;
  /** By the server's clock. */
  readonly saidAtMs: number;
}

export interface OwnLines {
  load(): Promise<void>;
  /** This part of ours is in the server's history, under this id. Resolves once that is durable. */
  confirmed(chat: string, key: PartKey, id: string): Promise<void>;
  /** The id of what was confirmed under this key, unless that was long ago. */
  idOf(chat: string, key: PartKey): string | undefined;
  /** We came into the chat: what was found before may lack what was sent since. */
  arrived(chat: string): void;
  /** Our own lines in the history from then on (server's clock), in order. */
  found(chat: string, fromServerMs: number, lines: readonly OwnLine[]): void;
  /** Whether the history was read from then on. */
  covers(chat: string, fromServerMs: number): boolean;
  /** The id of this very line said since then, if it is nobody else's. It is given out once. */
  claim(chat: string, line: Pick<OwnLine, "command" | "nick" | "text">, sinceServerMs: number): string | undefined;
  forget(chat: string): void;
}

/** Kept a chat: more than a lane leaves unsettled in the core. */
const confirmedMax = 64;
const foundMax = 2_000;

interface Confirmed {
  readonly number: number;
  readonly key: string;
  readonly id: string;
}

interface Book {
  /** By `number % confirmedMax`, as on disk. */
  readonly slots: (Confirmed | undefined)[];
  next: number;
  history?: { readonly fromServerMs: number; lines: readonly OwnLine[] };
}

/** Builds the book of one network; `load` before anything else. */
export function createOwnLines(options: { network: NetworkId; kv: KeyValueStore; log: Log }): OwnLines {
  const { kv, log } = options;
  const prefix = `irc-own/${options.network}/`;
  const books = new Map<string, Book>();
  const bookOf = (chat: string): Book => {
    const known = books.get(chat);
    if (known !== undefined) return known;
    const fresh: Book = { slots: [], next: 0 };
    books.set(chat, fresh);
    return fresh;
  };
  // no channel's name has a space
  const rowOf = (chat: string, number: number): string => `${prefix}${chat} ${number % confirmedMax}`;

  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) {
        const entry = readConfirmed(value);
        const [chat = "", slot] = key.slice(prefix.length).split(" ");
        // a row of an earlier release has no slot
        if (entry === undefined || slot === undefined) continue;
        const book = bookOf(chat);
        book.slots[entry.number % confirmedMax] = entry;
        book.next = Math.max(book.next, entry.number + 1);
      }
    },
    async confirmed(chat, key, id) {
      const book = bookOf(chat);
      const entry: Confirmed = { number: book.next, key, id };
      book.next += 1;
      book.slots[entry.number % confirmedMax] = entry;
      await kv.put(rowOf(chat, entry.number), JSON.stringify(entry));
    },
    idOf: (chat, key) => books.get(chat)?.slots.find((entry) => entry?.key === key)?.id,
    arrived(chat) {
      delete books.get(chat)?.history;
    },
    found(chat, fromServerMs, older) {
      const book = bookOf(chat);
      const ids = new Set(older.map(({ id }) => id));
      // a long stretch may end before what is known of a later one
      const lines = [...older, ...(book.history?.lines ?? []).filter(({ id }) => !ids.has(id))];
      const taken = new Set(book.slots.map((entry) => entry?.id));
      // when all slots are in use, what stands before the oldest may have had one once
      const oldest = book.next > confirmedMax ? lines.findIndex(({ id }) => taken.has(id)) : -1;
      const open = lines.slice(Math.max(0, oldest)).filter(({ id }) => !taken.has(id));
      book.history = { fromServerMs, lines: open.slice(-foundMax) };
    },
    covers: (chat, fromServerMs) =>
      (books.get(chat)?.history?.fromServerMs ?? Number.POSITIVE_INFINITY) <= fromServerMs,
    claim(chat, { command, nick, text }, sinceServerMs) {
      const history = books.get(chat)?.history;
      const line = history?.lines.find(
        (one) => one.command === command && one.nick === nick && one.text === text && one.saidAtMs >= sinceServerMs,
      );
      if (history === undefined || line === undefined) return undefined;
      history.lines = history.lines.filter((one) => one !== line);
      return line.id;
    },
    forget(chat) {
      const slots = books.get(chat)?.slots ?? [];
      books.delete(chat);
      const rows = slots.flatMap((entry) => (entry === undefined ? [] : [rowOf(chat, entry.number)]));
      Promise.all(rows.map((row) => kv.remove(row))).catch((error: unknown) =>
        log.warn({ chat, error: String(error) }, "ids of our own lines could not be removed"),
      );
    },
  };
}

function readConfirmed(text: string): Confirmed | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { number, key, id } = value as Partial<Confirmed>;
    const isWhole = Number.isSafeInteger(number) && typeof key === "string" && typeof id === "string";
    return isWhole ? (value as Confirmed) : undefined;
  } catch {
    return undefined;
  }
}
