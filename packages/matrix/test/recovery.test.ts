import { connect } from "node:net";
import { eventId } from "@trestle/core";
import { createMemoryStore } from "@trestle/testing";
import { canaryType } from "../src/index.ts";
import { aBridge, aHomeserver, bot, closeAll, RememberingHost, room, until } from "./a-bridge.ts";
import type { TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

const say = (server: TinyHomeserver, body: string) =>
  server.say(room, "@alice:hs.test", "m.room.message", { msgtype: "m.text", body });

const canaries = (server: TinyHomeserver) => server.requests(canaryType);

/** A host whose last event of the room is this one. */
function hostAt(event: { event_id: string; origin_server_ts: number }): RememberingHost {
  const host = new RememberingHost();
  host.rooms = [{ room, lastEvent: eventId(event.event_id), lastAtMs: event.origin_server_ts }];
  host.taken.push(event as never);
  return host;
}

test("[L3] canaries fly until one is back, in a room of the bot's own, which is kept", async () => {
  const server = await aHomeserver();
  const store = createMemoryStore();
  const bridge = await aBridge(server, { store, unsettled: true });
  const real = server.pushTo;
  server.pushTo = undefined;
  await until("several canaries", () => canaries(server).length >= 2);
  expect(bridge.matrix.status()).toMatchObject({ state: "starting" });
  server.pushTo = real;
  await until("up", () => bridge.matrix.status().state === "up");
  expect(bridge.matrix.status().canaryOverdue).toBe(false);
  expect(server.requests("/createRoom")).toHaveLength(1);
  await bridge.stop();
  await aBridge(server, { store });
  expect(server.requests("/createRoom")).toHaveLength(1);
});

test("[L3] a canary that stays out is an alarm, and its messages are fetched all the same", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  say(server, "missed");
  const options = { canaryOverdueMs: 50, canaryIntervalMs: 20 };
  const bridge = await aBridge(server, { host, unsettled: true, options });
  server.pushTo = undefined;
  await until("overdue", () => bridge.matrix.status().canaryOverdue);
  await until("fetched", () => host.bodies().includes("missed"));
});

test("[L3] a redaction that only the redacted event tells of is taken, once, and our own and old ones are not", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const because = (id: string, sender: string, ts = server.timeMs) => ({
    unsigned: {
      redacted_because: {
        event_id: eventId(id),
        room_id: room,
        sender,
        type: "m.room.redaction",
        origin_server_ts: ts,
        content: {},
      },
    },
  });
  const ghost = "@_irc_libera_ann:hs.test";
  const gone = server.say(room, ghost, "m.room.message", { body: "of a ghost of ours" });
  Object.assign(gone, because("$redaction", "@alice:hs.test"));
  Object.assign(say(server, "by a ghost"), because("$ours", ghost));
  Object.assign(say(server, "long ago"), because("$old", "@alice:hs.test", 1));
  Object.assign(say(server, "forged"), { unsigned: { redacted_because: { event_id: 7, type: "m.room.redaction" } } });
  await aBridge(server, { host });
  const redactions = host.taken.filter(({ type }) => type === "m.room.redaction");
  expect(redactions.map(({ event_id, redacts }) => [event_id, redacts])).toEqual([["$redaction", gone.event_id]]);
});

test("[L3] at the start, what was never pushed is fetched in order, marked late", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  for (const body of ["a", "b", "c"]) say(server, body);
  await aBridge(server, { host });
  expect(host.bodies()).toEqual(["known", "a", "b", "c"]);
  expect(host.taken.slice(1).every((event) => event["dev.trestle.late"] === true)).toBe(true);
});

test("[L3] a deep gap is walked down and up again, oldest first, each event once", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const expected = Array.from({ length: 730 }, (_one, index) => `m${index}`);
  for (const body of expected) say(server, body);
  await aBridge(server, { host });
  expect(host.bodies()).toEqual(["known", ...expected]);
});

test("[L3] events lost before one that came are found too", async () => {
  const server = await aHomeserver();
  const old = say(server, "known");
  say(server, "lost");
  const host = hostAt(say(server, "came"));
  host.taken.unshift(old as never);
  await aBridge(server, { host });
  expect(host.bodies()).toEqual(["known", "came", "lost"]);
});

