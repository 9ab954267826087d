import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { probeHomeserver } from "../src/homeserver-probe.ts";

let server: Server;
let answer: { status: number; body: string };
const seen: { url?: string; authorization?: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ url: request.url ?? "", authorization: request.headers.authorization ?? "" });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
});
afterAll(() => server.close());

function probe(url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`) {
  const appservice = { listen: "127.0.0.1:1", url: "http://x", registration: "r", bot: "_irc_bot", prefix: "_irc_" };
  return probeHomeserver({ homeserver: { url, name: "example.org" }, appservice }, { as_token: "tok" });
}

describe("what the homeserver's first answer means", () => {
  test.each([
    ["Synapse with everything right", 200, '{"user_id":"@_irc_bot:example.org"}', "accepted"],
    [
      "Conduit before the bot is registered",
      403,
      '{"errcode":"M_FORBIDDEN","error":"User does not exist."}',
      "accepted",
    ],
    ["a token it does not know", 401, '{"errcode":"M_UNKNOWN_TOKEN","error":"Unknown token"}', "refused"],
    ["a name that is not its own", 200, '{"user_id":"@_irc_bot:other.org"}', "other-name"],
    [
      "a namespace without our bot",
      403,
      '{"errcode":"M_FORBIDDEN","error":"Application service cannot masquerade as this user"}',
      "other-name",
    ],
    [
      "a bot outside the namespace on Conduit",
      400,
      '{"errcode":"M_EXCLUSIVE","error":"User is not in namespace."}',
      "other-name",
    ],
    ["a homeserver that starts", 502, "<html>bad gateway</html>", "unreachable"],
    ["another web server", 404, "<html>not here</html>", "unreachable"],
    ["a web page", 200, "<html>welcome</html>", "unreachable"],
    ["a redirect", 302, "", "unreachable"],
    ["broken JSON", 200, "{", "unreachable"],
    ["a limit", 429, '{"errcode":"M_LIMIT_EXCEEDED"}', "unreachable"],
  ])("%s", async (_name, status, body, expected) => {
    answer = { status, body };
    expect((await probe()).kind).toBe(expected);
  });

  test("the question names the bot and keeps the token out of the URL", async () => {
    answer = { status: 200, body: '{"user_id":"@_irc_bot:example.org"}' };
    await probe();
    expect(seen.at(-1)).toEqual({
      url: "/_matrix/client/v3/account/whoami?user_id=%40_irc_bot%3Aexample.org",
      authorization: "Bearer tok",
    });
  });

  test("nothing there is said in words", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => closed.once("listening", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await probe(`http://127.0.0.1:${port}`)).toEqual({
      kind: "unreachable",
      why: "nothing listens there (ECONNREFUSED)",
    });
  });
});
