/** What was missed: windows announced once, history fetched, our own lines found in it, across crashes. */
import { allIrcFeatures } from "@trestle/sandbox";
import {
  bridge,
  chatOf,
  closeOpened,
  crash,
  createCore,
  isIn,
  isUp,
  one,
  pause,
  say,
  serve,
  until,
} from "./harness.ts";

afterEach(closeOpened);

describe("gaps", () => {
  it("announces nothing at the very first join", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server);
    await say(connector, one, "sync");
    expect(core.of("gap")).toEqual([]);
  });

  it("after an outage each chat gets one window, from the last heard to the rejoin", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server, createCore(), {}, [one, chatOf("#two")]);
    server.say("bob", "#one", "before");
    await until("heard", () => core.texts().length === 1);
    const lastMs = Date.now();
    await server.restart({ downMs: 150 });
    await until("both", () => core.of("gap").length === 2);
    server.say("bob", "#one", "after");
    await until("heard", () => core.texts().length === 2);
    await pause(50);
    const gaps = core.of("gap");
    expect(gaps.map(({ chat }) => chat.id).sort()).toEqual(["#one", "#two"]);
    for (const gap of gaps) {
      expect(gap.fromMs).toBeLessThanOrEqual(lastMs + 50);
      expect(gap.toMs - gap.fromMs).toBeGreaterThan(100);
    }
    expect(core.events.findIndex(({ kind }) => kind === "gap")).toBeLessThan(core.events.length - 1);
    expect(core.texts()).toEqual(["before", "after"]);
    expect(isUp(connector)).toBe(true);
  });

  it("[L6 irc] a crash at any moment leaves exactly one announcement per window, each line inside a window or stored", async () => {
    const server = await serve();
    let disk = new Map<string, string>();
    const spoken: { text: string; atMs: number }[] = [];
    const stored = new Set<string>();
    const windows: { fromMs: number; toMs: number; key: string }[] = [];
    let speaking = true;
    const speaker = (async () => {
      for (let at = 0; speaking; at += 1) {
        const text = `line ${at}`;
        server.say("bob", "#one", text);
        spoken.push({ text, atMs: Date.now() });
        await pause(3);
      }
    })();
    for (let round = 0; round < 8; round += 1) {
      const core = createCore(disk);
      const { connector } = await bridge(server, core);
      await pause([0, 5, 20, 60, 150, 300, 10, 400][round] ?? 0);
      const next = await crash(server, core);
      disk = next.disk;
      for (const text of core.texts()) {
        expect(stored.has(text)).toBe(false);
        stored.add(text);
      }
      windows.push(...core.of("gap"));
      await connector.stop();
    }
    const last = createCore(disk);
    await bridge(server, last);
    await pause(100);
    speaking = false;
    await speaker;
    await until("quiet", () => last.texts().includes(spoken.at(-1)?.text ?? ""));
    for (const text of last.texts()) stored.add(text);
    windows.push(...last.of("gap"));
    const keys = windows.map(({ key }) => key);
    const firstHeard = spoken.findIndex(({ text }) => stored.has(text));
    const lost = spoken.slice(firstHeard).filter(({ text }) => !stored.has(text));
    expect(lost.length).toBeGreaterThan(0);
    for (const { text, atMs } of lost) {
      const covering = windows.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + 5);
      expect([text, covering.length > 0]).toEqual([text, true]);
    }
    // a window told twice must be known by its key
    expect(new Set(keys).size).toBeGreaterThanOrEqual(8);
  });

  it("a window whose announcement was not stored is announced by the same key after a crash", async () => {
    const server = await serve();
    const first = await bridge(server);
    await first.connector.stop();
    await pause(20);
    const second = createCore(first.core.disk);
    second.storing = false;
    const { connector } = await bridge(server, second);
    await until("written down", () => [...second.disk.values()].some((value) => value.includes("gap/net/#one/")));
    const third = await crash(server, second);
    await connector.stop().catch(() => undefined);
    await bridge(server, third);
    await until("announced", () => third.of("gap").length === 2);
    const [before, after] = third.of("gap");
    expect([...second.disk.values()].join()).toContain(before?.key);
    expect(after?.fromMs).toBeGreaterThanOrEqual(before?.toMs ?? 0);
    expect([...third.disk.values()].join()).not.toContain(before?.key);
  });
});

describe("history", () => {
  it("fills an outage from the server: nothing missing, nothing doubled, marked late, in order", async () => {
    const server = await serve({ ...allIrcFeatures, chathistory: { limit: 10 } });
    const { core, connector } = await bridge(server);
    for (let at = 0; at < 5; at += 1) server.say("bob", "#one", `before ${at}`);
    await until("heard", () => core.texts().length === 5);
    await say(connector, one, "our own");
    await server.halt();
    for (let at = 0; at < 35; at += 1) server.say("bob", "#one", `meanwhile ${at}`);
    await server.start();
    await until("in again", () => isUp(connector));
    await until("in again", () => isIn(connector, one));
    for (let at = 0; at < 5; at += 1) server.say("bob", "#one", `after ${at}`);
    await until("all", () => core.texts().length === 45);
    await pause(50);
    expect(core.texts()).toEqual([
      ...Array.from({ length: 5 }, (_, at) => `before ${at}`),
      ...Array.from({ length: 35 }, (_, at) => `meanwhile ${at}`),
      ...Array.from({ length: 5 }, (_, at) => `after ${at}`),
    ]);
    expect(core.of("action").filter(({ late }) => late === true).length).toBeGreaterThanOrEqual(35);
    expect(core.of("gap")).toEqual([]);
  });

  it("what the server no longer has is announced as a gap", async () => {
    const server = await serve({ ...allIrcFeatures, chathistory: { limit: 10 } });
    const { core, connector } = await bridge(server, createCore(), { historyLinesMax: 20 });
    server.say("bob", "#one", "before");
    await until("heard", () => core.texts().length === 1);
    await server.halt();
    for (let at = 0; at < 60; at += 1) server.say("bob", "#one", `meanwhile ${at}`);
    await server.start();
    await until("in again", async () => isUp(connector) && (await isIn(connector, one)));
    await until("gap", () => core.of("gap").length === 1);
    expect(core.texts().length).toBeGreaterThanOrEqual(20);
    expect(core.texts().length).toBeLessThan(60);
  });

  it("[S1 irc] history that nobody asked for is not taken for news", async () => {
    const server = await serve(allIrcFeatures);
    const { core, connector } = await bridge(server);
    server.sendRaw("trestle", ":srv BATCH +x chathistory #one");
    server.sendRaw("trestle", "@batch=x;msgid=old1 :bob!b@h PRIVMSG #one :replayed");
    server.sendRaw("trestle", ":srv BATCH -x");
    server.say("bob", "#one", "live");
    await until("heard", () => core.texts().length > 0);
    await say(connector, one, "sync");
    expect(core.texts()).toEqual(["live"]);
  });
});
