/** Three rooms on one channel, and three channels in one room: what anybody says is everywhere once, by who said it. */
import type { IrcObserver } from "../observers/irc-observer.ts";
import type { MatrixObserver } from "../observers/matrix-observer.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { bodyOf, claim, eventually, isMessage, mark, order, pause, roomWithBot } from "./scenario.ts";

export interface SisterOptions {
  /** Said in each of the two constellations, by people of both sides in random order. */
  readonly messages: number;
}

export async function sisterRooms(stage: Stage, report: Report, where: string, options: SisterOptions): Promise<void> {
  const crowd = `${options.messages} messages of everybody, each everywhere once, by who said it`;
  await report.check(`${where}: three rooms on one channel: ${crowd}`, () => rooms(stage, options));
  await report.check(`${where}: three channels in one room: ${crowd}`, () => channels(stage, options));
}

interface Crossing {
  readonly rooms: readonly string[];
  readonly channels: readonly string[];
}

async function rooms(stage: Stage, options: SisterOptions): Promise<void> {
  const channel = "#sisters";
  await stage.carol.join(channel);
  const made: string[] = [];
  for (let at = 0; at < 3; at++) {
    const room = await roomWithBot(stage);
    await order(stage, room, `link local ${channel}`, /^Linked to/u);
    made.push(room);
  }
  await everybodyTalks(stage, { rooms: made, channels: [channel] }, options);
  for (const room of made) await order(stage, room, "unlink", /^Unlinked/u);
}

async function channels(stage: Stage, options: SisterOptions): Promise<void> {
  const names = ["#brother-one", "#brother-two", "#brother-three"];
  const room = await roomWithBot(stage);
  for (const name of names) {
    await stage.carol.join(name);
    await order(stage, room, `link local ${name}`, /^Linked to/u);
  }
  await everybodyTalks(stage, { rooms: [room], channels: names }, options);
  for (const name of names) await order(stage, room, `unlink ${name}`, /^Unlinked/u);
}

interface Said {
  readonly text: string;
  readonly by: string;
  readonly at: string;
}

async function everybodyTalks(stage: Stage, { rooms, channels }: Crossing, options: SisterOptions): Promise<void> {
  const { alice, carol, homeserver } = stage;
  const bob = await homeserver.person(mark("bob").replace(/\W/g, ""));
  for (const room of rooms) await bob.join(room);
  const run = mark("s").replace(/\W/g, "");
  const said: Said[] = [];
  const onIrc = async (): Promise<void> => {
    for (let at = 0; at < options.messages / 2; at++) {
      const place = channels[random(channels.length)] as string;
      const text = `${run}i${at}.`;
      carol.say(place, text);
      said.push({ text, by: "carol", at: place });
      await pause(random(30));
    }
  };
  const onMatrix = async (who: MatrixObserver, name: string): Promise<void> => {
    for (let at = 0; at < options.messages / 4; at++) {
      const place = rooms[random(rooms.length)] as string;
      const text = `${run}${name[0]}${at}.`;
      await who.say(place, text);
      said.push({ text, by: name, at: place });
    }
  };
  const bobName = bob.userId.slice(1).split(":")[0] as string;
  await Promise.all([onIrc(), onMatrix(alice, "alice"), onMatrix(bob, bobName)]);
  // one's own line does not come back on IRC
  const wanted = said.length * (rooms.length + channels.length) - said.filter(({ by }) => by === "carol").length;
  const copies = (): Copy[] => gather({ alice, carol, rooms, channels, run });
  await eventually(() => copies().length >= wanted, "", 20_000 + options.messages * 120).catch(() => undefined);
  await pause(1000);
  judge({ said, copies: copies(), places: [...rooms, ...channels], names: await namesIn(alice, rooms) });
}

const random = (below: number): number => Math.floor(Math.random() * below);

interface Copy {
  readonly text: string;
  readonly place: string;
  /** A user id, or a whole line of IRC. */
  readonly shown: string;
}

function gather(of: {
  readonly alice: MatrixObserver;
  readonly carol: IrcObserver;
  readonly rooms: readonly string[];
  readonly channels: readonly string[];
  readonly run: string;
}): Copy[] {
  const label = new RegExp(`${of.run}\\w+\\.`);
  const found: Copy[] = [];
  for (const { room, event } of of.alice.seen) {
    const text = isMessage(event) ? label.exec(bodyOf(event))?.[0] : undefined;
    if (text !== undefined && of.rooms.includes(room)) found.push({ text, place: room, shown: event.sender });
  }
  for (const place of of.channels)
    for (const { nick, text: line } of of.carol.messages(place)) {
      const text = label.exec(line)?.[0];
      if (text !== undefined) found.push({ text, place, shown: `${nick} ${line}` });
    }
  return found;
}

async function namesIn(alice: MatrixObserver, rooms: readonly string[]): Promise<Map<string, string>> {
  const all = await Promise.all(rooms.map((room) => alice.members(room)));
  return new Map(all.flatMap((one) => [...one]));
}

function judge(of: {
  readonly said: readonly Said[];
  readonly copies: readonly Copy[];
  readonly places: readonly string[];
  readonly names: ReadonlyMap<string, string>;
}): void {
  const wrong: string[] = [];
  for (const { text, by, at } of of.said)
    for (const place of of.places) {
      const here = of.copies.filter((copy) => copy.text === text && copy.place === place);
      const mine = place === at && by === "carol" && place.startsWith("#");
      if (mine ? here.length > 0 : here.length !== 1)
        wrong.push(`${text} of ${by} stands ${here.length} times in ${place}`);
      for (const { shown } of here) if (!isBy(shown, by, of.names)) wrong.push(`${text} of ${by} is shown as ${shown}`);
    }
  claim(wrong.length === 0, `${wrong.length} wrong: ${wrong.slice(0, 10).join("; ")}`);
}

/** The person himself, or a name that is his: invisible letters keep names from pinging. */
function isBy(shown: string, by: string, names: ReadonlyMap<string, string>): boolean {
  const text = `${shown} ${names.get(shown) ?? ""}`.replace(/[\u200b-\u200d\u2060]/g, "");
  return text.toLowerCase().includes(by);
}
