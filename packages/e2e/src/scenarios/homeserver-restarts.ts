/**
 * The homeserver restarts again and again in a burst of messages. Every server loses some of its pushes then; each message
 * must still reach IRC once, in order but for those that gap repair brought, which say when they were said.
 */
import { judgeDelivery, labels, labelsIn } from "../observers/judge-delivery.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { bodyOf, claim, isMessage, pause } from "./scenario.ts";

export interface BurstOptions {
  readonly messages: number;
  readonly restarts: number;
  /** How many people speak at once. */
  readonly speakers: number;
}

/** What a message that gap repair brought begins with, after the speaker's name. */
const lateMark = /\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC\] /;

export async function homeserverRestarts(
  stage: Stage,
  report: Report,
  where: string,
  options: BurstOptions,
): Promise<void> {
  const name = `${where}: ${options.restarts} restarts of the homeserver in a burst of ${options.messages} messages`;
  await report.check(`${name}: each reaches IRC once, in order but for late ones`, () =>
    burst(stage, (text) => report.note(`${where}: ${text}`), options),
  );
}

async function burst(
  stage: Stage,
  note: (text: string) => void,
  { messages, restarts, speakers }: BurstOptions,
): Promise<void> {
  const { homeserver, alice, carol, room, channel } = stage;
  const others = await Promise.all(Array.from({ length: speakers - 1 }, (_, at) => homeserver.person(`speaker${at}`)));
  for (const other of others) await other.join(room);
  const queue = labels("burst", messages);
  const said = queue.length;
  const before = carol.messages(channel).length;
  const saidBy: string[][] = [];
  let sent = 0;
  const speak = async (who: typeof alice, place: number): Promise<void> => {
    const own: string[] = [];
    saidBy[place] = own;
    for (let label = queue.shift(); label !== undefined; label = queue.shift()) {
      await who.say(room, label, { patienceMs: 60_000 });
      own.push(label);
      sent++;
    }
  };
  const speaking = Promise.all([alice, ...others].map(speak));
  for (let restart = 1; restart <= restarts; restart++) {
    const goal = Math.floor((said * restart) / (restarts + 1));
    while (sent < goal) await pause(5);
    await homeserver.stop(restart % 2 === 0 ? "KILL" : "TERM");
    await pause(200);
    await homeserver.start();
  }
  await speaking;
  // the room itself says what was said in which order: a request cut by a kill may have taken effect
  const inRoom = labelsIn((await alice.history(room)).filter(isMessage).map(bodyOf), "burst");
  // a history read in pages may lack events that everybody saw (Dendrite, at the edge of a page)
  const seen = alice.seen.filter((one) => one.room === room && isMessage(one.event)).map(({ event }) => bodyOf(event));
  const all = [...new Set([...inRoom, ...labelsIn(seen, "burst")])].sort();
  if (all.length < messages && homeserver.forgetsWhenKilled)
    note(`${messages - all.length} were acknowledged and forgotten by the homeserver`);
  else claim(all.length === messages, `the room has ${all.length} of ${messages} messages`);
  const heard = (): string[] =>
    carol
      .messages(channel)
      .slice(before)
      .map(({ text }) => text);
  const until = Date.now() + 60_000;
  while (new Set(labelsIn(heard(), "burst")).size < all.length && Date.now() < until) await pause(200);
  await pause(3000);
  judge(note, { all, inRoom, orders: homeserver.ordersAtOnce ? [inRoom] : saidBy }, heard());
}

interface Said {
  readonly all: readonly string[];
  /** In the room, as often as it stands there. */
  readonly inRoom: readonly string[];
  /** What must keep its order. */
  readonly orders: readonly (readonly string[])[];
}

function judge(note: (text: string) => void, { all, inRoom, orders }: Said, texts: readonly string[]): void {
  const heard = labelsIn(texts, "burst");
  const late = labelsIn(
    texts.filter((text) => lateMark.test(text)),
    "burst",
  );
  note(`${new Set(late).size} were lost or held back by the homeserver and brought by gap repair`);
  const { missing, doubled } = judgeDelivery(all, heard);
  claim(missing.length === 0, `${missing.length} missing: ${missing.slice(0, 20).join(", ")}`);
  // a server that was killed may have forgotten the transaction id and then has the same message twice itself
  const times = (list: readonly string[], label: string): number => list.filter((one) => one === label).length;
  const tooOften = doubled.filter((label) => times(heard, label) > times(inRoom, label));
  claim(tooOften.length === 0, `${tooOften.length} doubled: ${tooOften.slice(0, 20).join(", ")}`);
  const onTime = heard.filter((label) => !late.includes(label));
  const disordered = orders.flatMap((order) => judgeDelivery([...new Set(order)], onTime).disordered);
  claim(
    disordered.length === 0,
    `${disordered.length} out of order without saying when they were said: ${disordered.slice(0, 20).join(", ")}`,
  );
}
