/** The fake connector passes the contract of connectors, so that journeys on it prove something about the real ones. */
import { networkId } from "@trestle/core";
import { createFakeConnector, createFakeFiles, describeConnector } from "../src/index.ts";

describeConnector("fake", async () => {
  const connector = createFakeConnector();
  return {
    connector,
    network: networkId("fakenet"),
    chatText: "#Den",
    badChatTexts: ["den", "#a b", "#a\r\nQUIT", `#${"x".repeat(500)}`, "\0"],
    said: async (chat) => connector.network.textsIn(chat.id),
    say: async (chat, who, text) => void (await connector.says(chat.id, who, text)),
    sameKey: "recognised",
    hang: async (chat) => connector.hang(chat.id),
    files: {
      ofMatrix: createFakeFiles("mxc://test/"),
      received: async (chat) =>
        connector.said.flatMap((line) => (line.chat === chat.id && line.file !== undefined ? [line.file] : [])),
      put: async (bytes) => connector.network.files.put(bytes),
    },
    close: async () => undefined,
  };
});
