/**
 * Which Matrix event stands for which remote message: the store's rows behind a small memory of the newest ones, so that a
 * reply to what was said a moment ago finds it before its commit, and costs no read.
 */
import type { EventId, PortalId, RemoteMessageId } from "./ids.ts";
import type { MessageRow, MessageStore } from "./store.ts";

export interface MessageMap {
  findByEvent(portal: PortalId, event: EventId): Promise<readonly MessageRow[]>;
  findByRemote(portal: PortalId, remote: RemoteMessageId): Promise<readonly MessageRow[]>;
  findByOrigin(portal: PortalId, origin: string): Promise<readonly MessageRow[]>;
  /** Just sent; its rows are on their way to disk. */
  remember(rows: readonly MessageRow[]): void;
  /** The message's text is now this, or gone. */
  changeText(portal: PortalId, origin: string, text: string | undefined): void;
  /** His names and texts are gone: what the store has of him counts. */
  forgetAuthor(author: string): void;
}

/** Rows, not messages; about 2 MB. */
const rememberedMax = 4_096;

export function createMessageMap(store: MessageStore): MessageMap {
  const groups = new Map<string, readonly MessageRow[]>();
  const keysOf = (row: MessageRow) => [`${row.portal}e${row.eventId}`, `${row.portal}r${row.remoteId}`];

  const put = (key: string, rows: readonly MessageRow[]) => {
    groups.delete(key);
    groups.set(key, rows);
    if (groups.size > rememberedMax) groups.delete(groups.keys().next().value as string);
  };

  return {
    async findByEvent(portal, event) {
      return groups.get(`${portal}e${event}`) ?? (await store.findByEvent(portal, event));
    },
    async findByRemote(portal, remote) {
      return groups.get(`${portal}r${remote}`) ?? (await store.findByRemote(portal, remote));
    },
    async findByOrigin(portal, origin) {
      const known = [`${portal}e${origin}`, `${portal}r${origin}`].map((key) => groups.get(key));
      return known.find((rows) => rows?.[0]?.origin === origin) ?? (await store.findByOrigin(portal, origin));
    },
    remember(rows) {
      for (const row of rows) for (const key of keysOf(row)) put(key, rows);
    },
    changeText(portal, origin, text) {
      for (const [key, rows] of groups) {
        if (rows[0]?.portal !== portal || rows[0].origin !== origin) continue;
        groups.set(
          key,
          rows.map(({ text: _old, ...row }) => (text === undefined || row.part > 0 ? row : { ...row, text })),
        );
      }
    },
    forgetAuthor(author) {
      for (const [key, rows] of groups) if (rows[0]?.author === author) groups.delete(key);
    },
  };
}
