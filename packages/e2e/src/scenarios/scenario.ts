/** What every scenario is given, and the small questions that many of them ask. */
import type { SeenLine } from "../observers/irc-observer.ts";
import type { MatrixObserver, SeenEvent } from "../observers/matrix-observer.ts";
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

/** Resolves once it is true; fails with this sentence. */
export async function eventually(
  fits: () => boolean | Promise<boolean>,
  otherwise: string,
  withinMs = 15_000,
): Promise<void> {
  for (const until = Date.now() + withinMs; !(await fits()); await pause(50)) claim(Date.now() < until, otherwise);
}

export const hasJoined = (who: MatrixObserver, room: string, user: string): Promise<void> =>
  eventually(async () => (await who.members(room)).has(user), `${user} did not come into ${room}`);

/** Gives the bridge a command in this room; resolves with its answer. */
export async function order(stage: Stage, room: string, line: string, answer: RegExp): Promise<SeenEvent> {
  const { alice } = stage;
  const since = alice.seen.length;
  await alice.say(room, `!irc ${line}`);
  return alice.wait(room, isNotice(stage, answer), { since, what: `the answer to ${line}` });
}

/** A new room of alice with the bot in it as its second moderator. */
export async function roomWithBot({ alice, bot }: Stage, version = "11"): Promise<string> {
  const users = version === "12" ? { [bot]: 100 } : { [alice.userId]: 100, [bot]: 100 };
  const room = await alice.createRoom({
    preset: "public_chat",
    room_version: version,
    power_level_content_override: { users },
    invite: [bot],
  });
  await hasJoined(alice, room, bot);
  return room;
}

/** Starts the bridge anew with these sections in its config. */
export async function reconfigure(stage: Stage, more: Readonly<Record<string, unknown>>): Promise<void> {
  await stage.span.stop("TERM");
  stage.span.configure({ more });
  await stage.span.start({ withinMs: stage.homeserver.quietMs });
  await stage.waitBotJoined();
}
