import { createHostilePeer, type HostilePeer, hostileScripts } from "../src/index.ts";
import { connectClient, registerClient, type TestClient } from "./irc-test-client.ts";

let peer: HostilePeer | undefined;
const clients: TestClient[] = [];
const meet = async (script: Parameters<typeof createHostilePeer>[0]): Promise<number> => {
  peer = await createHostilePeer(script);
  return peer.port;
};
const join = async (port: number): Promise<TestClient> => {
  const client = await registerClient(port, "me");
  clients.push(client);
  client.send("JOIN #den");
  await client.next(/ 366 /);
  return client;
};

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await peer?.stop();
});

it("floods without a newline as far as the client reads", async () => {
  const client = await join(await meet(hostileScripts.hugeLine(1_000_000)));
  let bytes = 0;
  await new Promise<void>((resolve) => {
    client.socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes >= 900_000) resolve();
    });
  });
  expect(client.lines.at(-1)).toMatch(/ 366 /);
});

it("sends half lines, bare newlines and invalid UTF-8", async () => {
  const half = await join(await meet(hostileScripts.halfLines));
  await half.next(/one byte at a time/);
  await half.next(/cut in two/);
  await peer?.stop();
  const bytes = await join(await meet(hostileScripts.invalidUtf8));
  const heard = await bytes.next(/PRIVMSG #den :\xff/);
  expect(Buffer.from(heard, "latin1").includes(0xfe)).toBe(true);
  await bytes.next(/still here/);
});

it("refuses nicks for ever, capabilities and logins", async () => {
  const storm = await connectClient(await meet(hostileScripts.nickStorm));
  for (const nick of ["a", "b", "c"]) {
    storm.send(`NICK ${nick}`);
    await storm.next(new RegExp(` 433 \\* ${nick} `));
  }
  await peer?.stop();
  const caps = await connectClient(await meet(hostileScripts.refusesCaps));
  caps.send("CAP LS 302", "NICK a", "USER a 0 * :a");
  await caps.next(/LS :/);
  caps.send("CAP REQ :batch");
  await caps.next(/NAK :batch/);
  caps.send("CAP END");
  await caps.next(/ 001 a /);
  await peer?.stop();
  const sasl = await connectClient(await meet(hostileScripts.refusesSasl));
  sasl.send("CAP LS 302", "NICK a", "USER a 0 * :a", "CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE AAAA");
  await sasl.next(/ 904 /);
});

it("keeps PONGs back, forges them, and says ERROR in the middle of registration", async () => {
  const silent = await join(await meet(hostileScripts.answersNoPing));
  silent.send("PING x");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(silent.lines.some((line) => line.includes("PONG"))).toBe(false);
  await peer?.stop();
  await (await join(await meet(hostileScripts.forgedPongs))).next(/PONG hostile.test :99/);
  await peer?.stop();
  const early = await connectClient(await meet(hostileScripts.errorWhileRegistering()));
  early.send("NICK a");
  await early.next(/^ERROR :Closing Link: \(Throttled/);
  await early.closed;
});

it("serves its scripts in turn and counts the connections", async () => {
  const port = await meet([hostileScripts.slamsTheDoor, hostileScripts.answersNoPing]);
  // the reset may come before or after the connection is seen to stand
  await connectClient(port).then(
    (first) => first.closed,
    () => undefined,
  );
  await join(port);
  expect(peer?.connections).toBe(2);
  expect(peer?.lines).toContain("JOIN #den");
});
