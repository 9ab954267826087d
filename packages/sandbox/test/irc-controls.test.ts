import { createSandboxIrc, type SandboxIrc } from "../src/index.ts";
import { connectClient, registerClient, type TestClient } from "./irc-test-client.ts";

let server: SandboxIrc;
const clients: TestClient[] = [];
const enter = async (nick: string): Promise<TestClient> => {
  const client = await registerClient(server.port, nick);
  clients.push(client);
  client.send("JOIN #den");
  await client.settle();
  return client;
};

beforeEach(async () => {
  server = await createSandboxIrc();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
});

it("lets people speak who have no connection, and never lets their text break a line", async () => {
  const me = await enter("me");
  server.say("carol", "#den", "héllo\r\nQUIT :x");
  await me.next(/^:carol!\S+ JOIN #den$/);
  const heard = await me.next(/PRIVMSG/);
  expect(Buffer.from(heard, "latin1").toString("utf8")).toMatch(/ :héllo {2}QUIT :x$/);
  server.action("carol", "#den", "waves");
  await expect(me.next(/ACTION/)).resolves.toContain("PRIVMSG #den :\x01ACTION waves\x01");
  server.whisper("carol", "me", "psst");
  await me.next(/PRIVMSG me :psst/);
  expect(server.messages("#den").map(({ nick, text }) => `${nick}: ${text}`)).toEqual([
    "carol: héllo  QUIT :x",
    "carol: \x01ACTION waves\x01",
  ]);
});

it("forbids a channel, and allows it again", async () => {
  const me = await enter("me");
  server.forbid("#Bad", true);
  me.send("JOIN #bad");
  await me.next(/ 479 me #bad :Illegal channel name/);
  server.forbid("#bad", false);
  me.send("JOIN #bad");
  await me.next(/ JOIN #bad/);
});

it("splits the net and heals it", async () => {
  const me = await enter("me");
  const people = Array.from({ length: 50 }, (_, at) => `p${at}`);
  for (const nick of people) server.join(nick, "#den");
  await me.settle();
  server.netsplit(people, "hub.test leaf.test");
  expect((await me.settle()).filter((line) => / QUIT :hub.test leaf.test$/.test(line))).toHaveLength(50);
  server.say("p0", "#den", "nobody hears this");
  expect(await me.settle()).toEqual([]);
  server.heal();
  expect((await me.settle()).filter((line) => / JOIN #den$/.test(line))).toHaveLength(50);
  server.say("p0", "#den", "back");
  await me.next(/:back$/);
});

it("shows a split client everybody else leaving", async () => {
  const [me, you] = [await enter("me"), await enter("you")];
  server.netsplit(["you"]);
  await me.next(/^:you!\S+ QUIT /);
  await you.next(/^:me!\S+ QUIT /);
  me.send("PRIVMSG #den :unheard");
  await me.settle();
  expect(await you.settle()).toEqual([]);
  server.heal();
  await you.next(/^:me!\S+ JOIN #den/);
});

it("kicks, kills and bans", async () => {
  const [me, you] = [await enter("me"), await enter("you")];
  server.kick("you", "#den", "out", "carol");
  await you.next(/^:carol!\S+ KICK #den you :out/);
  server.kill("you", "bad");
  await you.next(/^ERROR .*Killed .*bad/);
  await you.closed;
  server.addKline("*!*@127.0.0.1", "go away");
  await me.next(/ 465 .*go away/);
  await me.closed;
  const banned = await connectClient(server.port);
  banned.send("NICK x", "USER x 0 * :x");
  await banned.next(/ 465 /);
  await banned.closed;
  server.removeKline("*!*@127.0.0.1");
  await enter("x");
});

it("restarts on the same port, with and without saying goodbye", async () => {
  const me = await enter("me");
  const port = server.port;
  server.setTopic("carol", "#den", "old");
  await server.restart({ downMs: 20 });
  await me.next(/^ERROR .*shutting down/);
  expect(server.port).toBe(port);
  const again = await enter("me");
  expect(server.nicks("#den")).toEqual(["carol", "me"]);
  expect(server.topic("#den")).toBeUndefined();
  await server.restart({ graceful: false });
  await again.closed;
  expect(again.lines.some((line) => line.startsWith("ERROR"))).toBe(false);
});

it("falls silent as a black hole and delivers afterwards", async () => {
  const [me, you] = [await enter("me"), await enter("you")];
  await me.settle();
  server.blackHole(true);
  me.send("PRIVMSG #den :through the hole");
  const late = await connectClient(server.port);
  clients.push(late);
  late.send("NICK late", "USER late 0 * :late");
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(you.lines.some((line) => line.includes("through"))).toBe(false);
  expect(late.lines).toEqual([]);
  server.blackHole(false);
  await you.next(/:through the hole$/);
  await late.next(/ 001 /);
});

it("accepts and closes, or stops reading one client, on demand", async () => {
  server.acceptThenClose(true);
  const short = await connectClient(server.port);
  await short.closed;
  server.acceptThenClose(false);
  const me = await enter("me");
  server.stopReading("me", true);
  me.send("PRIVMSG #den :waiting");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(server.messages("#den")).toEqual([]);
  server.stopReading("me", false);
  await me.settle();
  expect(server.messages("#den")).toHaveLength(1);
});

it("shows every line that clients send", async () => {
  const heard: string[] = [];
  const stop = server.onLine(({ nick, line }) => heard.push(`${nick} ${line}`));
  const me = await enter("me");
  stop();
  me.send("PRIVMSG #den :unheard");
  await me.settle();
  expect(heard).toEqual(expect.arrayContaining(["me JOIN #den"]));
  expect(heard.some((line) => line.includes("unheard"))).toBe(false);
  expect(server.counters.commands.get("PRIVMSG")).toBe(1);
});
