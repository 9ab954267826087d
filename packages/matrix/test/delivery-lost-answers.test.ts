/**
 * The homeserver is killed after it took a message and before it answered, and then both sides start again: nothing is doubled and
 * nothing lost, on each of the six. TRESTLE_LOST_ANSWERS=100 repeats it a hundred times each; ten are enough for every day.
 */
import { BridgeError, type EventId, jobKey, type Part, partKey, roomId, systemClock } from "@trestle/core";
import { profileNames } from "@trestle/sandbox";
import { author } from "./a-bridge.ts";
import { createStage, type Stage } from "./delivery-stage.ts";

const times = Number(process.env["TRESTLE_LOST_ANSWERS"] ?? 10);
const quick = { canaryIntervalMs: 300, heartbeatMs: 200, patrolMs: 0, requestTimeoutMs: 5_000 };
const bob = author("bob", "Bob");
const rows: string[] = [];
let stage: Stage | undefined;
afterEach(() => stage?.close());
afterAll(() => {
  process.stdout.write(`answers lost with the server, then both restarted:\n${rows.join("")}`);
});

const text = (body: string): Part => ({ op: "event", type: "m.room.message", content: { msgtype: "m.text", body } });

test.each(profileNames)(
  `[L1] %s killed after the PUT and before the answer, then both sides restarted, ${times} times: 0 doubled, 0 lost`,
  async (profile) => {
    stage = await createStage(profile, systemClock);
    const { server } = stage;
    let matrix = await stage.open(quick);
    const ann = await stage.person("ann");
    const room = roomId(await stage.room(ann, matrix));
    await matrix.sendPart(room, text("m-warm"), bob, partKey(jobKey("warm"), 0));
    const bodies = ["m-warm"];
    for (let number = 0; number < times; number++) {
      const body = `m${number}`;
      bodies.push(body);
      const key = partKey(jobKey(body), 0);
      const again = { sinceMs: Date.now() };
      const dead = Promise.withResolvers<void>();
      server.faults.answerThenDie({
        match: { method: "PUT", path: /\/send\/m\.room\.message\// },
        // biome-ignore lint/suspicious/noThenProperty: the fault is named so, and it is no promise
        then: () => void server.restart("kill", 5).then(dead.resolve, dead.reject),
      });
      const lost = matrix.sendPart(room, text(body), bob, key).catch((error: unknown) => error);
      await dead.promise;
      // Every other time we die before we learn that there is no answer.
      if (number % 2 === 0) expect(await lost).toBeInstanceOf(BridgeError);
      await matrix.stop(0);
      matrix = await stage.open(quick);
      await sendAtLast(() => matrix.sendPart(room, text(body), bob, key, again));
    }
    const there = (await ann.history(room)).flatMap(({ type, content }) =>
      type === "m.room.message" ? [String(content["body"])] : [],
    );
    const doubled = there.length - new Set(there).size;
    const lost = bodies.filter((body) => !there.includes(body)).length;
    rows.push(`  ${profile.padEnd(14)} ${times} times: ${doubled} doubled, ${lost} lost\n`);
    expect(there).toEqual(bodies);
  },
  20_000 + times * 1_000,
);

/** As a lane does. */
async function sendAtLast(send: () => Promise<EventId>): Promise<EventId> {
  for (let tries = 0; ; tries++) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof BridgeError) || error.retry === "never" || tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
