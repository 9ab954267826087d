import { judgeRun } from "../src/chaos/judge-run.ts";
import type { KillRun } from "../src/chaos/kill-run.ts";
import { createRandom } from "../src/chaos/random.ts";

const noon = Date.parse("2026-03-01T12:00:00.000Z");
const ghost = "@_irc_local_carol:x";

/** A room in which texts stand; `gap 12:00:01 12:00:03` is a notice of the bot. */
const room = (texts: readonly string[]): KillRun["room"] =>
  texts.map((text, at) => {
    const gap = /^gap (\S+) (\S+)$/.exec(text);
    const body = gap ? `Not connected to #a from ${gap[1]} UTC to ${gap[2]} UTC: what was said there ...` : text;
    const key = gap ? { "dev.trestle.origin": { key: text } } : {};
    return {
      event_id: `$${at}`,
      sender: gap ? "@_irc_bot:x" : ghost,
      type: "m.room.message",
      origin_server_ts: noon + 10_000,
      content: { body, ...key },
    };
  });

const run = (change: Partial<KillRun>): KillRun => ({
  killsAtMs: [noon + 1000],
  joinsAtMs: [],
  saidOnIrc: ["i2m 0001", "i2m 0002", "i2m 0003"].map((text, at) => ({ text, atMs: noon + at * 1000 })),
  saidOnMatrix: ["m2i 0001", "m2i 0002"],
  heardOnIrc: ["<a> m2i 0001", "<a> m2i 0002"].map((text, at) => ({ text, atMs: noon + at * 100 })),
  room: room(["i2m 0001", "i2m 0002", "i2m 0003"]),
  back: { inChannelMs: { median: 0, max: 0 }, readyMs: { median: 0, max: 0 } },
  ...change,
});
const problems = (change: Partial<KillRun>, history = false): readonly string[] =>
  judgeRun(run(change), { history }).problems;
const heard = (...entries: [string, number][]) => entries.map(([text, ms]) => ({ text, atMs: noon + ms }));

it("finds nothing wrong with a faultless run", () => {
  expect(problems({})).toEqual([]);
  expect(problems({}, true)).toEqual([]);
});

it("accepts a hole that the room announces where it is, and only there", () => {
  const announced = room(["i2m 0001", "gap 12:00:00 12:00:02", "i2m 0003"]);
  expect(problems({ room: announced })).toEqual([]);
  expect(problems({ room: announced }, true)).toEqual([expect.stringContaining("missing: 1")]);
  expect(problems({ room: room(["i2m 0001", "i2m 0003", "gap 12:00:00 12:00:02"]) })).toEqual([
    expect.stringContaining("i2m 0002 missing and not announced"),
  ]);
});

it("refuses a hole outside of the announced window, and a window announced twice", () => {
  const elsewhere = room(["i2m 0001", "gap 12:00:20 12:00:30", "i2m 0003"]);
  expect(problems({ room: elsewhere })).toContainEqual(expect.stringContaining("outside of every window"));
  const twice = room(["i2m 0001", "gap 12:00:00 12:00:02", "gap 12:00:00 12:00:02", "i2m 0003"]);
  expect(problems({ room: twice })).toEqual([expect.stringContaining("announced twice")]);
});

it("refuses what is missing on IRC, doubled on Matrix, out of order, or never said", () => {
  expect(problems({ heardOnIrc: heard(["<a> m2i 0001", 0]) })).toEqual([expect.stringContaining("m2i: missing")]);
  const doubled = room(["i2m 0001", "i2m 0001", "i2m 0002", "i2m 0003"]);
  expect(problems({ room: doubled })).toEqual([expect.stringContaining("i2m: doubled")]);
  const disordered = room(["i2m 0002", "i2m 0001", "i2m 0003"]);
  expect(problems({ room: disordered })).toEqual([expect.stringContaining("out of order")]);
  const invented = room(["i2m 0001", "i2m 0002", "i2m 0003", "i2m 0004"]);
  expect(problems({ room: invented })).toEqual([expect.stringContaining("never said")]);
});

it("leaves the order of Matrix to IRC to a homeserver that breaks it, when told so", () => {
  const swapped = run({ heardOnIrc: heard(["<a> m2i 0002", 0], ["<a> m2i 0001", 5]) });
  expect(judgeRun(swapped, { history: true }).problems).toEqual([expect.stringContaining("m2i: out of order")]);
  const lenient = judgeRun(swapped, { history: true, outwardOrder: false });
  expect(lenient.problems).toEqual([]);
  expect(lenient.m2i.disordered).toEqual(["m2i 0001"]);
});

it("lets a late message stand out of order when it says when it was said", () => {
  expect(problems({ room: room(["i2m 0002", "[12:00:00 UTC] i2m 0001", "i2m 0003"]) })).toEqual([]);
});

it("accepts a double across a kill without history, a few a kill, and none with history", () => {
  const across = heard(["<a> m2i 0001", 900], ["<a> m2i 0001", 1500], ["<a> m2i 0002", 1600]);
  expect(problems({ heardOnIrc: across })).toEqual([]);
  expect(problems({ heardOnIrc: across }, true)).toEqual([expect.stringContaining("m2i: doubled")]);
  const without = heard(["<a> m2i 0001", 5000], ["<a> m2i 0001", 5100], ["<a> m2i 0002", 5200]);
  expect(problems({ heardOnIrc: without })).toEqual([expect.stringContaining("without a kill")]);
  const labels = ["m2i 0001", "m2i 0002", "m2i 0003", "m2i 0004", "m2i 0005"];
  const many = heard(
    ...labels.map((text): [string, number] => [text, 900]),
    ...labels.map((text): [string, number] => [text, 1500]),
  );
  expect(problems({ saidOnMatrix: labels, heardOnIrc: many })).toContainEqual(
    expect.stringContaining("5 doubled at one kill"),
  );
});

it("has the same chances for the same seed", () => {
  const draw = (seed: number) => {
    const random = createRandom(seed);
    return Array.from({ length: 100 }, () => random.between(3, 9));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(new Set(draw(7))).toEqual(new Set([3, 4, 5, 6, 7, 8, 9]));
});
