/**
 * The far side of the bench, in a process of its own: both worlds in one clock. It makes traffic, times each message from when
 * it was said to when it arrived, and judges that every one arrived once and in order: a fast bridge that loses is not fast.
 */
import { createSandboxIrc, type SandboxIrc } from "@trestle/sandbox";
import { type BareOptions, fileEvent, startBareHomeserver } from "./bare-homeserver.ts";

/** One load: `messages` spread over the rooms in turn. */
export interface Load {
  readonly rooms: number;
  readonly messages: number;
  /** Messages a second; absent: as fast as they are taken. */
  readonly perSecond?: number;
  /** Most that may be under way at once (IRC to Matrix); real networks would throttle. */
  readonly windowMax?: number;
  /** Rooms that are counted apart: they hang. */
  readonly stuckRoom?: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly wrong: { readonly missing: number; readonly doubled: number; readonly disordered: number };
}

export const roomOf = (n: number): string => `!room${n}:bench`;
export const channelOf = (n: number): string => `#chan${n}`;
export const speakers = ["ann", "ben", "cat", "dan", "eve"] as const;
const waitMaxMs = 120_000;

export interface FarSide {
  readonly url: string;
  readonly irc: { readonly host: string; readonly port: number };
  readonly deadIrc: { readonly host: string; readonly port: number };
  know(options: BareOptions): void;
  setLatency(ms: number): void;
  hang(room: string | undefined): void;
  /** How many channels our bot is in. */
  botChannels(): number;
  inward(load: Load): Promise<LoadResult>;
  outward(load: Load): Promise<LoadResult>;
  /** Says in the first room that there is a file of so many bytes; resolves with the address that the channel is given. */
  shareFile(bytes: number): Promise<string>;
  /** Somebody new says his first words; resolves with the calls that it took until they stood in the room. */
  firstWords(nick: string): Promise<readonly string[]>;
  /** Calls since the last time this was asked. */
  callsSince(): number;
  /** Resolves with ms from now until a transaction is answered 200, trying from the first moment. */
  firstTransaction(): Promise<number>;
  stop(): Promise<void>;
}

export async function startFarSide(): Promise<FarSide> {
  let known: BareOptions = { appservice: { url: "", hsToken: "" }, bot: "" };
  const matrix = await startBareHomeserver(() => known);
  const features = {
    messageTags: true,
    echoMessage: true,
    labeledResponse: true,
    batch: true,
    msgid: true,
    serverTime: true,
  };
  const irc = await createSandboxIrc({ features });
  const deadIrc = await createSandboxIrc({});
  deadIrc.blackHole(true);
  const joined = new Set<string>();
  const listeners = new Set<(line: string) => void>();
  irc.onLine(({ line }) => {
    const join = /^(?:@\S+ )?JOIN (\S+)/u.exec(line);
    for (const channel of join?.[1]?.split(",") ?? []) joined.add(channel);
    for (const listener of listeners) listener(line);
  });
  return {
    url: matrix.url,
    irc: { host: irc.host, port: irc.port },
    deadIrc: { host: deadIrc.host, port: deadIrc.port },
    know: (options) => {
      known = options;
      joined.clear();
    },
    setLatency: (ms) => {
      matrix.latencyMs = ms;
    },
    hang: (room) => {
      matrix.hang = room;
    },
    botChannels: () => joined.size,
    inward: (load) => inward(irc, matrix, load),
    outward: (load) => outward(matrix, listeners, load),
    async shareFile(bytes) {
      const said = new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no address came to the channel")), 10_000);
        const listener = (line: string) => {
          const address = /PRIVMSG \S+ :.*?(https?:\/\/\S+)/u.exec(line)?.[1];
          if (address === undefined) return;
          clearTimeout(timer);
          listeners.delete(listener);
          resolve(address);
        };
        listeners.add(listener);
      });
      await matrix.push([fileEvent(roomOf(0), bytes, `$file${bytes}-${Math.random().toString(36).slice(2)}`)]);
      return said;
    },
    async firstWords(nick) {
      matrix.requests.length = 0;
      const words = `first words of ${nick}`;
      const arrived = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the first words did not arrive")), 10_000);
        matrix.onSent = ({ body }) => {
          if (body !== words) return;
          clearTimeout(timer);
          resolve();
        };
      });
      irc.say(nick, channelOf(0), words);
      await arrived;
      // what is done for this ghost: its own calls, its registration, and the bot's invitations
      return matrix.requests
        .filter(({ as, path }) => as.includes(nick) || /\/(?:register|invite)$/u.test(path))
        .map(({ path }) => path);
    },
    callsSince() {
      const count = matrix.requests.filter(({ path }) => !path.endsWith("/versions")).length;
      matrix.requests.length = 0;
      return count;
    },
    async firstTransaction() {
      const startedAt = performance.now();
      while (performance.now() - startedAt < waitMaxMs) {
        const event = message(0, `first ${Math.random()}`, "@ann:bench");
        const status = await matrix.push([event]).catch(() => 0);
        if (status === 200) return performance.now() - startedAt;
        await sleep(5);
      }
      throw new Error("no transaction was ever taken");
    },
    async stop() {
      await Promise.all([matrix.stop(), irc.stop(), deadIrc.stop()]);
    },
  };
}

let runs = 0;

