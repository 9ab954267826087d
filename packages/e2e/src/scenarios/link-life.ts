/** A link carries what is said while it is active: nothing from before it, nothing from a pause, also when gap repair looks back. */
import type { Stage } from "../stage.ts";
import { claim, isNotice, mark, pause, type Scenario } from "./scenario.ts";

const channel = "#link-life";

export const linkLife: Scenario = async (stage, report, where) => {
  await report.check(`${where}: nothing from before a link, or from a pause, ever reaches IRC`, () => life(stage));
};

async function life(stage: Stage): Promise<void> {
  const { alice, bot, carol, span } = stage;
  const [before, first, during, last] = ["before", "first", "during", "last"].map((text) => mark(`said ${text}`));
  const room = await alice.createRoom({ preset: "public_chat", room_version: "11", invite: [bot] });
  const until = Date.now() + 15_000;
  while (!(await alice.members(room)).has(bot)) {
    claim(Date.now() < until, "the bot did not take the invitation");
    await pause(100);
  }
  await carol.join(channel);
  const order = async (line: string, answer: RegExp) => {
    const since = alice.seen.length;
    await alice.say(room, `!irc ${line}`);
    await alice.wait(room, isNotice(stage, answer), { since, what: `the answer to ${line}` });
  };
  const heard = () => carol.messages(channel).map(({ text }) => text);
  const crosses = async (text: string | undefined) => {
    const since = carol.lines.length;
    await alice.say(room, String(text));
    await carol.wait((line) => line.raw.includes(String(text)), 15_000, since);
  };
  await alice.say(room, String(before));
  await order(`link local ${channel}`, /^Linked to/u);
  await crosses(first);
  await order("pause", /^Paused/u);
  await alice.say(room, String(during));
  await order("resume", /^Resumed/u);
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
  await order("unlink", /^Unlinked/u);
}
