/** A link carries what is said while it is active: nothing from before it, nothing from a pause, also when gap repair looks back. */
import type { Stage } from "../stage.ts";
import { claim, mark, order, pause, roomWithBot, type Scenario } from "./scenario.ts";

const channel = "#link-life";

export const linkLife: Scenario = async (stage, report, where) => {
  await report.check(`${where}: nothing from before a link, or from a pause, ever reaches IRC`, () => life(stage));
};

async function life(stage: Stage): Promise<void> {
  const { alice, carol, span } = stage;
  const [before, first, during, last] = ["before", "first", "during", "last"].map((text) => mark(`said ${text}`));
  const room = await roomWithBot(stage);
  await carol.join(channel);
  const say = (line: string, answer: RegExp) => order(stage, room, line, answer);
  const heard = () => carol.messages(channel).map(({ text }) => text);
  const crosses = async (text: string | undefined) => {
    const since = carol.lines.length;
    await alice.say(room, String(text));
    await carol.wait((line) => line.raw.includes(String(text)), 15_000, since);
  };
  await alice.say(room, String(before));
  await say(`link local ${channel}`, /^Linked to/u);
  await crosses(first);
  await say("pause", /^Paused/u);
  await alice.say(room, String(during));
  await say("resume", /^Resumed/u);
  await crosses(last);
  // At its start the bridge looks back at what it may have missed.
  await span.stop("TERM");
  await span.start({ withinMs: stage.homeserver.quietMs });
  await pause(3_000);
  const wrong = heard().find((text) => text.includes(String(before)) || text.includes(String(during)));
  claim(wrong === undefined, `IRC heard “${wrong}”`);
  for (const text of [first, last]) {
    const times = heard().filter((line) => line.includes(String(text))).length;
    claim(times === 1, `“${text}” was heard ${times} times`);
  }
  await say("unlink", /^Unlinked/u);
}
