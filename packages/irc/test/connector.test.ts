import type { Connector } from "@trestle/core";
import { allIrcFeatures, createSandboxIrc, type SandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
import { buildConnector, type Core, chatOf, createCore, isIn, networkConfig, say, until } from "./harness.ts";

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
