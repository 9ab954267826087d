/**
 * The configured networks and the connection of each: finds the right one, or says that there is none (yet). None knows of another.
 */
import { readFileSync } from "node:fs";
import {
  BridgeError,
  type ChatKey,
  type ConnectorHost,
  type NetworkId,
  type NetworkStatus,
  networkId,
} from "@trestle/core";
import type { IrcConfig, IrcNetworkConfig } from "./config.ts";
import type { ConnectionFacts } from "./connection-state.ts";
import { type Connection, createConnection } from "./connections.ts";
import { channelProblem } from "./ids.ts";
import { toRemoteEvent } from "./inbound.ts";
import type { Relayed } from "./line-events.ts";
import { defaultServerOptions } from "./profiles.ts";

export interface Networks {
  start(host: ConnectorHost, relayed: Relayed): Promise<void>;
  stop(): Promise<void>;
  /** Throws `not-supported` for a network that is not in the config. */
  config(network: NetworkId): IrcNetworkConfig;
  /** Throws `network-down` before the start. */
  connection(network: NetworkId): Connection;
  find(network: NetworkId): Connection | undefined;
  /** Before the start, what the config says. */
  facts(network: NetworkId): ConnectionFacts;
  /** Before the start it is remembered. */
  follow(chat: ChatKey): void;
  status(): readonly NetworkStatus[];
}

/** Builds the networks of a config; opens nothing before `start`. */
export function createNetworks(config: IrcConfig): Networks {
  const connections = new Map<NetworkId, Connection>();
  const configs = new Map(Object.entries(config.networks).map(([slug, value]) => [networkId(slug), value]));
  const followedEarly: ChatKey[] = [];

  const configOf = (network: NetworkId): IrcNetworkConfig => {
    const found = configs.get(network);
    if (found === undefined)
      throw new BridgeError("not-supported", `no IRC network is called ${network} in the config`);
    return found;
  };

  return {
    async start(host, relayed) {
      const opened = [...configs].map(([network, value]) => {
        const authorities = value.servers.map((server) => readAuthority(network, server.caFile));
        const connection = createConnection({
          network,
          config: value,
          authorities,
          host,
          interpret: toRemoteEvent,
          relayed,
        });
        connections.set(network, connection);
        return connection;
      });
      for (const chat of followedEarly.splice(0)) connections.get(chat.network)?.follow(chat);
      await Promise.all(opened.map((connection) => connection.start()));
    },
    async stop() {
      await Promise.all([...connections.values()].map((connection) => connection.stop()));
    },
    config: configOf,
    connection(network) {
      configOf(network);
      const found = connections.get(network);
      if (found === undefined) throw new BridgeError("network-down", "the bridge is starting");
      return found;
    },
    find: (network) => connections.get(network),
    facts: (network) => connections.get(network)?.facts() ?? factsBeforehand(configOf(network)),
    follow(chat) {
      configOf(chat.network);
      const problem = channelProblem(chat.id, { chantypes: "#&+!", bytesMax: 200 });
      if (problem !== undefined) throw new BridgeError("not-supported", problem);
      const connection = connections.get(chat.network);
      if (connection === undefined) followedEarly.push(chat);
      else connection.follow(chat);
    },
    status: () =>
      [...configs.keys()].map(
        (network) => connections.get(network)?.status() ?? { network, state: "connecting" as const },
      ),
  };
}

const factsBeforehand = (config: IrcNetworkConfig): ConnectionFacts => ({
  nick: config.nick,
  source: undefined,
  mapping: "ascii",
  options: defaultServerOptions,
  capabilities: new Set(),
  ready: false,
});

function readAuthority(network: NetworkId, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BridgeError("config-invalid", `irc.networks.${network}: caFile cannot be read (${why})`, {
      cause: error,
    });
  }
}
