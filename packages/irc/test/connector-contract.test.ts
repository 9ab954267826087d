/** The IRC connector passes the contract of connectors on a server with nothing but RFC 1459 and on one with all of IRCv3. */
import { allIrcFeatures, createSandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
import { type ConnectorTrial, describeConnector } from "@trestle/testing";
import { buildConnector, net, networkConfig } from "./harness.ts";

const trialOn =
  (features: SandboxIrcFeatures, sameKey: ConnectorTrial["sameKey"]) => async (): Promise<ConnectorTrial> => {
    const server = await createSandboxIrc({ features });
    return {
      connector: buildConnector({ net: networkConfig(server.port) }),
      network: net,
      chatText: "#den",
      badChatTexts: ["den", "#a b", "#a,#b", "#a\r\nQUIT", `#${"x".repeat(500)}`, "#a\0", "#a\x07"],
      said: async (chat) => server.messages(chat.id).map(({ text }) => text),
      say: async (chat, who, text) => void server.say(who, chat.id, text),
      sameKey,
      hang: async () => {
        server.blackHole(true);
        return () => server.blackHole(false);
      },
      close: () => server.stop(),
    };
  };

describeConnector("IRC, a plain server", trialOn({}, "said-again"));
describeConnector("IRC, a server with history", trialOn(allIrcFeatures, "recognised"));
