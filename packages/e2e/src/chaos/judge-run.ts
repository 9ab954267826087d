/**
 * Judges a run of kills. Without history on the IRC side, lines may be missing inside windows that the room announced, and a
 * line that was unconfirmed at a kill may come twice; with history nothing may be missing and nothing doubled.
 */
import {
  type DeliveryVerdict,
  type HoleVerdict,
  judgeDelivery,
  judgeHoles,
  labelsIn,
  type Shown,
} from "../observers/judge-delivery.ts";
import type { SeenEvent } from "../observers/matrix-observer.ts";
import type { KillRun } from "./kill-run.ts";

export interface RunVerdict {
  readonly m2i: DeliveryVerdict & { readonly said: number; readonly late: number };
  readonly i2m: DeliveryVerdict & { readonly said: number; readonly late: number };
  readonly holes: HoleVerdict["holes"];
  readonly gapNotices: number;
  /** Sentences; empty when the run passed. */
  readonly problems: readonly string[];
}

export interface JudgeOptions {
  readonly history: boolean;
  readonly outwardOrder?: boolean;
}

/** At most so many lines are unconfirmed on one connection. */
const unconfirmedMax = 4;
/** Clocks and the notice's whole seconds. */
const slackMs = 1500;
const lateMark = /\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC\] /;
const gapNotice = /^Not connected to \S+ from (?:(\S+) )?(\d\d:\d\d:\d\d) UTC to (?:(\S+) )?(\d\d:\d\d:\d\d) UTC/;

/**
 * `history`: the IRC server repeats what was missed. `outwardOrder`: the homeserver pushes in order; a Synapse that was
 * interrupted delivers some transactions behind newer ones, and then the order of Matrix to IRC is told, not judged.
 */
export function judgeRun(run: KillRun, { history, outwardOrder = true }: JudgeOptions): RunVerdict {
  const problems: string[] = [];
  const outward = judgeWay(
    run.saidOnMatrix,
    run.heardOnIrc.map(({ text }) => text),
    "m2i",
  );
  const roomTexts = run.room.filter((event) => isBridged(event, "i2m")).map(bodyOf);
  const inward = judgeWay(
    run.saidOnIrc.map(({ text }) => text),
    roomTexts,
    "i2m",
  );
  for (const [way, verdict] of [
    ["m2i", outward],
    ["i2m", inward],
  ] as const) {
    if (verdict.disordered.length > 0 && (way === "i2m" || outwardOrder))
      problems.push(`${way}: out of order without a time: ${some(verdict.disordered)}`);
    if (verdict.invented.length > 0) problems.push(`${way}: never said: ${some(verdict.invented)}`);
  }
  if (outward.missing.length > 0) problems.push(`m2i: missing: ${some(outward.missing)}`);
  if (inward.doubled.length > 0) problems.push(`i2m: doubled: ${some(inward.doubled)}`);
  const notices = run.room.filter((event) => gapNotice.test(bodyOf(event)));
  const holes = judgeHoles(
    labelsIn(
      run.saidOnIrc.map(({ text }) => text),
      "i2m",
    ),
    shownOf(run.room),
  );
  if (history) {
    if (inward.missing.length > 0) problems.push(`i2m: missing: ${some(inward.missing)}`);
    if (outward.doubled.length > 0) problems.push(`m2i: doubled: ${some(outward.doubled)}`);
  } else {
    problems.push(...judgeDoubles(run, outward.doubled), ...judgeWindows(run, holes, notices));
  }
  return { m2i: outward, i2m: inward, holes: holes.holes, gapNotices: notices.length, problems };
}

function judgeWay(
  said: readonly string[],
  seen: readonly string[],
  prefix: string,
): DeliveryVerdict & { said: number; late: number } {
  const expected = labelsIn(said, prefix);
  const verdict = judgeDelivery(expected, labelsIn(seen, prefix));
  const late = new Set(
    labelsIn(
      seen.filter((text) => lateMark.test(text)),
      prefix,
    ),
  );
  const onTime = judgeDelivery(
    expected,
    labelsIn(seen, prefix).filter((label) => !late.has(label)),
  );
  return { ...verdict, disordered: onTime.disordered, said: expected.length, late: late.size };
}

