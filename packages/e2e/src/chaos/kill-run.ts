/**
 * Kills the span again and again while numbered messages go both ways, and collects what the observers on either side saw. It
 * judges nothing (judge-run.ts) and knows no program names.
 */
import { setTimeout as wait } from "node:timers/promises";
import { labels } from "../observers/judge-delivery.ts";
import type { MatrixObserver, SeenEvent } from "../observers/matrix-observer.ts";
import type { Stage } from "../stage.ts";
import { createRandom, type Random } from "./random.ts";

export interface KillRunOptions {
  readonly seed: number;
  readonly kills: number;
  /** Each way. */
  readonly messages: number;
  readonly perSecond: number;
  /** How long nothing new may come before the observers go. */
  readonly settleMs: number;
  readonly note: (text: string) => void;
}

/** What was said, heard and seen. */
export interface KillRun {
  readonly killsAtMs: readonly number[];
  /** When the span's nick was seen coming into the channel. */
  readonly joinsAtMs: readonly number[];
  /** Lines of carol as another IRC client heard them: what there was to carry to Matrix. */
  readonly saidOnIrc: readonly { readonly text: string; readonly atMs: number }[];
  /** Messages of alice and dave as the room has them: what there was to carry to IRC. */
  readonly saidOnMatrix: readonly string[];
  /** What the bridge said in the channel. */
  readonly heardOnIrc: readonly { readonly text: string; readonly atMs: number }[];
  /** The whole room in the end. */
  readonly room: readonly SeenEvent[];
  /** From the start of the process on, where nothing killed it before. */
  readonly back: { readonly inChannelMs: Spread; readonly readyMs: Spread };
}

interface Spread {
  readonly median: number;
  readonly max: number;
}

const spread = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
};

export async function runKills(stage: Stage, options: KillRunOptions): Promise<KillRun> {
  const random = createRandom(options.seed);
  const watcher = await stage.ircPerson("watcher");
  // Two people in turn: one alone, answered every few milliseconds, would be taken for a machine, and stopped.
  const dave = await stage.homeserver.person("dave");
  await dave.join(stage.room);
  const people = [stage.alice, dave];
  const killsAtMs: number[] = [];
  const startsAtMs: number[] = [];
  const readyMs: number[] = [];
  const numbers = { i2m: labels("i2m", options.messages), m2i: labels("m2i", options.messages) };
  const share = (list: readonly string[], cycle: number): readonly string[] => {
    const at = (count: number): number => Math.round((list.length * count) / options.kills);
    return list.slice(at(cycle), at(cycle + 1));
  };
  for (let cycle = 0; cycle < options.kills; cycle++) {
    if (await untilReady(stage, random)) readyMs.push(Date.now() - (startsAtMs.at(-1) ?? Date.now()));
    const saying = Promise.all([
      sayOnIrc(stage, share(numbers.i2m, cycle), options.perSecond),
      sayOnMatrix(people, stage.room, share(numbers.m2i, cycle), options.perSecond),
    ]);
    await wait(random.between(0, 600));
    killsAtMs.push(Date.now());
    await stage.span.stop("KILL");
    await wait(random.between(0, 400));
    startsAtMs.push(Date.now());
    await stage.span.start({ until: "launched" });
    await saying;
    if ((cycle + 1) % 10 === 0) options.note(`${cycle + 1} kills`);
  }
  await stage.span.waitReady(60_000);
  await quiet(stage, options.settleMs);
  const room = await stage.alice.history(stage.room);
  const lines = watcher.messages(stage.channel);
  const joinsAtMs = watcher.lines
    .filter((line) => line.command === "JOIN" && line.nick === stage.botNick)
    .map(({ atMs }) => atMs);
  const inChannelMs = startsAtMs.map((atMs) => (joinsAtMs.find((joinMs) => joinMs > atMs) ?? atMs) - atMs);
  return {
    killsAtMs,
    joinsAtMs,
    back: { inChannelMs: spread(inChannelMs), readyMs: spread(readyMs) },
    saidOnIrc: lines.filter(({ nick }) => nick === "carol"),
    saidOnMatrix: room
      .filter((event) => event.type === "m.room.message" && people.some(({ userId }) => userId === event.sender))
      .map((event) => String(event.content["body"] ?? "")),
    heardOnIrc: lines.filter(({ nick }) => nick !== "carol"),
    room,
  };
}

/** Mostly until it is ready; now and then only to the middle of its start. Tells which. */
async function untilReady(stage: Stage, random: Random): Promise<boolean> {
  const wholly = random.chance(0.7);
  if (wholly) await stage.span.waitReady(60_000);
  else await wait(random.between(50, 1500));
  return wholly;
}

async function sayOnIrc(stage: Stage, list: readonly string[], perSecond: number): Promise<void> {
  for (const label of list) {
    stage.carol.say(stage.channel, label);
    await wait(1000 / perSecond);
  }
}

async function sayOnMatrix(
  people: readonly MatrixObserver[],
  room: string,
  list: readonly string[],
  perSecond: number,
): Promise<void> {
  for (const [at, label] of list.entries()) {
    const next = wait(1000 / perSecond);
    await people[at % people.length]?.say(room, label);
    await next;
  }
}

/** Until neither side has got anything new for so long; for three minutes at most. */
async function quiet(stage: Stage, settleMs: number): Promise<void> {
  const arrived = (): number => stage.alice.seen.length + stage.carol.messages(stage.channel).length;
  let known = arrived();
  let sinceMs = Date.now();
  for (const until = sinceMs + 180_000; Date.now() < until && Date.now() - sinceMs < settleMs; await wait(100)) {
    if (arrived() === known) continue;
    known = arrived();
    sinceMs = Date.now();
  }
}
