/** What is measured, one function each, and the bar each figure has to clear. */
import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type BridgeUnderTest, channelsJoined, prepareBridge, rssOf } from "./bridge-under-test.ts";
import { measureCeiling } from "./ceiling.ts";
import type { FarProcess } from "./far-process.ts";
import { type LoadResult, roomOf, speakers } from "./far-side.ts";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The bar; the figure fails past it. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export type Tell = (text: string) => void;
export type Measure = (far: FarProcess, tell: Tell) => Promise<Figure[]>;

const mebi = 1_024 * 1_024;
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Every figure of a load that lost or doubled anything is worthless. */
function sound(result: LoadResult, what: string): LoadResult {
  const { missing, doubled, disordered } = result.wrong;
  if (missing + doubled + disordered > 0) {
    throw new Error(`${what}: ${missing} missing, ${doubled} doubled, ${disordered} out of order`);
  }
  return result;
}

/** So that ghosts are registered, named and joined before anything is timed. */
async function warmUp(far: FarProcess, rooms: number): Promise<void> {
  const each = rooms > 1_000 ? 1 : speakers.length;
  sound(await far.inward({ rooms, messages: rooms * each, windowMax: 200 }), "warm-up, IRC to Matrix");
  sound(await far.outward({ rooms, messages: rooms * each }), "warm-up, Matrix to IRC");
}

export const memory: Measure = async (far, tell) => {
  tell("memory: idle with 10 portals, with 10,000, and the libraries alone");
  const libraries = await librariesRss();
  const idle = async (portals: number): Promise<number> => {
    const bridge = await prepareBridge(far, { portals });
    await wait(5_000);
    const rss = bridge.rssBytes();
    await bridge.stop();
    return rss;
  };
  const few = await idle(10);
  const many = await idle(10_000);
  return [
    { name: "idle resident memory", value: few / mebi, unit: "MB", atMost: 160 },
    { name: "idle memory over the libraries alone", value: (few - libraries) / mebi, unit: "MB", atMost: 50 },
    { name: "memory per portal", value: (many - few) / 9_990 / 1_000, unit: "kB", atMost: 30 },
  ];
};

/** A process that imports what the span does and nothing of ours. */
async function librariesRss(): Promise<number> {
  const names = [
    "matrix-appservice-bridge",
    "@vector-im/matrix-bot-sdk",
    "irc-framework",
    "knex",
    "pg",
    "yaml",
    "zod",
    "pino",
    "prom-client",
    "undici",
    "htmlparser2",
    "diff",
  ];
  const program = `for (const name of ${JSON.stringify(names)}) await import(name); setInterval(() => {}, 1000);`;
  const cwd = resolve(dirname(fileURLToPath(import.meta.url)), "../../../matrix");
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd, stdio: "ignore" });
  await wait(5_000);
  const rss = rssOf(child.pid ?? 0);
  child.kill("SIGKILL");
  return rss;
}

export const startUp: Measure = async (far, tell) => {
  tell("start: first durable transaction with 10,000 portals, and 1,000 links joined");
  const big = await prepareBridge(far, { portals: 10_000, start: false });
  const [readyMs] = await Promise.all([
    far.firstTransaction(),
    big.span.start({ until: "launched", withinMs: 60_000 }),
  ]);
  await big.stop();
  const linked = await prepareBridge(far, { portals: 1_000, start: false });
  const [joinedMs] = await Promise.all([
    channelsJoined(far, 1_000, 60_000),
    linked.span.start({ until: "launched", withinMs: 60_000 }),
  ]);
  await linked.stop();
  return [
    { name: "start to first durable transaction, 10,000 portals", value: readyMs / 1_000, unit: "s", atMost: 2 },
    { name: "start to 1,000 channels joined", value: joinedMs / 1_000, unit: "s", atMost: 5 },
  ];
};

const throughputMessages = 10_000;

