/** Two bots that answer whatever is said, one on each side: the bridge stops them before anybody must. The last on a stage's link. */
import type { Stage } from "../stage.ts";
import {
  bodyOf,
  claim,
  crossesToIrc,
  eventually,
  isMessage,
  isNotice,
  mark,
  order,
  pause,
  type Scenario,
} from "./scenario.ts";

const exchangeMax = 20;

export const twoBots: Scenario = async (stage, report, where) => {
  await report.check(`${where}: two bots set on each other are stopped within ${exchangeMax} messages`, () =>
    setOn(stage),
  );
};

async function setOn(stage: Stage): Promise<void> {
  const { alice, room, channel, homeserver } = stage;
  const machine = await homeserver.person("machine");
  await machine.join(room);
  // its first look at the room brings what was said before
  const come = (): boolean =>
    machine.seen.some(({ room: where, event }) => where === room && event.state_key === machine.userId);
  await eventually(come, "the machine did not come in");
  await pause(500);
  const robot = await stage.ircPerson("robot");
  const since = alice.seen.length;
  let running = true;
  const answerOnIrc = async (): Promise<void> => {
    for (let at = robot.messages(channel).length; running; await pause(5))
      for (; at < robot.messages(channel).length; at++) robot.say(channel, mark("robot answers"));
  };
  const answerOnMatrix = async (): Promise<void> => {
    for (let at = machine.seen.length; running; await pause(5))
      for (; at < machine.seen.length; at++) {
        const { event, room: where } = machine.seen[at] as (typeof machine.seen)[number];
        if (where === room && isMessage(event) && event.sender !== machine.userId && event.sender !== stage.bot)
          await machine.say(room, mark("machine answers"));
      }
  };
  const both = [answerOnIrc(), answerOnMatrix()];
  try {
    robot.say(channel, mark("robot begins"));
    await alice.wait(room, isNotice(stage, /^Paused: two bots/), {
      since,
      withinMs: 30_000,
      what: "the notice of the pause",
    });
    await pause(1500);
  } finally {
    running = false;
    await Promise.all(both);
    robot.close();
  }
  const said = alice.seen
    .slice(since)
    .filter(({ event }) => /^(?:robot|machine) (?:begins|answers)/.test(bodyOf(event)));
  const letters = said.map(({ event }) => bodyOf(event)[0]).join("");
  claim(said.length <= exchangeMax + 1, `they exchanged ${said.length} messages: ${letters}`);
  claim(said.length >= 10, `they were stopped after ${said.length} messages`);
  await order(stage, room, "resume", /^Resumed/u);
  await crossesToIrc(stage, mark("after the bots"));
}
