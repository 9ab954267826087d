import { connect } from "node:net";
import { aBridge, aHomeserver, type Bridge, bot, closeAll, room, until } from "./a-bridge.ts";
import type { TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

let server: TinyHomeserver;
let bridge: Bridge;
let next = 1;

beforeEach(async () => {
  server = await aHomeserver();
  bridge = await aBridge(server);
});

const message = (body: string, more: Record<string, unknown> = {}) => ({
  event_id: `$m${next++}`,
  room_id: room,
  sender: "@alice:hs.test",
  type: "m.room.message",
  origin_server_ts: 1,
  content: { msgtype: "m.text", body },
  ...more,
});

const put = (
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = { authorization: `Bearer ${server.hsToken}` },
) => fetch(`${bridge.url}${path}`, { method: "PUT", body, headers });

const transaction = "/_matrix/app/v1/transactions/t1";

test.each(["/_matrix/app/v1/transactions/t1", "/transactions/t1"])(
  "[L1] %s is answered 200 {} once durable",
  async (path) => {
    let release = () => {};
    bridge.host.holding = new Promise((resolve) => (release = resolve));
    let answered = false;
    const answer = put(path, JSON.stringify({ events: [message("a")] })).then((response) => {
      answered = true;
      return response;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    release();
    const response = await answer;
    expect([response.status, await response.text()]).toEqual([200, "{}"]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(bridge.host.bodies()).toEqual(["a"]);
  },
);

test("[L1] when the store fails the answer is 500, and the same transaction works later", async () => {
  bridge.host.failing = new Error("disk");
  const body = JSON.stringify({ events: [message("a")] });
  expect((await put(transaction, body)).status).toBe(500);
  bridge.host.failing = undefined;
  expect((await put(transaction, body)).status).toBe(200);
  expect(bridge.host.bodies()).toEqual(["a"]);
});

test("[L1] the same transaction id with more in it is taken whole; duplicates harm nothing", async () => {
  const [first, second] = [message("a"), message("b")];
  await put(transaction, JSON.stringify({ events: [first] }));
  await put(transaction, JSON.stringify({ events: [first, second] }));
  await put(transaction, JSON.stringify({ events: [second, first] }));
  expect(bridge.host.bodies()).toEqual(["a", "b"]);
});

test.each<[string, Record<string, string>, string, number]>([
  ["no token", {}, "", 401],
  ["a wrong header", { authorization: "Bearer nope" }, "", 403],
  ["another scheme", { authorization: "Basic aHM=" }, "", 403],
  ["an empty token", { authorization: "Bearer " }, "", 403],
  ["the right query", {}, "?access_token=hs-token-hs-token-hs-token", 200],
  [
    "both right",
    { authorization: "Bearer hs-token-hs-token-hs-token" },
    "?access_token=hs-token-hs-token-hs-token",
    200,
  ],
  [
    "a wrong query beside the right header",
    { authorization: "Bearer hs-token-hs-token-hs-token" },
    "?access_token=x",
    403,
  ],
  [
    "a wrong header beside the right query",
    { authorization: "Bearer x" },
    "?access_token=hs-token-hs-token-hs-token",
    403,
  ],
  ["two tokens in the query", {}, "?access_token=hs-token-hs-token-hs-token&access_token=x", 403],
  ["our own as_token", { authorization: "Bearer as-token-as-token-as-token" }, "", 403],
])("[S1 matrix] %s", async (_what, headers, query, status) => {
  const response = await put(transaction + query, JSON.stringify({ events: [message("a")] }), headers);
  expect(response.status).toBe(status);
  expect(bridge.host.taken).toHaveLength(status === 200 ? 1 : 0);
});

test("[S1 matrix] tokens do not reach the log", async () => {
  await put(`${transaction}?access_token=wrong-secret`, "{}", {});
  await put(transaction, "not json");
  expect(bridge.log.text()).not.toMatch(/hs-token|as-token|wrong-secret/);
});

test.each([
  ["no JSON", "not json", 400],
  ["half of it", '{"events":[', 400],
  ["an array", "[]", 400],
  ["null", "null", 400],
  ["events as text", '{"events":"x"}', 400],
  ["no events", "{}", 200],
  ["nothing at all", "", 400],
])("[S1 matrix] a body that is %s", async (_what, body, status) => {
  expect((await put(transaction, body)).status).toBe(status);
  expect((await put(transaction, JSON.stringify({ events: [message("after")] }))).status).toBe(200);
  expect(bridge.host.bodies()).toEqual(["after"]);
});

test("[S1 matrix] malformed events are left out one by one, the rest is taken in order", async () => {
  const broken = [
    null,
    7,
    "text",
    [],
    {},
    message("x", { event_id: 3 }),
    message("x", { event_id: "no-sigil" }),
    message("x", { room_id: null }),
    message("x", { sender: {} }),
    message("x", { type: 1 }),
    message("x", { content: "text" }),
    message("x", { content: [] }),
    message("x", { content: null }),
    message("x", { state_key: 5 }),
    message("x", { origin_server_ts: "now" }),
    message("x", { redacts: 5 }),
    message("x", { unsigned: 5 }),
    message("x", { event_id: `$${"e".repeat(300)}` }),
  ];
  const events = [message("a"), ...broken, message("b")];
  expect((await put(transaction, JSON.stringify({ events }))).status).toBe(200);
  expect(bridge.host.bodies()).toEqual(["a", "b"]);
});

test("[S1 matrix] an event nested too deep to be written down does not hold the queue", async () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const text = JSON.stringify({ events: [message("a"), message("b", { content: { body: "DEEP" } }), message("c")] });
  expect((await put(transaction, text.replace('"DEEP"', deep))).status).toBe(200);
  expect(bridge.host.bodies()).toEqual(["a", "c"]);
});

test("[L3] more than 5 MB are taken, up to 64 MiB", async () => {
  const big = "x".repeat(60_000);
  const events = Array.from({ length: 200 }, () => message(big));
  expect((await put(transaction, JSON.stringify({ events }))).status).toBe(200);
  expect(bridge.host.taken).toHaveLength(200);
}, 20_000);

test("[S1 matrix] more than 64 MiB is 413, and the next transaction works", async () => {
  const status = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(bridge.url).port), "127.0.0.1");
    socket.on("error", reject);
    socket.on("data", (data) => {
      resolve(data.toString().split("\r\n")[0] ?? "");
      socket.destroy();
    });
    socket.write(
      `PUT ${transaction} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.hsToken}\r\ncontent-length: 70000000\r\n\r\n{`,
    );
  });
  expect(status).toBe("HTTP/1.1 413 Payload Too Large");
  expect((await put(transaction, JSON.stringify({ events: [message("after")] }))).status).toBe(200);
});

