/** Our own lines on a server with history: after a crash at any moment each is said once, and nothing said by others is taken for one. */
import type { Again, Connector } from "@trestle/core";
import { allIrcFeatures, type SandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
import { bridge, closeOpened, crash, createCore, one, pause, say, serve, until } from "./harness.ts";

afterEach(closeOpened);

const commands: [string, SandboxIrcFeatures][] = [
  ["PRIVMSG", { ...allIrcFeatures, relaymsg: false }],
  ["RELAYMSG", allIrcFeatures],
];

const saidIn = (server: SandboxIrc): string[] =>
  server.messages("#one").map(({ text }) => text.replace(/^<[^>]*> /, ""));
const times = (server: SandboxIrc, text: string): number => saidIn(server).filter((one) => one === text).length;
const since = (): Again => ({ sinceMs: Date.now() });

/** Sends a line that reaches the server, whose answer never comes back; the disk as it is then. */
async function crashUnconfirmed(server: SandboxIrc, connector: Connector, core: ReturnType<typeof createCore>) {
  const arrived = new Promise<void>((resolve) => {
    let first = true;
    server.onLine(({ line }) => {
      if (!first || !line.includes("unconfirmed")) return;
      first = false;
      server.blackHole(true);
      resolve();
    });
  });
  const outcome = say(connector, one, "unconfirmed", "lost").catch((error: unknown) => error);
  await arrived;
  const after = await crash(server, core);
  server.blackHole(false);
  await connector.stop();
  expect(await outcome).toMatchObject({ code: "network-down" });
  return after;
}

describe.each(commands)("[L1 irc] a line by %s", (_, features) => {
  it("that was confirmed, but whose end the core had not stored at a crash, is not said again", async () => {
    const server = await serve(features);
    const { core, connector } = await bridge(server);
    const again = since();
    const first = await say(connector, one, "confirmed", "k1");
    const after = await crash(server, core);
    await connector.stop();
    const { connector: next } = await bridge(server, after);
    expect(await say(next, one, "confirmed", "k1", again)).toBe(first);
    expect(times(server, "confirmed")).toBe(1);
    // the same words by another key are new words, also where its outcome is unknown
    const second = await say(next, one, "confirmed", "k2", again);
    expect(second).not.toBe(first);
    expect(times(server, "confirmed")).toBe(2);
  });

  it("that arrived and was never confirmed is found in the history, once, and only by a key that may be there", async () => {
    const server = await serve(features);
    const { core, connector } = await bridge(server);
    await say(connector, one, "the same");
    const again = since();
    const after = await crashUnconfirmed(server, connector, core);
    const { connector: next } = await bridge(server, after);
    await say(next, one, "unconfirmed", "lost", again);
    expect(times(server, "unconfirmed")).toBe(1);
    await say(next, one, "unconfirmed", "other", again);
    await say(next, one, "the same", "new");
    expect(times(server, "unconfirmed")).toBe(2);
    expect(times(server, "the same")).toBe(2);
    expect(after.texts()).toEqual([]);
  });

  it("that arrived and was never confirmed is found although much was heard since", async () => {
    const server = await serve(features);
    const { core, connector } = await bridge(server);
    const again = since();
    const after = await crashUnconfirmed(server, connector, core);
    // a process that lived for a while and died before it came to this line
    const { connector: between, core: betweenCore } = await bridge(server, after);
    for (let at = 0; at < 150; at += 1) server.say("bob", "#one", `meanwhile ${at}`);
    await until("heard", () => betweenCore.texts().length === 150);
    await pause(300);
    const last = await crash(server, betweenCore);
    await between.stop();
    const { connector: next } = await bridge(server, last);
    await say(next, one, "unconfirmed", "lost", again);
    expect(times(server, "unconfirmed")).toBe(1);
  });
});

describe("the book of our own lines", () => {
  it("[L1 irc] the same words by somebody else, or of before the job, are not ours", async () => {
    const server = await serve({ ...allIrcFeatures, relaymsg: false });
    const { core, connector } = await bridge(server);
    server.say("bob", "#one", "<A\u200blice> me too");
    await crashUnconfirmed(server, connector, core).then((after) => bridge(server, after));
    const { connector: next } = await bridge(server, createCore(core.disk));
    await say(next, one, "me too", "k1", { sinceMs: Date.now() - 60_000 });
    expect(times(server, "me too")).toBe(2);
    await say(next, one, "unconfirmed", "later", { sinceMs: Date.now() + 60_000 });
    expect(times(server, "unconfirmed")).toBe(2);
  });

  it("keeps a bounded number of rows a chat, and none once the chat is forgotten", async () => {
    const server = await serve(allIrcFeatures);
    const { core, connector } = await bridge(server);
    const rows = () => [...core.disk.keys()].filter((key) => key.startsWith("irc-own/"));
    await Promise.all(Array.from({ length: 300 }, (_, at) => say(connector, one, `line ${at}`)));
    expect(rows()).toHaveLength(64);
    connector.unfollow(one, "done");
    await until("forgotten", () => rows().length === 0);
  });

  it("without history the same key is said again: nothing tells whether it arrived", async () => {
    const server = await serve();
    const { connector } = await bridge(server);
    await say(connector, one, "perhaps", "k1");
    await say(connector, one, "perhaps", "k1", since());
    expect(times(server, "perhaps")).toBe(2);
  });
});
