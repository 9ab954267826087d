/// <reference types="jest" />
/** What the parts of the store's contract suite share: a store for each test, and rows with unremarkable defaults. */
import { eventId, type Job, type MessageRow, type NewJob, portalId, remoteMessageId, type Store } from "@trestle/core";
import { aJob } from "./builders.ts";

export interface StoreUnderTest {
  readonly store: Store;
  /** The same database through a new store, as after a restart; the old one is not used again. */
  reopen(): Promise<Store>;
  /** Closes what is open and removes the database. */
  destroy(): Promise<void>;
}

/** Opens an empty store. */
export type OpenStore = () => Promise<StoreUnderTest>;

/** The store of the test that runs now. */
export interface StoreTrial {
  readonly store: Store;
  reopen(): Promise<Store>;
}

/** Gives each test of the surrounding block a store of its own. */
export function eachWithStore(open: OpenStore): StoreTrial {
  let current: StoreUnderTest | undefined;
  beforeEach(async () => {
    current = await open();
  });
  afterEach(async () => {
    await current?.destroy();
    current = undefined;
  });
  const mine = (): StoreUnderTest => {
    if (!current) throw new Error("a store exists only inside a test");
    return current;
  };
  return {
    get store() {
      return mine().store;
    },
    reopen: () => mine().reopen(),
  };
}

/** Appends one job that must be new. */
export async function appendOne(store: Store, more: Partial<NewJob> = {}): Promise<Job> {
  const [job] = await store.journal.append([aJob(more)]);
  if (!job) throw new Error("the job was known already");
  return job;
}

/** Writes message rows the only way there is: by settling a job. */
export async function writeRows(store: Store, rows: readonly MessageRow[]): Promise<void> {
  const { seq } = await appendOne(store);
  await store.journal.settle(seq, { state: "done", atMs: 1, messages: rows });
}

export const keysOf = (jobs: readonly Job[]): string[] => jobs.map((job) => job.key);

/** A message row: outward, portal 1, part 0. */
export const aRow = (event: string, remote: string, more: Partial<MessageRow> = {}): MessageRow => ({
  portal: portalId(1),
  origin: event,
  part: 0,
  eventId: eventId(event),
  remoteId: remoteMessageId(remote),
  lane: "outward",
  author: "@alice:test",
  authorName: "Alice",
  sentAtMs: 1_790_000_000_000,
  ...more,
});

/** Strings that have broken databases: each must come back exactly as it went in, and be equal only to itself. */
export const hostileStrings: readonly string[] = [
  "",
  " ",
  "nul\0inside",
  "\0",
  "\0\0end\0",
  "lone high \ud83d surrogate",
  "lone low \udca9 surrogate",
  "\udca9\ud83d",
  "💩 and 👩‍👩‍👧‍👦 and e\u0301 and é",
  "'; drop table jobs; --",
  'double "quotes" and `ticks` and \\ backslash \\u0000 \\x00',
  "? $1 :seq :name %s %d $(x) {x}",
  "\r\n\t\u0001\u001a\u001b\u007f\u0085\u2028\u2029\ufeff",
  "\ufdd0 \ufdd00 \ufdd0d83d \ufffe \uffff \ufffd",
  "null",
  "undefined",
  "NaN",
  "007",
  "1e3",
  "{}",
  "[1,2",
  "İıẞß Ａa ﷽",
  "A",
  "a",
];