async function ratesOf(
  far: FarProcess,
  rooms: number,
  tell: Tell,
): Promise<{ inward: number; outward: number; ceiling: number }> {
  const bridge = await prepareBridge(far, { portals: rooms });
  try {
    await warmUp(far, rooms);
    const before = await measureCeiling(far.url, throughputMessages);
    const inward = sound(await far.inward({ rooms, messages: throughputMessages }), "IRC to Matrix").perSecond;
    const outward = sound(await far.outward({ rooms, messages: throughputMessages }), "Matrix to IRC").perSecond;
    const after = await measureCeiling(far.url, throughputMessages);
    const ceiling = (before + after) / 2;
    tell(
      `  ${rooms} rooms: IRC to Matrix ${inward.toFixed(0)}/s, Matrix to IRC ${outward.toFixed(0)}/s, bare ${ceiling.toFixed(0)}/s`,
    );
    return { inward, outward, ceiling };
  } finally {
    await bridge.stop();
  }
}

export const throughput: Measure = async (far, tell) => {
  tell("throughput: 10 rooms and 10,000 rooms, against bare PUTs with one durable insert");
  const few = await ratesOf(far, 10, tell);
  const many = await ratesOf(far, 10_000, tell);
  // Each against the ceiling of its own moment: the machine is shared and its speed is not.
  const share = (rates: typeof few, way: "inward" | "outward") => rates[way] / rates.ceiling;
  return [
    { name: "IRC to Matrix, of the bare ceiling", value: share(few, "inward"), unit: "", atLeast: 0.2 },
    { name: "Matrix to IRC, of the bare ceiling", value: share(few, "outward"), unit: "", atLeast: 0.2 },
    {
      name: "IRC to Matrix, 10,000 rooms against 10",
      value: many.inward / few.inward,
      unit: "",
      atLeast: 0.9,
    },
    {
      name: "Matrix to IRC, 10,000 rooms against 10",
      value: many.outward / few.outward,
      unit: "",
      atLeast: 0.9,
    },
  ];
};

async function withBridge<T>(
  far: FarProcess,
  options: { portals: number; blackHole?: boolean },
  work: (bridge: BridgeUnderTest) => Promise<T>,
): Promise<T> {
  const bridge = await prepareBridge(far, options);
  try {
    await warmUp(far, options.portals);
    return await work(bridge);
  } finally {
    await bridge.stop();
  }
}

export const latency: Measure = async (far, tell) => {
  tell("latency: 50 messages a second for 20 s, each way; a homeserver of 20 ms");
  return withBridge(far, { portals: 10 }, async () => {
    const load = { rooms: 10, messages: 1_000, perSecond: 50 };
    const inward = sound(await far.inward(load), "IRC to Matrix");
    const outward = sound(await far.outward(load), "Matrix to IRC");
    tell(`  p50 ${inward.p50Ms.toFixed(1)} ms in, ${outward.p50Ms.toFixed(1)} ms out`);
    await far.setLatency(20);
    const slow = sound(
      await far.inward({ rooms: 10, messages: 4_000, windowMax: 800 }),
      "IRC to Matrix on a slow homeserver",
    );
    await far.setLatency(0);
    return [
      { name: "added latency p99, IRC to Matrix", value: inward.p99Ms, unit: "ms", atMost: 8 },
      { name: "added latency p99, Matrix to IRC", value: outward.p99Ms, unit: "ms", atMost: 8 },
      { name: "IRC to Matrix, homeserver of 20 ms, 10 rooms", value: slow.perSecond, unit: "/s", atLeast: 470 },
    ];
  });
};

export const isolation: Measure = async (far, tell) => {
  tell("isolation: a black-holed network beside a good one; one portal whose sends hang");
  const load = { rooms: 10, messages: 1_000, perSecond: 50 };
  const alone = await withBridge(far, { portals: 10 }, () => far.inward(load));
  const beside = await withBridge(far, { portals: 10, blackHole: true }, () => far.inward(load));
  sound(alone, "one network");
  sound(beside, "beside a black hole");
  return withBridge(far, { portals: 10 }, async () => {
    const pace = { rooms: 10, messages: 9_000, stuckRoom: 3, windowMax: 2_000 };
    const free = sound(await far.inward(pace), "all portals free");
    await far.hang(roomOf(3));
    const stuck = sound(await far.inward(pace), "one portal stuck");
    await far.hang(undefined);
    return [
      {
        name: "p99 beside a black-holed network, more than without",
        value: beside.p99Ms - alone.p99Ms,
        unit: "ms",
        atMost: 5,
      },
      {
        name: "throughput of the others beside a stuck portal, against without",
        value: stuck.perSecond / free.perSecond,
        unit: "",
        atLeast: 0.9,
      },
    ];
  });
};
