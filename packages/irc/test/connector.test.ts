import { type Connector, remoteUserId } from "@trestle/core";
import { mentionsOf } from "@trestle/richtext";
import { allIrcFeatures, createSandboxIrc, type SandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
import { alice, buildConnector, type Core, chatOf, createCore, isIn, networkConfig, say, until } from "./harness.ts";

const poor: SandboxIrcFeatures = {};
const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function open(features: SandboxIrcFeatures): Promise<{ server: SandboxIrc; connector: Connector; core: Core }> {
  const server = await createSandboxIrc({ features });
  const core = createCore();
  const connector = buildConnector({ net: networkConfig(server.port) });
  opened.push(
    () => server.stop(),
    () => connector.stop(),
  );
  await connector.start(core.host);
  return { server, connector, core };
}

describe.each([
  ["a server with nothing but RFC 1459", poor],
  ["a server with all of IRCv3", allIrcFeatures],
])("on %s", (_, features) => {
  it("[C1 irc] speaks and hears in a followed channel", async () => {
    const { server, connector, core } = await open(features);
    const chat = chatOf("#one");
    connector.follow(chat);
    await until("joined", () => isIn(connector, chat));
    const id = await say(connector, chat, "hello IRC");
    expect(id).not.toBe("");
    server.join("bob", "#one");
    server.say("bob", "#one", "hello Matrix");
    await until("heard", () => core.texts().includes("hello Matrix"));
    expect(core.texts()).toEqual(["hello Matrix"]);
  });
});

describe("what people see", () => {
  const one = chatOf("#one");
  const inOne = async (features: SandboxIrcFeatures) => {
    const opened = await open(features);
    opened.connector.follow(one);
    await until("joined", () => isIn(opened.connector, one));
    return opened;
  };

  it.each([
    ["plain", poor],
    ["relayed", allIrcFeatures],
  ])(
    "[C2 irc] pitfall 11: a long text arrives whole, cut between characters, no line cut by the server (%s)",
    async (_, features) => {
      const { server, connector } = await inOne(features);
      const text = Array.from({ length: 120 }, (_word, at) => `wörd${at}€`).join(" ");
      await say(connector, one, text);
      const lines = server.messages("#one").map((message) => message.text.replace(/^<[^>]*> /, ""));
      expect(lines.length).toBeGreaterThan(1);
      expect(lines.join(" ").replace(/\s+/g, " ").trim()).toBe(text);
    },
  );

  it("[P2 irc] Matrix people are named on every line, or speak under a nick of their own where the server relays", async () => {
    const plain = await inOne(poor);
    await say(plain.connector, one, "hello");
    expect(plain.server.messages("#one")[0]).toMatchObject({ nick: "trestle", text: "<A\u200blice> hello" });
    const relayed = await inOne(allIrcFeatures);
    await say(relayed.connector, one, "hello");
    expect(relayed.server.messages("#one")[0]).toMatchObject({ nick: "Alice/m", text: "hello" });
    await say(relayed.connector, one, "sync");
    expect(relayed.core.texts()).toEqual([]);
  });

  it.each([
    ["by name", poor, "alice: are you there?"],
    ["by the nick a relaying server gives him", allIrcFeatures, "Alice/m: are you there?"],
  ])(
    "[C13 irc] a Matrix person who spoke is called on IRC %s, unless a nick of that name is in the channel",
    async (_, features, said) => {
      const { server, connector, core } = await inOne(features);
      await say(connector, one, "hello");
      server.join("bob", "#one");
      server.say("bob", "#one", said);
      await until("heard", () => core.of("action").length === 1);
      const mentions = () =>
        core.of("action").map(({ action }) => (action.kind === "message" ? mentionsOf(action.content.text) : []));
      expect(mentions()).toEqual([[{ side: "matrix", what: "user", id: alice.userId }]]);
      server.join("alice", "#one");
      server.say("bob", "#one", "alice: and you?");
      await until("heard", () => core.of("action").length === 2);
      expect(mentions()[1]).toEqual([{ side: "remote", what: "user", id: "alice" }]);
    },
  );

  it("[P1 irc] IRC people keep one id through case and, with an account, through renames", async () => {
    const { server, connector, core } = await inOne(allIrcFeatures);
    server.join("Bob", "#one", "bobacc");
    server.join("Eve", "#one");
    server.say("Bob", "#one", "one");
    server.say("Eve", "#one", "two");
    server.rename("Bob", "Bobby");
    server.rename("Eve", "Eva");
    server.say("Bobby", "#one", "three");
    server.say("Eva", "#one", "four");
    await until("heard", () => core.texts().length === 4);
    const [bob, eve, bobby, eva] = core.of("action").map(({ sender }) => sender);
    expect([bob?.id, bobby?.id]).toEqual(["a:bobacc", "a:bobacc"]);
    expect([eve?.id, eva?.id]).toEqual(["eve", "eva"]);
    expect(core.of("user-changed").map(({ user, was }) => [user.id, user.name, was])).toEqual([
      ["a:bobacc", "Bobby", undefined],
      ["eva", "Eva", "eve"],
    ]);
    const members = await connector.describeMembers(one);
    expect(members.map(({ id }) => id).sort()).toEqual(["a:bobacc", "eva"]);
    const names = await Promise.all(members.map(({ id }) => connector.describeUser(one.network, id)));
    expect(names.map(({ name }) => name).sort()).toEqual(["Bobby", "Eva"]);
    server.part("Bobby", "#one");
    await until("gone", async () => (await connector.describeMembers(one)).length === 1);
    expect(await connector.describeUser(one.network, remoteUserId("a:bobacc"))).toMatchObject({ name: "bobacc" });
  });

  it("[S1 irc] pitfall 7: what waits for an answer when the link drops is rejected, and the next connection works", async () => {
    const { server, connector } = await inOne(poor);
    server.stopReading("trestle", true);
    const waiting = Array.from({ length: 10 }, (_, at) =>
      say(connector, one, `lost ${at}`).catch((error) => error.code),
    );
    const topic = connector.applyChat(one, { topic: "x" }, alice).catch((error) => error.code);
    await server.restart({ graceful: false });
    expect(new Set([...(await Promise.all(waiting)), await topic])).toEqual(new Set(["network-down"]));
    await until("in again", async () => (await isIn(connector, one)) && connector.status()[0]?.state === "up");
    await say(connector, one, "works");
  });

  it("[L4 irc] a burst of sixty lines is paced below a server that kills for flooding, in order, none dropped", async () => {
    const server = await createSandboxIrc({ throttle: { burst: 12, linesPerSecond: 200, onExcess: "kill" } });
    const core = createCore();
    const connector = buildConnector({ net: networkConfig(server.port, { pace: { burst: 4, linesPerSecond: 100 } }) });
    opened.push(
      () => server.stop(),
      () => connector.stop(),
    );
    connector.follow(one);
    await connector.start(core.host);
    await until("joined", () => isIn(connector, one));
    await Promise.all(Array.from({ length: 60 }, (_, at) => say(connector, one, `line ${at}`)));
    expect(server.messages("#one").map(({ text }) => text.replace(/^<[^>]*> /, ""))).toEqual(
      Array.from({ length: 60 }, (_, at) => `line ${at}`),
    );
    expect(core.of("connection").map(({ state }) => state)).toEqual(["up"]);
  });
});
