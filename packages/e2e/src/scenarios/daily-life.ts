/** What happens every day: people talk, set topics, change nicks, and the bridge is kicked and comes back. */
import type { Stage } from "../stage.ts";
import {
  bodyOf,
  claim,
  countIn,
  crossesToIrc,
  crossesToMatrix,
  eventually,
  isNotice,
  mark,
  pause,
  type Scenario,
} from "./scenario.ts";

const checks: readonly [string, (stage: Stage) => Promise<void>][] = [
  ["a message of Matrix reaches IRC once, with its author", toIrc],
  ["a message of IRC reaches Matrix once, by a ghost with the nick", toMatrix],
  ["formatting, emotes and several lines cross", formatting],
  ["a long text reaches IRC whole, in lines that the server takes", longText],
  ["the topic crosses both ways, without a circle", topics],
  ["a nick change shows on Matrix", nickChange],
  ["kicked, the bridge says so, returns, and loses nothing that Matrix said meanwhile", kicked],
];

export const dailyLife: Scenario = async (stage, report, where) => {
  for (const [what, run] of checks) await report.check(`${where}: ${what}`, () => run(stage));
};

async function toIrc(stage: Stage): Promise<void> {
  const text = mark("hello from Matrix");
  const line = await crossesToIrc(stage, text);
  // an invisible character inside the name keeps it from pinging her own IRC client
  claim(/alice/.test(line.raw.replace(/[\u200b-\u200d\u2060]/g, "")), `the author is not named in: ${line.raw}`);
  await pause(500);
  const { irc } = await countIn(stage, text);
  claim(irc === 1, `it was heard ${irc} times on IRC`);
}

async function toMatrix(stage: Stage): Promise<void> {
  const text = mark("hello from IRC");
  const event = await crossesToMatrix(stage, text);
  claim(/^@_irc_/.test(event.sender), `the sender is ${event.sender}`);
  // a new ghost may speak first and be named a moment later
  const nameOf = async (): Promise<string | undefined> => (await stage.alice.members(stage.room)).get(event.sender);
  await eventually(async () => (await nameOf()) === "carol", "the ghost is not called carol", 5_000);
  await pause(500);
  const { matrix } = await countIn(stage, text);
  claim(matrix === 1, `it stands ${matrix} times in the room`);
}

async function formatting({ alice, carol, room, channel }: Stage): Promise<void> {
  const since = alice.seen.length;
  const bold = mark("bold");
  carol.say(channel, `\x02${bold}\x02 and plain`);
  const event = await alice.wait(room, (seen) => bodyOf(seen).includes(bold), { since, what: "the bold line" });
  const html = String(event.content["formatted_body"] ?? "");
  claim(/<(b|strong)>/.test(html) && !bodyOf(event).includes("\x02"), `it became ${JSON.stringify(event.content)}`);
  const emote = mark("waves");
  carol.say(channel, `\x01ACTION ${emote}\x01`);
  const shown = await alice.wait(room, (seen) => bodyOf(seen).includes(emote), { since, what: "the emote" });
  claim(shown.content["msgtype"] === "m.emote", `the emote became ${JSON.stringify(shown.content)}`);
  const [first, second] = [mark("first line"), mark("second line")];
  const before = carol.lines.length;
  await alice.say(room, `${first}\n${second}`);
  await carol.wait((line) => line.raw.includes(first), 15_000, before);
  await carol.wait((line) => line.raw.includes(second), 15_000, before);
}

async function longText({ alice, carol, room }: Stage): Promise<void> {
  const words = Array.from({ length: 150 }, (_, at) => `wörd${at}`);
  const end = mark("end");
  const before = carol.lines.length;
  await alice.say(room, `${words.join(" ")} ${end}`);
  await carol.wait((line) => line.raw.includes(end), 20_000, before);
  const heard = carol.lines.slice(before).filter((line) => line.command === "PRIVMSG");
  const said = heard.map((line) => line.params[1] ?? "").join(" ");
  const lost = words.filter((word) => !said.includes(word));
  claim(lost.length === 0, `lost on the way: ${lost.slice(0, 10).join(" ")}`);
}

async function topics({ alice, carol, room, channel }: Stage): Promise<void> {
  const before = carol.lines.length;
  const fromMatrix = mark("topic from Matrix");
  await alice.setState(room, "m.room.topic", "", { topic: fromMatrix });
  await carol.wait((line) => line.command === "TOPIC" && line.raw.includes(fromMatrix), 15_000, before);
  const since = alice.seen.length;
  const fromIrc = mark("topic from IRC");
  carol.send(`TOPIC ${channel} :${fromIrc}`);
  await alice.wait(room, (event) => event.type === "m.room.topic" && event.content["topic"] === fromIrc, {
    since,
    what: "the topic of IRC",
  });
  await pause(1000);
  const changes = carol.lines.slice(before).filter((line) => line.command === "TOPIC");
  claim(changes.length === 2, `there were ${changes.length} topic changes on IRC instead of 2: a circle`);
}

async function nickChange(stage: Stage): Promise<void> {
  const { alice, room, channel } = stage;
  const dave = await stage.ircPerson("dave");
  const since = alice.seen.length;
  const said = mark("before the change");
  dave.say(channel, said);
  await alice.wait(room, (event) => bodyOf(event).includes(said), { since, what: "dave's line" });
  dave.send("NICK david");
  await pause(300);
  const after = mark("after the change");
  dave.say(channel, after);
  const event = await alice.wait(room, (seen) => bodyOf(seen).includes(after), { since, what: "david's line" });
  const nameOf = async (): Promise<string | undefined> => (await alice.members(room)).get(event.sender);
  await eventually(async () => (await nameOf()) === "david", "who spoke after the change is not called david", 5_000);
  dave.close();
}

async function kicked(stage: Stage): Promise<void> {
  const { alice, carol, room, channel, botNick } = stage;
  const since = alice.seen.length;
  const before = carol.lines.length;
  carol.send(`KICK ${channel} ${botNick} :out with you`);
  await carol.wait((line) => line.command === "KICK" && line.params[1] === botNick, 5_000, before);
  const text = mark("said while it was out");
  await alice.say(room, text);
  await alice.wait(room, isNotice(stage, /no longer in/i), { since, what: "the notice of the kick" });
  await stage.waitBotJoined();
  await carol.wait((line) => line.command === "PRIVMSG" && line.raw.includes(text), 20_000, before);
  await crossesToMatrix(stage, mark("after its return"));
  const { irc } = await countIn(stage, text);
  claim(irc === 1, `it was heard ${irc} times`);
}
