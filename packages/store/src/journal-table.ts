/** The journal on a database: the one table that is inbox and outbox of both directions. */
import {
  type Direction,
  type Job,
  type JobState,
  type JournalStore,
  jobKey,
  type NewJob,
  portalId,
} from "@trestle/core";
import type { Row } from "./engine.ts";
import { findSizes, type JournalStatements } from "./journal-statements.ts";
import { type MessageStatements, messageSteps, type Positions } from "./message-table.ts";
import { asNumber, asText, checkIds, optional, step, type Tables } from "./table.ts";

const jobOf = (row: Row): Job => ({
  seq: asNumber(row[0]),
  portal: portalId(asNumber(row[1])),
  lane: asText(row[2]) as Direction,
  key: jobKey(asText(row[3])),
  author: asText(row[4]),
  createdAtMs: asNumber(row[5]),
  body: asText(row[6]),
  state: asText(row[7]) as JobState,
  attempts: asNumber(row[8]),
  notBeforeMs: asNumber(row[9]),
  ...optional("plan", row[10]),
  sent: JSON.parse(asText(row[11])) as string[],
  ...optional("failure", row[12]),
  delayed: asNumber(row[13]) === 1,
});

const queued = (job: NewJob, seq: number): Job => ({
  ...job,
  seq,
  state: "queued",
  attempts: 0,
  notBeforeMs: 0,
  sent: [],
  delayed: false,
});

/** `lastSeq` is the highest number in use; this process alone gives out the next. */
export function createJournal(
  tables: Tables,
  statements: JournalStatements,
  messages: { readonly statements: MessageStatements; readonly positions: Positions },
  lastSeq: number,
): JournalStore {
  let seq = lastSeq;
  const nextSeq = () => {
    seq += 1;
    return seq;
  };

  return {
    append: async (jobs) => {
      for (const job of jobs) checkIds(job.key);
      const rows = jobs.map((job) => queued(job, nextSeq()));
      const written = await tables.write(...rows.map((job) => step(statements.insert, insertValues(job))));
      return rows.map((job, index) => (written[index] === 1 ? job : undefined));
    },
    settle: async (ofSeq, outcome) => {
      const { state, atMs, failure } = outcome;
      await tables.write(
        step(statements.settle, { seq: ofSeq, state, ended_at_ms: atMs, failure }),
        ...messageSteps(messages.statements, messages.positions, outcome),
      );
    },
    update: async (ofSeq, patch) => {
      const values = {
        seq: ofSeq,
        state: patch.state,
        attempts: patch.attempts,
        not_before_ms: patch.notBeforeMs,
        plan: patch.plan,
        sent: patch.sent && JSON.stringify(patch.sent),
        failure: patch.failure,
        body: patch.body,
      };
      await tables.write(step(statements.update, values));
    },
    load: async (portal, lane, afterSeq, limit) =>
      (await tables.read(statements.load, { portal, lane, after: afterSeq, limit })).map(jobOf),
    backlog: async () =>
      (await tables.read(statements.backlog)).map((row) => ({
        portal: portalId(asNumber(row[0])),
        lane: asText(row[1]) as Direction,
        jobs: asNumber(row[2]),
        oldestAtMs: asNumber(row[3]),
      })),
    find: async (keys) => {
      const found = await Promise.all(chunksOf(keys).map((chunk) => findChunk(tables, statements, chunk)));
      return found.flat().sort((a, b) => a.seq - b.seq);
    },
    dead: async ({ portal, limit }) => {
      const statement = portal === undefined ? statements.dead : statements.deadOfPortal;
      return (await tables.read(statement, { portal, limit })).map(jobOf);
    },
    retry: async (ofSeq) => {
      const next = nextSeq();
      const [changed] = await tables.write(step(statements.retry, { seq: ofSeq, next }));
      if (changed !== 1) return undefined;
      const [row] = await tables.read(statements.bySeq, { seq: next });
      return row && jobOf(row);
    },
    shed: async (portal, lane, keep, failure, atMs) => {
      const [changed] = await tables.write(
        step(statements.shed, { portal, lane, limit: Math.max(0, keep), failure, at: atMs }),
      );
      return changed ?? 0;
    },
    counts: async () => countsOf(await tables.read(statements.counts)),
    prune: async (beforeMs) => (await tables.write(step(statements.prune, { before: beforeMs })))[0] ?? 0,
  };
}

const insertValues = (job: Job) => ({
  seq: job.seq,
  portal: job.portal,
  lane: job.lane,
  key: job.key,
  author: job.author,
  created_at_ms: job.createdAtMs,
  body: job.body,
  state: job.state,
  attempts: 0,
  not_before_ms: 0,
  sent: "[]",
  delayed: 0,
});

const largestFind = findSizes[findSizes.length - 1] ?? 1;

function chunksOf(keys: readonly string[]): string[][] {
  const unique = [...new Set(keys)];
  const chunks: string[][] = [];
  for (let start = 0; start < unique.length; start += largestFind) {
    chunks.push(unique.slice(start, start + largestFind));
  }
  return chunks;
}

async function findChunk(tables: Tables, statements: JournalStatements, keys: readonly string[]): Promise<Job[]> {
  const size = findSizes.find((one) => one >= keys.length) ?? largestFind;
  const statement = statements.find.get(size);
  if (!statement) return [];
  // a short list is filled up with its last key, so that three statements serve every length
  const values = Object.fromEntries(
    Array.from({ length: size }, (_, index) => [`key${index}`, keys[Math.min(index, keys.length - 1)]]),
  );
  return (await tables.read(statement, values)).map(jobOf);
}

function countsOf(rows: readonly Row[]): Awaited<ReturnType<JournalStore["counts"]>> {
  const counts = { queued: 0, parked: 0, dead: 0 };
  let oldestAtMs: number | undefined;
  for (const [state, jobs, oldest] of rows) {
    counts[asText(state) as keyof typeof counts] = asNumber(jobs);
    if (state !== "dead") oldestAtMs = Math.min(oldestAtMs ?? Number.POSITIVE_INFINITY, asNumber(oldest));
  }
  return oldestAtMs === undefined ? counts : { ...counts, oldestAtMs };
}
