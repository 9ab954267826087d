/** What happens every day: people talk, set topics, change nicks, and the bridge is kicked and comes back. */
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

export const dailyLife: Scenario = async (stage, report, where) => {
  const { alice, carol, room, channel, botNick } = stage;

  await report.check(`${where}: a message of Matrix reaches IRC once, with its author`, async () => {
    const text = mark("hello from Matrix");
    const line = await crossesToIrc(stage, text);
    claim(line.raw.includes("alice"), `the author is not named in: ${line.raw}`);
    await pause(500);
    const { irc } = await countIn(stage, text);
    claim(irc === 1, `it was heard ${irc} times on IRC`);
  });

  await report.check(`${where}: a message of IRC reaches Matrix once, by a ghost with the nick`, async () => {
    const text = mark("hello from IRC");
    const event = await crossesToMatrix(stage, text);
    claim(/^@_irc_/.test(event.sender), `the sender is ${event.sender}`);
    const name = (await alice.members(room)).get(event.sender);
    claim(name === "carol", `the ghost is called ${JSON.stringify(name)}`);
    await pause(500);
    const { matrix } = await countIn(stage, text);
    claim(matrix === 1, `it stands ${matrix} times in the room`);
  });

  await report.check(`${where}: formatting, emotes and several lines cross both ways`, async () => {
    const bold = mark("bold");
    const since = alice.seen.length;
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
  });

  await report.check(`${where}: a long text reaches IRC whole, in lines that the server takes`, async () => {
    const words = Array.from({ length: 150 }, (_, at) => `wörd${at}`);
    const end = mark("end");
    const before = carol.lines.length;
    await alice.say(room, `${words.join(" ")} ${end}`);
    await carol.wait((line) => line.raw.includes(end), 20_000, before);
    const heard = carol.lines.slice(before).filter((line) => line.command === "PRIVMSG");
    const said = heard.map((line) => line.params[1] ?? "").join(" ");
    const lost = words.filter((word) => !said.includes(word));
    claim(lost.length === 0, `lost on the way: ${lost.slice(0, 10).join(" ")}`);
  });

  await report.check(`${where}: the topic crosses both ways`, async () => {
    const fromMatrix = mark("topic from Matrix");
    const before = carol.lines.length;
    await alice.setState(room, "m.room.topic", "", { topic: fromMatrix });
    await carol.wait((line) => line.command === "TOPIC" && line.raw.includes(fromMatrix), 15_000, before);
    const fromIrc = mark("topic from IRC");
    const since = alice.seen.length;
    carol.send(`TOPIC ${channel} :${fromIrc}`);
    await alice.wait(room, (event) => event.type === "m.room.topic" && event.content["topic"] === fromIrc, {
      since,
      what: "the topic of IRC",
    });
    await pause(1000);
    const topics = carol.lines.slice(before).filter((line) => line.command === "TOPIC");
    claim(topics.length === 2, `there were ${topics.length} topic changes on IRC instead of 2: a circle`);
  });

  await report.check(`${where}: a nick change shows on Matrix, and back`, async () => {
    const dave = await stage.ircPerson("dave");
    const said = mark("before the change");
    const since = alice.seen.length;
    dave.say(channel, said);
    await alice.wait(room, (event) => bodyOf(event).includes(said), { since, what: "dave's line" });
    dave.send("NICK david");
    const after = mark("after the change");
    await pause(300);
    dave.say(channel, after);
    const event = await alice.wait(room, (seen) => bodyOf(seen).includes(after), { since, what: "david's line" });
    const name = (await alice.members(room)).get(event.sender);
    claim(name === "david", `the one who spoke after the change is called ${JSON.stringify(name)}`);
    dave.close();
  });

  await report.check(
    `${where}: kicked, the bridge says so, returns, and loses nothing that was said meanwhile`,
    async () => {
      const since = alice.seen.length;
      carol.send(`KICK ${channel} ${botNick} :out with you`);
      const text = mark("said while it was out");
      await alice.say(room, text);
      await alice.wait(room, isNotice(stage, /no longer in/i), { since, what: "the notice of the kick" });
      await stage.waitBotJoined();
      await carol.wait((line) => line.command === "PRIVMSG" && line.raw.includes(text), 20_000, 0);
      await crossesToMatrix(stage, mark("after its return"));
      const { irc } = await countIn(stage, text);
      claim(irc === 1, `it was heard ${irc} times`);
    },
  );
};