test("events of our bot, our ghosts and our double puppets are dropped, a sibling's puppet is not", async () => {
  await put(
    transaction,
    JSON.stringify({
      events: [
        message("bot", { sender: bot }),
        message("ghost", { sender: "@_irc_libera_ann:hs.test" }),
        message("ours", { content: { body: "ours", "fi.mau.double_puppet_source": "trestle-irc" } }),
        message("theirs", { content: { body: "theirs", "fi.mau.double_puppet_source": "trestle-discord" } }),
        message("look-alike", { sender: "@_irc_libera_ann:evil.test" }),
        message("forged", { content: { body: "forged", "dev.trestle.origin": { key: "a/0" } } }),
      ],
    }),
  );
  expect(bridge.host.bodies()).toEqual(["theirs", "look-alike", "forged"]);
});

test("[L3] both ephemeral keys are read, never both", async () => {
  const typing = {
    type: "m.typing",
    room_id: room,
    content: { user_ids: ["@alice:hs.test", "@_irc_libera_ann:hs.test"] },
  };
  const legacy = "de.sorunome.msc2409.ephemeral";
  await put(transaction, JSON.stringify({ events: [], ephemeral: [typing], [legacy]: [typing] }));
  await put(transaction, JSON.stringify({ events: [], [legacy]: [typing] }));
  await put(transaction, JSON.stringify({ events: [], ephemeral: [], [legacy]: [typing] }));
  expect(bridge.host.ephemerals).toHaveLength(3);
  expect(bridge.host.ephemerals[0]).toEqual({ kind: "typing", room, users: ["@alice:hs.test"] });
});