async function inward(
  irc: SandboxIrc,
  matrix: Awaited<ReturnType<typeof startBareHomeserver>>,
  load: Load,
): Promise<LoadResult> {
  const ledger = createLedger(load);
  matrix.onSent = ({ room, body, atMs }) => ledger.arrived(room, body, atMs);
  const say = (n: number) => {
    const room = n % load.rooms;
    const who = speakers[Math.floor(n / load.rooms) % speakers.length] ?? "ann";
    ledger.said(n, roomOf(room));
    irc.say(load.rooms > 1_000 ? "ann" : who, channelOf(room), ledger.textOf(n));
  };
  await paced(load, ledger, say);
  return ledger.result();
}

async function outward(
  matrix: Awaited<ReturnType<typeof startBareHomeserver>>,
  listeners: Set<(line: string) => void>,
  load: Load,
): Promise<LoadResult> {
  const ledger = createLedger(load);
  const listener = (line: string) => {
    const said = /PRIVMSG (\S+) :(.*)$/u.exec(line);
    if (said?.[1] !== undefined && said[2] !== undefined) {
      ledger.arrived(
        roomOf(Number(said[1].slice("#chan".length))),
        said[2].slice(said[2].indexOf("> ") + 2),
        performance.now(),
      );
    }
  };
  listeners.add(listener);
  let batch: object[] = [];
  let pushing: Promise<unknown> = Promise.resolve();
  // As Synapse does it: at most 100 events a transaction, one under way at a time.
  const flush = () => {
    const events = batch;
    batch = [];
    pushing = pushing.then(() => matrix.push(events));
  };
  const say = (n: number) => {
    const room = n % load.rooms;
    const who = speakers[Math.floor(n / load.rooms) % speakers.length] ?? "ann";
    ledger.said(n, roomOf(room));
    batch.push(message(room, ledger.textOf(n), `@${who}:bench`));
    if (batch.length === 100 || load.perSecond !== undefined || n + 1 === load.messages) flush();
  };
  await paced({ ...load, windowMax: load.windowMax ?? Number.POSITIVE_INFINITY }, ledger, say);
  listeners.delete(listener);
  return ledger.result();
}

function message(room: number, body: string, sender: string): object {
  return {
    event_id: `$bench${runs}-${Math.random().toString(36).slice(2)}`,
    room_id: roomOf(room),
    sender,
    type: "m.room.message",
    origin_server_ts: Date.now(),
    content: { msgtype: "m.text", body },
  };
}

/** Says them all, at the wanted pace or inside the window, and waits until they have arrived. */
async function paced(load: Load, ledger: ReturnType<typeof createLedger>, say: (n: number) => void): Promise<void> {
  const startedAt = performance.now();
  const windowMax = load.windowMax ?? 500;
  for (let n = 0; n < load.messages; ) {
    const due =
      load.perSecond === undefined
        ? load.messages
        : Math.floor(((performance.now() - startedAt) / 1_000) * load.perSecond) + 1;
    while (n < Math.min(due, load.messages) && n - ledger.count < windowMax) say(n++);
    if (performance.now() - startedAt > waitMaxMs) break;
    await (load.perSecond === undefined ? new Promise((resolve) => setImmediate(resolve)) : sleep(1));
  }
  while (!ledger.complete() && performance.now() - startedAt < waitMaxMs) await sleep(1);
}

/** What was said and what arrived. */
function createLedger({ rooms, messages, stuckRoom }: Load) {
  const run = ++runs;
  const saidAtMs = new Float64Array(messages);
  const arrivedAtMs = new Float64Array(messages);
  const lastIn = new Map<string, number>();
  const stuck = stuckRoom === undefined ? undefined : roomOf(stuckRoom);
  const expected = stuckRoom === undefined ? messages : messages - Math.ceil((messages - stuckRoom) / rooms);
  let count = 0;
  let doubled = 0;
  let disordered = 0;
  return {
    get count() {
      return count;
    },
    textOf: (n: number) => `r${run} ${String(n).padStart(6, "0")} some words of chat here`,
    said: (n: number, _room: string) => {
      saidAtMs[n] = performance.now();
    },
    arrived(room: string, text: string, atMs: number) {
      const found = /^r(\d+) (\d{6})/u.exec(text);
      if (found === null || Number(found[1]) !== run || room === stuck) return;
      const n = Number(found[2]);
      if (arrivedAtMs[n] !== 0) {
        doubled++;
        return;
      }
      arrivedAtMs[n] = atMs;
      count++;
      if ((lastIn.get(room) ?? -1) > n) disordered++;
      lastIn.set(room, n);
    },
    complete: () => count >= expected,
    result(): LoadResult {
      const latencies: number[] = [];
      let first = Number.POSITIVE_INFINITY;
      let last = 0;
      for (let n = 0; n < messages; n++) {
        const said = saidAtMs[n] ?? 0;
        const arrived = arrivedAtMs[n] ?? 0;
        if (arrived === 0) continue;
        latencies.push(arrived - said);
        first = Math.min(first, said);
        last = Math.max(last, arrived);
      }
      latencies.sort((a, b) => a - b);
      const at = (part: number) =>
        latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN;
      const seconds = (last - first) / 1_000;
      return {
        seconds,
        perSecond: count / seconds,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        wrong: { missing: expected - count, doubled, disordered },
      };
    },
  };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
