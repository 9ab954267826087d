/** What every scenario is given, and the small questions that many of them ask. */
import type { SeenLine } from "../observers/irc-observer.ts";
import type { SeenEvent } from "../observers/matrix-observer.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";

/** Runs its checks on a set stage; `where` names the stage in each check. */
export type Scenario = (stage: Stage, report: Report, where: string) => Promise<void>;

let counter = 0;

/** A text that nobody else says. */
export const mark = (text: string): string => `${text} ${(++counter).toString(36)}${Date.now().toString(36)}`;

export const bodyOf = (event: SeenEvent): string => String(event.content["body"] ?? "");

/** Says on Matrix, waits for it on IRC. */
export async function crossesToIrc(stage: Stage, text: string, withinMs = 15_000): Promise<SeenLine> {
  const since = stage.carol.lines.length;
  await stage.alice.say(stage.room, text);
  return stage.carol.wait((line) => line.command === "PRIVMSG" && line.raw.includes(text), withinMs, since);
}

/** Says on IRC, waits for it on Matrix. */
export async function crossesToMatrix(stage: Stage, text: string, withinMs = 15_000): Promise<SeenEvent> {
  const since = stage.alice.seen.length;
  stage.carol.say(stage.channel, text);
  return stage.alice.wait(stage.room, (event) => isMessage(event) && bodyOf(event).includes(text), {
    withinMs,
    since,
    what: `"${text}"`,
  });
}

export const isMessage = (event: SeenEvent): boolean => event.type === "m.room.message";

/** A notice of the bridge itself that fits. */
export const isNotice =
  (stage: Stage, pattern: RegExp) =>
  (event: SeenEvent): boolean =>
    isMessage(event) && event.sender === stage.bot && pattern.test(bodyOf(event));

/** How often a text stands in the room, and how often it was heard on IRC. */
export async function countIn(stage: Stage, text: string): Promise<{ readonly matrix: number; readonly irc: number }> {
  const events = await stage.alice.history(stage.room);
  return {
    matrix: events.filter((event) => isMessage(event) && bodyOf(event).includes(text)).length,
    irc: stage.carol.messages(stage.channel).filter((message) => message.text.includes(text)).length,
  };
}

/** Fails with this sentence. */
export function claim(truth: boolean, otherwise: string): asserts truth {
  if (!truth) throw new Error(otherwise);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
