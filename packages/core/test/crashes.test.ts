import { type EventId, eventId } from "@trestle/core";
import { bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

/** A small generator whose seed can be printed and given again (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** What the server has not seen acknowledged comes again, as a homeserver does. */
async function deliverAgain(journey: Journey): Promise<void> {
  await journey.matrix.redeliver().catch(() => undefined);
}

describe("killed at random moments", () => {
  const seeds = Array.from({ length: 20 }, (_, n) => n + Number(process.env["TRESTLE_SEED"] ?? 1));

  test.each(seeds)("[L1] nothing is lost, doubled or out of order in either direction (seed %i)", async (seed) => {
    const next = random(seed);
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    const out: string[] = [];
    const into: string[] = [];
    for (let n = 0; n < 40; n++) {
      const where = next();
      if (where < 0.45) {
        out.push(`out ${n}`);
        journey.matrix.sayAs(bob, room, `out ${n}`).catch(() => eventId(""));
      } else if (where < 0.9) {
        into.push(`in ${n}`);
        journey.remote
          .says("#chat", n % 2 === 0 ? "carol" : "dave", `in ${n}`)
          .catch(() => undefined as unknown as EventId);
      } else if (where < 0.94) journey.remote.outcomeUnknown("#chat");
      else if (where < 0.97) journey.matrix.outcomeUnknown(room);
      else {
        await turns(Math.floor(next() * 6));
        journey = await journey.restart();
        await deliverAgain(journey);
      }
      await turns(Math.floor(next() * 3));
    }
    journey = await journey.restart();
    await deliverAgain(journey);
    await journey.clock.advance(120_000);
    const arrived = () =>
      journey.matrix
        .bodiesIn(room)
        .map(({ body }) => body)
        .filter((body) => body.startsWith("in "));
    await until(() => journey.remote.said.length >= out.length && arrived().length >= into.length, `seed ${seed}`);
    expect(journey.remote.said.map(({ text }) => text)).toEqual(out);
    expect(arrived()).toEqual(into);
  });
});