test("[R8] what was said before the link was made or resumed is never fetched, with or without an event taken since", async () => {
  for (const taken of [false, true]) {
    const server = await aHomeserver();
    say(server, "before the link");
    const floor = eventId(say(server, "the command").event_id);
    const lost = say(server, "lost");
    const came = say(server, "came");
    const host = new RememberingHost();
    if (taken) host.taken.push(came as never);
    const last = taken ? { lastEvent: eventId(came.event_id) } : {};
    host.rooms = [{ room, floor, lastAtMs: lost.origin_server_ts, ...last }];
    const bridge = await aBridge(server, { host });
    expect(host.bodies()).toEqual(taken ? ["came", "lost"] : ["lost", "came"]);
    expect(await bridge.matrix.newestEvent(room)).toBe(came.event_id);
    await bridge.stop();
  }
});

test("[L3] what is older than the journal's memory is not news", async () => {
  const server = await aHomeserver();
  say(server, "ancient");
  server.timeMs += 2 * 60 * 60_000;
  const host = hostAt(say(server, "known"));
  say(server, "new");
  await aBridge(server, { host });
  expect(host.bodies()).toEqual(["known", "new"]);
});

test("[L3] with the last event gone from the history, age decides, and a forged time alone does not", async () => {
  const server = await aHomeserver();
  say(server, "ancient");
  server.timeMs += 3 * 60 * 60_000;
  for (let index = 0; index < 60; index++) say(server, `m${index}`);
  const forged = say(server, "forged");
  forged.origin_server_ts = 1;
  say(server, "last");
  const host = new RememberingHost();
  host.rooms = [{ room, lastEvent: eventId("$purged"), lastAtMs: server.timeMs - 120_000 }];
  await aBridge(server, { host });
  expect(host.bodies()).toContain("forged");
  expect(host.bodies()).toContain("m0");
});

test("a room whose last event is nowhere and has no time is left alone", async () => {
  const server = await aHomeserver();
  say(server, "a");
  const host = new RememberingHost();
  host.rooms = [{ room, lastEvent: eventId("$purged") }];
  await aBridge(server, { host });
  expect(host.bodies()).toEqual([]);
});

test("a room from which nothing was taken yet is not repaired", async () => {
  const server = await aHomeserver();
  say(server, "a");
  const host = new RememberingHost();
  host.rooms = [{ room }];
  await aBridge(server, { host });
  expect(server.requests("/messages")).toHaveLength(0);
});

test("our own events are no gap", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  server.say(room, bot, "m.room.message", { body: "own" });
  server.say(room, "@_irc_libera_ann:hs.test", "m.room.message", { body: "ghost" });
  await aBridge(server, { host });
  expect(host.bodies()).toEqual(["known"]);
});

test("[L3] a restart of the homeserver is seen and what it lost is fetched", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const bridge = await aBridge(server, { host });
  const before = canaries(server).length;
  say(server, "lost in the restart");
  await server.restart(100);
  await until("fetched", () => host.bodies().includes("lost in the restart"));
  expect(canaries(server).length).toBeGreaterThan(before);
  await bridge.matrix.settled();
  expect(bridge.matrix.status().state).toBe("up");
});

test("[L3] 5xx answers are an absence too", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const bridge = await aBridge(server, { host });
  server.faults.push((seen) => (seen.path.endsWith("/versions") ? { status: 502 } : undefined));
  await until("away", () => bridge.matrix.status().state === "away");
  say(server, "meanwhile");
  server.faults = [];
  await until("fetched", () => host.bodies().includes("meanwhile"));
});

test("[L3] the homeserver's own connection to us breaking in a transaction is a sign", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const bridge = await aBridge(server, { host, options: { heartbeatMs: 60_000 } });
  say(server, "lost");
  let release = () => {};
  host.holding = new Promise((resolve) => (release = resolve));
  const takes = host.takes;
  const abort = new AbortController();
  const body = JSON.stringify({ events: [say(server, "open")] });
  const headers = { authorization: `Bearer ${server.hsToken}` };
  const request = fetch(`${bridge.url}/_matrix/app/v1/transactions/t`, {
    method: "PUT",
    body,
    headers,
    signal: abort.signal,
  });
  await until("it is with the host", () => host.takes > takes);
  abort.abort();
  await expect(request).rejects.toThrow();
  release();
  host.holding = undefined;
  await until("fetched", () => host.bodies().includes("lost"));
});

