/** The IRC span as the runtime takes it: its name, its section of the config, and how to build its connector. */
import type { Connector } from "@trestle/core";
import { type IrcConfig, ircConfigExample, ircConfigSchema } from "./config.ts";
import { createIrcConnector } from "./connector.ts";

export const ircSpan = {
  name: "irc",
  schema: ircConfigSchema,
  example: ircConfigExample,
  networks: (config: IrcConfig): readonly string[] => Object.keys(config.networks),
  connector: (config: IrcConfig): Connector => createIrcConnector(config),
} as const;
