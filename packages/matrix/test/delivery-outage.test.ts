/**
 * Our side down for ten minutes of the server's time while people talk and the server itself restarts: on each of the six servers
 * every message is taken once and in the order of its room. How long the canary and the messages took is printed.
 */
import { profileNames, type SandboxPerson } from "@trestle/sandbox";
import { until } from "./a-bridge.ts";
import { createStage, createTickClock, insist, type Stage, type TickClock } from "./delivery-stage.ts";

/** While we are down and while times are measured. */
const fastMs = 500;
const measuredMs = 40;
const saysEveryMs = 4_000;
const downMs = 600_000;
const realMs = 30_000;

const rows: string[] = [];
let stage: Stage | undefined;
let clock: TickClock;
let silence: AbortController;

beforeEach(() => {
  silence = new AbortController();
  clock = createTickClock(fastMs);
});
afterEach(async () => {
  silence.abort();
  await stage?.close();
  clock.stop();
});
afterAll(() => {
  process.stdout.write(`ten minutes down:          all taken after   canary back after\n${rows.join("")}`);
});

test.each(profileNames)(
  "[L1] [L3] %s: ten minutes down with restarts of the server in between, every event once, in order per room",
  async (profile) => {
    stage = await createStage(profile, clock);
    const { server, host } = stage;
    const first = await stage.open();
    const rooms = new Map<string, string[]>();
    const people = new Map<string, SandboxPerson>();
    const talk = async (name: string, offsetMs: number): Promise<void> => {
      const person = await (stage as Stage).person(name);
      const room = await (stage as Stage).room(person, first);
      const said: string[] = [];
      rooms.set(room, said);
      people.set(room, person);
      await clock.wait(offsetMs);
      for (let number = 0; !silence.signal.aborted; number++) {
        const body = `${name} ${number}`;
        if (await insist(person, room, body, silence.signal)) said.push(body);
        await clock.wait(saysEveryMs, silence.signal);
      }
    };
    await server.restart("term");
    const talks = ["ann", "bob"].map((name, index) => talk(name, index * 1_700));
    await until(
      "they are heard",
      () => [...rooms].length === 2 && [...rooms.keys()].every((room) => host.said(room).length > 2),
      realMs,
    );
    await first.stop(1_000);

    for (const kind of ["term", "kill", "term"] as const) {
      await clock.wait(downMs / 4);
      await server.restart(kind, 3_000);
    }
    await clock.wait(downMs / 4);
    const missed = new Map([...rooms].map(([room, said]) => [room, said.length]));
    clock.stepMs = measuredMs;
    const startedAtMs = clock.now();
    const second = await stage.open();
    await until(
      "what was missed is taken",
      () => [...missed].every(([room, count]) => host.said(room).length >= count),
      realMs,
    );
    const takenMs = clock.now() - startedAtMs;
    await until("the canary is back", () => second.status().canaryAgeMs !== undefined, realMs);
    const canaryMs = clock.now() - (second.status().canaryAgeMs ?? 0) - startedAtMs;
    await server.restart("kill", 2_000);
    clock.stepMs = fastMs;
    await clock.wait(20_000);
    silence.abort();
    await Promise.all(talks);
    for (const [room, person] of people) {
      // What is in the room: a client that got no answer may have said something twice.
      const there = (await person.history(room)).filter(({ type }) => type === "m.room.message");
      const bodies = there.map(({ content }) => content["body"]);
      await until("all is taken", () => host.said(room).length >= bodies.length, realMs);
      expect(bodies.length).toBeGreaterThan(50);
      expect(host.said(room)).toEqual(bodies);
    }
    rows.push(`  ${profile.padEnd(22)} ${seconds(takenMs).padStart(17)} ${seconds(canaryMs).padStart(19)}\n`);
  },
  3 * realMs,
);

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
