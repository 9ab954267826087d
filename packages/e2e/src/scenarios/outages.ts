/** What breaks now and then: a netsplit, the IRC server restarting, the bridge itself restarting or being killed. */

import type { Inspircd } from "../servers/inspircd.ts";
import { createInspircdServices } from "../servers/inspircd-services.ts";
import type { FarServer } from "../servers/irc-server.ts";
import { createFarNgircd } from "../servers/ngircd.ts";
import { type Stage, waitMember } from "../stage.ts";
import {
  bodyOf,
  claim,
  countIn,
  crossesToIrc,
  crossesToMatrix,
  isNotice,
  mark,
  pause,
  type Scenario,
} from "./scenario.ts";

const farPeople = 50;

export const outages: Scenario = async (stage, report, where) => {
  await report.check(`${where}: a netsplit of ${farPeople} people and its healing disturb nobody`, () =>
    netsplit(stage),
  );
  await report.check(`${where}: the IRC server restarts; what Matrix said waits, the gap is announced once`, () =>
    ircRestart(stage),
  );
  await report.check(`${where}: the bridge is stopped and started; what Matrix said meanwhile arrives once`, () =>
    bridgeRestart(stage, "TERM"),
  );
  await report.check(`${where}: the bridge is killed and started; what Matrix said meanwhile arrives once`, () =>
    bridgeRestart(stage, "KILL"),
  );
};

async function farServer(stage: Stage): Promise<FarServer> {
  const { real } = stage.irc;
  claim(real !== undefined, "a split needs a real server");
  if (real.kind === "ngircd") return createFarNgircd(real as Parameters<typeof createFarNgircd>[0], far(stage));
  return createInspircdServices(real as Inspircd, far(stage));
}

const far = (stage: Stage): { channel: string; people: number } => ({ channel: stage.channel, people: farPeople });

async function netsplit(stage: Stage): Promise<void> {
  const { alice, carol, room } = stage;
  const server = await farServer(stage);
  const last = server.nicks.at(-1) as string;
  try {
    await carol.wait((line) => line.command === "JOIN" && line.nick === last, 20_000, 0);
    const since = alice.seen.length;
    const before = carol.lines.length;
    await server.split();
    await carol.wait((line) => line.command === "QUIT" && line.nick === last, 20_000, before);
    await crossesToIrc(stage, mark("during the split"));
    await crossesToMatrix(stage, mark("during the split, from IRC"));
    await server.heal();
    await carol.wait((line) => line.command === "JOIN" && line.nick === last, 20_000, before);
    await crossesToMatrix(stage, mark("after the split"));
    await crossesToIrc(stage, mark("after the split, from Matrix"));
    const noise = alice.seen
      .slice(since)
      .filter(({ room: where, event }) => where === room && event.type !== "m.room.message");
    claim(noise.length <= 5, `the split made ${noise.length} events in the room`);
  } finally {
    await server.stop();
  }
}

async function ircRestart(stage: Stage): Promise<void> {
  const { alice, carol, room, irc, span, channel } = stage;
  await crossesToMatrix(stage, mark("before the restart"));
  const since = alice.seen.length;
  const before = carol.lines.length;
  await irc.stop("TERM");
  const waiting = [mark("waits one"), mark("waits two"), mark("waits three")];
  for (const text of waiting) await alice.say(room, text);
  await pause(700);
  // IRC keeps nothing: who is to hear it must be back before the bridge is
  span.freeze();
  try {
    await irc.start();
    await waitMember(carol, channel, carol.nick);
  } finally {
    span.thaw();
  }
  for (const text of waiting)
    await carol.wait((line) => line.command === "PRIVMSG" && line.raw.includes(text), 30_000, before);
  await stage.waitBotJoined();
  await crossesToMatrix(stage, mark("after the restart"));
  await alice.wait(room, isNotice(stage, /Not connected to/), { since, what: "the notice of the gap" });
  await pause(500);
  const notices = alice.seen.slice(since).filter(({ event }) => isNotice(stage, /Not connected to/)(event));
  claim(notices.length === 1, `the gap was announced ${notices.length} times`);
  for (const text of waiting) {
    const { irc: count } = await countIn(stage, text);
    claim(count === 1, `"${text}" was heard ${count} times`);
  }
  const order = carol
    .messages(stage.channel)
    .map(({ text }) => waiting.findIndex((one) => text.includes(one)))
    .filter((at) => at >= 0);
  claim(order.join() === "0,1,2", `they came in the order ${order.join()}`);
}

async function bridgeRestart(stage: Stage, signal: "TERM" | "KILL"): Promise<void> {
  const { alice, carol, room, span } = stage;
  const before = carol.lines.length;
  const since = alice.seen.length;
  const { code } = await span.stop(signal);
  if (signal === "TERM") claim(code === 0, `the span ended with ${code}`);
  const texts = [mark("while it was down"), mark("and again")];
  for (const text of texts) await alice.say(room, text);
  const lost = mark("said on IRC to nobody");
  carol.say(stage.channel, lost);
  // a Conduit that failed to push waits 30 s before it tries again
  await span.start({ withinMs: stage.homeserver.quietMs });
  for (const text of texts)
    await carol.wait((line) => line.command === "PRIVMSG" && line.raw.includes(text), 30_000, before);
  await stage.waitBotJoined();
  await crossesToMatrix(stage, mark("after the bridge's restart"));
  for (const text of texts) {
    const { irc } = await countIn(stage, text);
    claim(irc === 1, `"${text}" was heard ${irc} times`);
  }
  // no real server here keeps history: what was said is lost, and the room is told
  const notices = alice.seen.slice(since).filter(({ event }) => isNotice(stage, /Not connected to/)(event));
  claim(
    notices.length === 1,
    `the gap was announced ${notices.length} times: ${notices.map(({ event }) => bodyOf(event))}`,
  );
}
