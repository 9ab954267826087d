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
  await report.check(`${name}: each reaches IRC once, in order but for late ones`, () => burst(stage, report, options));
}

async function burst(stage: Stage, report: Report, { messages, restarts, speakers }: BurstOptions): Promise<void> {
  const { homeserver, alice, carol, room, channel } = stage;
  const others = await Promise.all(Array.from({ length: speakers - 1 }, (_, at) => homeserver.person(`speaker${at}`)));
  for (const other of others) await other.join(room);
  const queue = labels("burst", messages);
  const said = queue.length;
  const before = carol.messages(channel).length;
  let sent = 0;
  const speak = async (who: typeof alice): Promise<void> => {
    for (let label = queue.shift(); label !== undefined; label = queue.shift()) {
      await who.say(room, label, { patienceMs: 60_000 });
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
  const expected = labelsIn((await alice.history(room)).filter(isMessage).map(bodyOf), "burst");
  claim(new Set(expected).size === messages, `the room has ${new Set(expected).size} of ${messages} messages`);
  const heard = (): { text: string }[] => carol.messages(channel).slice(before);
  for (const until = Date.now() + 60_000; Date.now() < until; await pause(200))
    if (
      new Set(
        labelsIn(
          heard().map(({ text }) => text),
          "burst",
        ),
      ).size === messages
    )
      break;
  await pause(3000);
  const texts = heard().map(({ text }) => text);
  const verdict = judgeDelivery(expected, labelsIn(texts, "burst"));
  const late = new Set(
    labelsIn(
      texts.filter((text) => lateMark.test(text)),
      "burst",
    ),
  );
  const onTime = judgeDelivery(
    expected,
    labelsIn(texts, "burst").filter((label) => !late.has(label)),
  );
  report.note(`${late.size} of ${messages} were lost by the homeserver and brought by gap repair`);
  claim(verdict.missing.length === 0, `${verdict.missing.length} missing: ${verdict.missing.slice(0, 20).join(", ")}`);
  claim(verdict.doubled.length === 0, `${verdict.doubled.length} doubled: ${verdict.doubled.slice(0, 20).join(", ")}`);
  const { disordered } = onTime;
  claim(
    disordered.length === 0,
    `${disordered.length} out of order without saying when they were said: ${disordered.slice(0, 20).join(", ")}`,
  );
}
