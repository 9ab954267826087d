import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BridgeError, systemClock, userId } from "@trestle/core";
import { createTestMeter } from "@trestle/testing";
import { type Client, createClient, transactionId } from "../src/client.ts";
import { failureOf } from "../src/errors.ts";

let server: Server | undefined;
let client: Client | undefined;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function against(handler: RequestListener, timeoutMs = 2000): Promise<Client> {
  server = createServer(handler);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/base/`;
  client = createClient({ url, token: "secret", clock: systemClock, meter: createTestMeter(), timeoutMs });
  return client;
}

const answering = (status: number, text: string, headers = {}): RequestListener => {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end(text);
  };
};

const as = userId("@_irc_a b:hs.test");
const get = { method: "GET", path: "/_matrix/x", as } as const;
const caught = async (work: Promise<unknown>): Promise<BridgeError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BridgeError)) throw new Error(`not refused: ${String(error)}`);
  return error;
};

test("[S1 matrix] the token goes in the header only, and user_id is always there", async () => {
  let seen: { url: string | undefined; token: string | undefined } | undefined;
  const matrix = await against((request, response) => {
    seen = { url: request.url, token: request.headers.authorization };
    response.end('{"a":1}');
  });
  expect(await matrix.call({ ...get, query: "b=2" })).toEqual({ a: 1 });
  expect(seen).toEqual({ url: "/base/_matrix/x?user_id=%40_irc_a%20b%3Ahs.test&b=2", token: "Bearer secret" });
});

test.each([
  ["an empty 200", 200, ""],
  ["no JSON", 200, "<html>"],
  ["an array", 200, "[]"],
  ["a redirect", 302, "{}"],
  ["a bad gateway in HTML", 502, "<html>"],
])("[L3] %s leaves the outcome unknown", async (_what, status, text) => {
  const error = await caught((await against(answering(status, text))).call(get));
  expect(error.code).toBe("homeserver-unreachable");
  expect(failureOf(error)?.outcome).toBe("unknown");
});

test("[L3] a limit is waited for, and holds up only the user whom it hit", async () => {
  let requests = 0;
  const matrix = await against((_request, response) => {
    requests += 1;
    response.writeHead(requests === 1 ? 429 : 200, { "retry-after": "5" });
    response.end(requests === 1 ? '{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":4000}' : "{}");
  });
  const error = await caught(matrix.call(get));
  expect(error).toMatchObject({ code: "homeserver-limit", retry: { afterMs: 4000 } });
  expect((await caught(matrix.call(get))).code).toBe("homeserver-limit");
  expect(requests).toBe(1);
  await matrix.call({ ...get, as: userId("@other:hs.test") });
  expect(requests).toBe(2);
});

test("[L3] Retry-After of a 503 is passed on", async () => {
  const error = await caught((await against(answering(503, "{}", { "retry-after": "7" }))).call(get));
  expect(error).toMatchObject({ code: "homeserver-unreachable", retry: { afterMs: 7000 } });
});

test("a refused connection is certainly not done, and the waits grow", async () => {
  const matrix = await against(answering(200, "{}"));
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  const waits: number[] = [];
  for (let tries = 0; tries < 3; tries++) {
    const error = await caught(matrix.call(get));
    expect(failureOf(error)).toMatchObject({ status: 0, outcome: "not-done" });
    waits.push(typeof error.retry === "object" ? error.retry.afterMs : 0);
  }
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(new Set(waits).size).toBe(3);
});

test("[L1] a connection that breaks before the answer leaves the outcome unknown", async () => {
  const matrix = await against((request) => request.socket.destroy());
  const error = await caught(matrix.call({ ...get, method: "PUT", body: "{}" }));
  expect(failureOf(error)).toMatchObject({ status: 0, outcome: "unknown" });
});

test("a server that never answers is given up, outcome unknown", async () => {
  const matrix = await against(() => {}, 50);
  const error = await caught(matrix.call(get));
  expect(error.code).toBe("homeserver-unreachable");
  expect(failureOf(error)?.outcome).toBe("unknown");
});

test("the token never stands in an error", async () => {
  const error = await caught((await against(answering(500, '{"error":"boom"}'))).call(get));
  expect(JSON.stringify([error.message, error.cause, error.stack])).not.toContain("secret");
});

test("another token travels without user_id", async () => {
  let seen = "";
  const matrix = await against((request, response) => {
    seen = `${request.url} ${request.headers.authorization}`;
    response.end("{}");
  });
  await matrix.call({ ...get, token: "other" });
  expect(seen).toBe("/base/_matrix/x Bearer other");
});

test("[L1] transaction ids are stable and tell ghost, room, type and key apart", () => {
  const base = ["irc", "@a", "!r", "send/m.room.message", "k/0"] as const;
  const id = transactionId(...base);
  expect(id).toBe(transactionId(...base));
  expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const ids = new Set([id]);
  for (let index = 0; index < base.length; index++) {
    const other = [...base] as [string, string, string, string, string];
    other[index] += "x";
    ids.add(transactionId(...other));
  }
  expect(ids.size).toBe(6);
});
