/** A room that is replaced in mid-traffic: nothing is lost, the link lives in the new one; a forged tombstone leads nowhere. */
import type { MatrixObserver } from "../observers/matrix-observer.ts";
import type { Stage } from "../stage.ts";
import {
  bodyOf,
  claim,
  eventually,
  hasJoined,
  isMessage,
  isNotice,
  mark,
  order,
  pause,
  roomWithBot,
  type Scenario,
} from "./scenario.ts";

const each = 40;

export const roomUpgrade: Scenario = async (stage, report, where) => {
  await report.check(`${where}: a room upgraded in mid-traffic: nothing lost, the link lives in the new one`, () =>
    upgraded(stage),
  );
  await report.check(`${where}: a forged tombstone is not followed`, () => forged(stage));
};

async function upgraded(stage: Stage): Promise<void> {
  const { alice, bot, carol, homeserver } = stage;
  const channel = "#upgraded";
  const old = await roomWithBot(stage, "11");
  await carol.join(channel);
  await order(stage, old, `link local ${channel}`, /^Linked to/u);
  const [fromMatrix, fromIrc] = [mark("M"), mark("I")].map((one) => one.replace(" ", "-")) as [string, string];
  const said: string[] = [];
  const heard: string[] = [];
  let room = old;
  // several on each side: one who always answers one other is taken for a machine
  const bob = await homeserver.person("upgrader");
  await bob.join(old);
  const dave = await stage.ircPerson("upgrader");
  await dave.join(channel);
  const talk = async (): Promise<void> => {
    for (let at = 0; at < each; at++) {
      const text = `${fromMatrix}.${at}.`;
      const who = at % 3 === 2 ? bob : alice;
      await eventually(() => spoken(who, () => room, text), `${who.userId} can speak nowhere`);
      said.push(text);
      const line = `${fromIrc}.${at}.`;
      (at % 2 === 0 ? carol : dave).say(channel, line);
      heard.push(line);
      await pause(40);
    }
  };
  const talking = talk();
  await eventually(() => said.length >= each / 4, "nobody talks");
  const { replacement_room: next } = await alice.request("POST", `/rooms/${encodeURIComponent(old)}/upgrade`, {
    new_version: "12",
  });
  await bob.join(String(next));
  room = String(next);
  await alice.invite(room, bot).catch(() => undefined);
  await talking;
  await hasJoined(alice, room, bot);
  const onIrc = (text: string): number => carol.messages(channel).filter((one) => one.text.includes(text)).length;
  const onMatrix = (text: string): number =>
    alice.seen.filter(
      ({ event }) =>
        isMessage(event) &&
        event.sender !== alice.userId &&
        event.sender !== bob.userId &&
        bodyOf(event).includes(text),
    ).length;
  const late = (): string[] => [
    ...said.filter((text) => onIrc(text) === 0),
    ...heard.filter((text) => onMatrix(text) === 0),
  ];
  await eventually(() => late().length === 0, "not everything crossed", 30_000).catch(() => undefined);
  await pause(500);
  const where = (text: string): string => {
    const found = alice.seen.find((one) => bodyOf(one.event).includes(text))?.room;
    return `${text} (${found === old ? "old room" : found === room ? "new room" : "IRC"})`;
  };
  claim(late().length === 0, `${late().length} did not cross: ${late().slice(0, 10).map(where).join(" ")}`);
  const doubled = [...said.filter((text) => onIrc(text) > 1), ...heard.filter((text) => onMatrix(text) > 1)];
  claim(doubled.length === 0, `${doubled.length} came twice: ${doubled.slice(0, 10).join(" ")}`);
  const last = mark("in the new room");
  const since = alice.seen.length;
  carol.say(channel, last);
  await alice.wait(room, (event) => bodyOf(event).includes(last), { since, what: "a line of IRC in the new room" });
  await alice.wait(room, isNotice(stage, /moved/i), { since: 0, what: "the notice of the move" });
  await order(stage, room, "unlink", /^Unlinked/u);
}

/** Who is refused by the closed room goes to the new one; false: not yet. */
async function spoken(who: MatrixObserver, room: () => string, text: string): Promise<boolean> {
  return who.say(room(), text).then(
    () => true,
    () => false,
  );
}

async function forged(stage: Stage): Promise<void> {
  const { alice, bot, carol, homeserver } = stage;
  const channel = "#forged";
  const room = await roomWithBot(stage, "11");
  await carol.join(channel);
  await order(stage, room, `link local ${channel}`, /^Linked to/u);
  const mallory = await homeserver.person("mallory");
  await mallory.join(room);
  const powers = (await alice.getState(room, "m.room.power_levels")) ?? {};
  const users = { ...(powers["users"] as Record<string, number>), [mallory.userId]: 100 };
  await alice.setState(room, "m.room.power_levels", "", { ...powers, users });
  const trap = await mallory.createRoom({ preset: "public_chat", room_version: "11", invite: [bot] });
  const since = alice.seen.length;
  await mallory.setState(room, "m.room.tombstone", "", { body: "we moved", replacement_room: trap });
  await alice.wait(room, isNotice(stage, /not followed|closed|paused/i), { since, what: "the notice of the refusal" });
  const text = mark("not for the trap");
  const before = mallory.seen.length;
  carol.say(channel, text);
  await pause(1500);
  const trapped = mallory.seen.slice(before).some((one) => one.room === trap && bodyOf(one.event).includes(text));
  claim(!trapped, "IRC is heard in the room that the forged tombstone names");
  await order(stage, room, "unlink", /^Unlinked/u);
}