test("[S1 matrix] hostile ephemerals harm nothing", async () => {
  const ephemeral = [
    null,
    3,
    {},
    { type: "m.typing", content: { user_ids: "x" } },
    { type: "m.typing", content: null },
    { type: 3, content: {} },
  ];
  expect((await put(transaction, JSON.stringify({ events: [message("a")], ephemeral }))).status).toBe(200);
  expect(bridge.host.bodies()).toEqual(["a"]);
});

test.each([
  ["POST", "/_matrix/app/v1/ping", 200],
  ["GET", "/_matrix/app/v1/users/@_irc_x:hs.test", 404],
  ["GET", "/_matrix/app/v1/rooms/%23_irc_x:hs.test", 404],
  ["GET", "/users/@x:hs.test", 404],
  ["GET", "/rooms/%23x:hs.test", 404],
  ["GET", "/_matrix/app/v1/thirdparty/protocol/irc", 404],
  ["GET", "/_matrix/app/v1/transactions/t1", 405],
  ["PUT", "/_matrix/app/v1/transactions/", 404],
  ["GET", "/", 404],
  ["GET", "/_matrix/app/v1/../../etc/passwd", 404],
  ["GET", "/%00", 404],
])("%s %s is answered %s at once, while a transaction hangs", async (method, path, status) => {
  let release = () => {};
  bridge.host.holding = new Promise((resolve) => (release = resolve));
  const hanging = put(transaction, JSON.stringify({ events: [message("a")] }));
  await until("it hangs", () => bridge.host.takes > 0);
  const response = await fetch(`${bridge.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.hsToken}` },
  });
  expect(response.status).toBe(status);
  expect(typeof (await response.json())).toBe("object");
  release();
  expect((await hanging).status).toBe(200);
});

test("queries want the token too", async () => {
  expect((await fetch(`${bridge.url}/_matrix/app/v1/users/@x:hs.test`)).status).toBe(401);
  expect((await fetch(`${bridge.url}/_matrix/app/v1/ping`, { method: "POST" })).status).toBe(401);
});

test("[S1 matrix] many who never end their request do not keep others out", async () => {
  const sockets = Array.from({ length: 100 }, () => connect(Number(new URL(bridge.url).port), "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => undefined);
  for (const socket of sockets) socket.write("PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nhost: x\r\ncontent-le");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await put(transaction, JSON.stringify({ events: [message("a")] }))).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});

test("while stopping, transactions are refused with 503 so that the homeserver keeps them", async () => {
  let release = () => {};
  bridge.host.holding = new Promise((resolve) => (release = resolve));
  const first = put(transaction, JSON.stringify({ events: [message("a")] }));
  await until("taken", () => bridge.host.takes > 0);
  const sending = bridge.matrix.notify(room, "hold", "n").catch(() => undefined);
  server.faults.push((seen) => (seen.path.includes("/send/") ? "hang" : undefined));
  const slow = bridge.matrix.notify(room, "slow", "n2").catch(() => undefined);
  const stopping = bridge.matrix.stop(200);
  expect((await put(transaction, JSON.stringify({ events: [message("b")] }))).status).toBe(503);
  release();
  expect((await first).status).toBe(200);
  await Promise.all([stopping, sending, slow]);
  expect(bridge.host.bodies()).toEqual(["a"]);
});

test("a port that is taken is said so", async () => {
  const port = Number(new URL(bridge.url).port);
  await expect(aBridge(server, { options: { listen: { host: "127.0.0.1", port } } })).rejects.toMatchObject({
    code: "port-taken",
  });
});
