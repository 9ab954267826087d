import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BridgeStatus } from "@trestle/core";
import { type AdminServer, createAdminServer } from "../src/admin-server.ts";

const token = "0123456789abcdef";
let ready = true;
const asked: string[] = [];
let server: AdminServer;
let base: string;

const status = async (): Promise<BridgeStatus> => ({
  homeserver: { state: "up", canaryOverdue: false },
  networks: [],
  links: { active: 1, paused: 0 },
  jobs: { queued: 0, parked: 0, dead: 0 },
  ready,
});

beforeAll(async () => {
  server = createAdminServer({
    listen: { host: "127.0.0.1", port: 0 },
    token,
    status,
    command: async (line) => {
      if (line === "explode") throw new Error("secret inside");
      asked.push(line);
      return `did ${line}`;
    },
    metrics: async () => ({ text: "trestle_ready 1\n", contentType: "text/plain; version=0.0.4" }),
  });
  const { host, port } = await server.start();
  base = `http://${host}:${port}`;
});
afterAll(() => server.stop());

const post = (body: string, bearer = token) =>
  fetch(`${base}/command`, { method: "POST", body, headers: { authorization: `Bearer ${bearer}` } });

describe("[A8] the admin server", () => {
  test("says that the process is alive", async () => {
    const answer = await fetch(`${base}/health`);
    expect([answer.status, await answer.json()]).toEqual([200, { status: "alive" }]);
  });

  test("says by its status code whether the bridge is ready, and why not in the body", async () => {
    expect((await fetch(`${base}/ready`)).status).toBe(200);
    ready = false;
    const answer = await fetch(`${base}/ready`);
    ready = true;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ready: false, homeserver: { state: "up" } });
  });

  test("[A7] serves the metrics with Prometheus' content type", async () => {
    const answer = await fetch(`${base}/metrics`);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4");
    expect(await answer.text()).toBe("trestle_ready 1\n");
  });

  test("runs a command for the holder of the token", async () => {
    const answer = await post(JSON.stringify({ line: " retry 17 " }));
    expect(await answer.json()).toEqual({ answer: "did retry 17" });
    expect(asked).toEqual(["retry 17"]);
  });

  test.each([
    ["a wrong token", "0123456789abcdeX"],
    ["a longer one", `${token}x`],
    ["none", ""],
  ])("[S1] refuses a command with %s", async (_name, bearer) => {
    const before = asked.length;
    expect((await post('{"line":"status"}', bearer)).status).toBe(401);
    expect(asked).toHaveLength(before);
  });

  test.each([
    ["no JSON", "status", 400],
    ["a list", "[]", 400],
    ["no line", "{}", 400],
    ["an empty line", '{"line":"  "}', 400],
    ["two lines in one", '{"line":"status\\nretry 1"}', 400],
    ["a body without end", JSON.stringify({ line: "x".repeat(10_000) }), 413],
  ])("[S1] refuses %s", async (_name, body, expected) => {
    expect((await post(body)).status).toBe(expected);
  });

  test("[R8] takes a long line for the links to restore, and for nothing else", async () => {
    const line = `links restore ${"x".repeat(1_000_000)}`;
    expect(await (await post(JSON.stringify({ line }))).json()).toEqual({ answer: `did ${line}` });
    expect((await post(JSON.stringify({ line: `link restore ${"x".repeat(10_000)}` }))).status).toBe(413);
    expect((await post(JSON.stringify({ line: `links restore ${"x".repeat(17_000_000)}` }))).status).toBe(413);
  });

  test("a command that fails gives no detail away and leaves the server well", async () => {
    const answer = await post('{"line":"explode"}');
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret");
    expect((await fetch(`${base}/health`)).status).toBe(200);
  });

  test("other paths and methods are refused", async () => {
    expect((await fetch(`${base}/../etc/passwd`)).status).toBe(404);
    expect((await fetch(`${base}/health`, { method: "POST" })).status).toBe(405);
    expect((await fetch(`${base}/command`)).status).toBe(405);
  });

  test("a port that is taken is said as such", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    const second = createAdminServer({
      listen: { host: "127.0.0.1", port },
      token,
      status,
      command: async () => "",
      metrics: async () => ({ text: "", contentType: "" }),
    });
    await expect(second.start()).rejects.toMatchObject({ code: "port-taken" });
    other.close();
  });
});