/** Every double must be a line that a kill left unconfirmed: the copies on either side of a kill, at most a few a kill. */
function judgeDoubles(run: KillRun, doubled: readonly string[]): string[] {
  const problems: string[] = [];
  const perKill = new Map<number, string[]>();
  for (const label of doubled) {
    const copies = run.heardOnIrc.filter(({ text }) => labelsIn([text], "m2i")[0] === label).map(({ atMs }) => atMs);
    for (const [at, copyAtMs] of copies.entries()) {
      const next = copies[at + 1];
      if (next === undefined) continue;
      // the kill that the line was under way at: the last one between its copies' arrival, with what was in the sockets
      const kill = run.killsAtMs.find((killAtMs) => killAtMs > copyAtMs - 2000 && killAtMs < next);
      if (kill === undefined) problems.push(`m2i: ${label} was doubled without a kill in between`);
      else perKill.set(kill, [...(perKill.get(kill) ?? []), label]);
    }
  }
  for (const list of perKill.values())
    if (list.length > unconfirmedMax) problems.push(`m2i: ${list.length} doubled at one kill: ${some(list)}`);
  return problems;
}

/** Every hole announced where it is; no window announced twice; nothing missing outside of the windows. */
function judgeWindows(run: KillRun, holes: HoleVerdict, notices: readonly SeenEvent[]): string[] {
  const problems = holes.unannounced.map((hole) => `i2m: ${hole} missing and not announced`);
  const keys = notices.map((event) => originKey(event));
  const twice = keys.filter((key, at) => keys.indexOf(key) !== at);
  if (twice.length > 0) problems.push(`i2m: ${twice.length} windows announced twice: ${some(twice)}`);
  const windows = notices.map(windowOf);
  const saidAt = new Map(run.saidOnIrc.map(({ text, atMs }) => [labelsIn([text], "i2m")[0] ?? "", atMs]));
  for (const { first, last } of holes.holes) {
    for (const label of [first, last]) {
      const atMs = saidAt.get(label) ?? 0;
      const inside = windows.some(({ fromMs, toMs }) => atMs >= fromMs - slackMs && atMs <= toMs + slackMs);
      if (!inside)
        problems.push(`i2m: ${label} is missing, said at ${new Date(atMs).toISOString()}, outside of every window`);
    }
  }
  return problems;
}

function windowOf(event: SeenEvent): { readonly fromMs: number; readonly toMs: number } {
  const [, fromDay, from, toDay, to] = gapNotice.exec(bodyOf(event)) ?? [];
  const today = new Date(event.origin_server_ts).toISOString().slice(0, 10);
  return { fromMs: Date.parse(`${fromDay ?? today}T${from}Z`), toMs: Date.parse(`${toDay ?? today}T${to}Z`) };
}

function originKey(event: SeenEvent): string {
  const origin = event.content["dev.trestle.origin"];
  const key = typeof origin === "object" && origin !== null && "key" in origin ? origin.key : undefined;
  return typeof key === "string" ? key : bodyOf(event);
}

const shownOf = (room: readonly SeenEvent[]): Shown[] =>
  room.flatMap((event): Shown[] => {
    if (gapNotice.test(bodyOf(event))) return [{ gap: true }];
    const label = isBridged(event, "i2m") ? labelsIn([bodyOf(event)], "i2m")[0] : undefined;
    return label === undefined ? [] : [{ label }];
  });

const isBridged = (event: SeenEvent, prefix: string): boolean =>
  event.type === "m.room.message" && event.sender.startsWith("@_irc_") && bodyOf(event).includes(prefix);

const bodyOf = (event: SeenEvent): string => String(event.content["body"] ?? "");

const some = (list: readonly string[]): string =>
  `${list.length} (${list.slice(0, 12).join(", ")}${list.length > 12 ? ", ..." : ""})`;