test("[L3] Conduit: the history that fails with the bare token is read with a login, remembered", async () => {
  const server = await aHomeserver();
  const store = createMemoryStore();
  const host = hostAt(say(server, "known"));
  say(server, "a");
  server.faults.push(
    (seen) =>
      seen.path.endsWith("/login") ? { status: 200, body: { access_token: "login-token", user_id: bot } } : undefined,
    (seen) => {
      if (!seen.path.endsWith("/messages")) return undefined;
      if (seen.headers.authorization !== "Bearer login-token") return { status: 500, body: "panic" };
      expect(seen.query.has("user_id")).toBe(false);
      const chunk = [...(server.rooms.get(room)?.events ?? [])].reverse();
      return { status: 200, body: { chunk } };
    },
  );
  const first = await aBridge(server, { host, store });
  expect(host.bodies()).toEqual(["known", "a"]);
  expect(server.requests("/login").map((seen) => seen.body["device_id"])).toEqual(["TRESTLE_IRC"]);
  await first.stop();
  server.seen.length = 0;
  await aBridge(server, { host, store });
  expect(server.requests("/messages").every((seen) => seen.headers.authorization === "Bearer login-token")).toBe(true);
});

test("[L3] a server without ping is asked once, and again when it was upgraded", async () => {
  const server = await aHomeserver();
  const store = createMemoryStore();
  server.pingOffered = false;
  for (const expected of [1, 1]) {
    const bridge = await aBridge(server, { store });
    await bridge.stop();
    expect(server.requests("/ping")).toHaveLength(expected);
  }
  server.versions = [...server.versions, "v1.13"];
  await aBridge(server, { store });
  expect(server.requests("/ping")).toHaveLength(2);
});

test("[L3] a ping that fails at first is repeated until it is 200", async () => {
  const server = await aHomeserver();
  let left = 2;
  server.faults.push((seen) =>
    seen.path.endsWith("/ping") && left-- > 0 ? { status: 502, body: { errcode: "M_CONNECTION_FAILED" } } : undefined,
  );
  const { matrix } = await aBridge(server);
  expect(server.requests("/ping")).toHaveLength(3);
  expect(matrix.status()).not.toHaveProperty("detail");
});

test("[L3] a homeserver that is away at our start is waited for", async () => {
  const server = await aHomeserver();
  await server.close();
  const bridge = await aBridge(server, { unsettled: true });
  await until("away", () => bridge.matrix.status().state === "away");
  await server.listen();
  await until("up", () => bridge.matrix.status().state === "up");
});

test("a token that the homeserver does not know ends the start with a plain error", async () => {
  const server = await aHomeserver();
  server.asToken = "another-token-another";
  const registration = {
    id: "trestle-irc",
    as_token: "wrong-wrong-wrong-wrong",
    hs_token: server.hsToken,
    sender_localpart: "bot",
  };
  await expect(aBridge(server, { options: { registration } })).rejects.toMatchObject({ code: "registration-mismatch" });
});

test("[L3] the patrol finds what nothing announced, once", async () => {
  const server = await aHomeserver();
  const host = hostAt(say(server, "known"));
  const clock = {
    now: () => Date.now(),
    // The patrol's patience, a hundred times faster.
    wait: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = setTimeout(resolve, ms / 100);
        const stop = () => {
          clearTimeout(timer);
          resolve();
        };
        signal?.addEventListener("abort", stop, { once: true });
      }),
  };
  const bridge = await aBridge(server, { host, options: { patrolMs: 1000, clock, heartbeatMs: 10_000 } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  say(server, "silently lost");
  await until("found", () => host.bodies().includes("silently lost"));
  await bridge.matrix.settled();
  expect(host.bodies().filter((body) => body === "silently lost")).toHaveLength(1);
});

test("[S1 matrix] a stranger who hangs up in the middle of a request sets nothing going", async () => {
  const server = await aHomeserver();
  const bridge = await aBridge(server, { options: { heartbeatMs: 60_000 } });
  await until("up", () => bridge.matrix.status().state === "up");
  const before = canaries(server).length;
  for (const headers of ["", "authorization: Bearer wrong\r\n"]) {
    const socket = connect(Number(new URL(bridge.url).port), "127.0.0.1");
    socket.write(`PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nhost: x\r\n${headers}content-length: 100\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(canaries(server).length).toBe(before);
});

test.each([
  ["M_BAD_STATUS", "hs_token"],
  ["M_CONNECTION_FAILED", "cannot reach us"],
  ["M_URL_NOT_SET", "no `url`"],
])("a ping that ends with %s says what to look at", async (errcode, words) => {
  const server = await aHomeserver();
  server.faults.push((seen) => (seen.path.endsWith("/ping") ? { status: 502, body: { errcode } } : undefined));
  const { matrix } = await aBridge(server, { unsettled: true });
  await until("said", () => matrix.status().detail?.includes(words) === true);
});
