/** A connector on loopback, with a core that stores what it is told in memory and can be made slow or broken. */
import {
  type ChatKey,
  type Connector,
  type ConnectorHost,
  emptyLookup,
  jobKey,
  type KeyValueStore,
  type MatrixAuthor,
  networkId,
  partKey,
  type RemoteAction,
  type RemoteEvent,
  remoteChatId,
  systemClock,
  userId,
} from "@trestle/core";
import { plainText } from "@trestle/richtext";
import { createTestLog, createTestMeter } from "@trestle/testing";
import { ircConfigSchema } from "../src/config.ts";
import { createIrcConnector } from "../src/connector.ts";

export const net = networkId("net");
export const chatOf = (name: string, network = net): ChatKey => ({ network, id: remoteChatId(name) });
export const alice: MatrixAuthor = { userId: userId("@alice:example.org"), name: "Alice" };

export interface Core {
  readonly events: RemoteEvent[];
  readonly host: ConnectorHost;
  readonly disk: Map<string, string>;
  readonly log: ReturnType<typeof createTestLog>;
  /** While false, nothing becomes durable; the text then rejects what waits and follows. */
  storing: boolean | string;
  of<K extends RemoteEvent["kind"]>(kind: K): Extract<RemoteEvent, { kind: K }>[];
  texts(chat?: string): string[];
}

/** What outlives a crash is `disk`; a new core on the same disk is a restart. */
export function createCore(disk = new Map<string, string>()): Core {
  const events: RemoteEvent[] = [];
  const log = createTestLog();
  const known = new Set<string>();
  const kv: KeyValueStore = {
    get: async (key) => disk.get(key),
    put: async (key, value) => void disk.set(key, value),
    remove: async (key) => void disk.delete(key),
    list: async (prefix) => [...disk].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
  };
  const core: Core = {
    events,
    disk,
    log,
    storing: true,
    of: (kind) => events.filter((event): event is never => event.kind === kind),
    texts: (chat) =>
      events
        .filter((event): event is RemoteAction => event.kind === "action")
        .filter((event) => chat === undefined || event.chat.id === chat)
        .map((event) => plain(event)),
    host: {
      kv,
      clock: systemClock,
      log,
      meter: createTestMeter(),
      async emit(event) {
        while (core.storing === false) await new Promise((resolve) => setTimeout(resolve, 5));
        if (typeof core.storing === "string") throw new Error(core.storing);
        if ("key" in event) {
          if (known.has(event.key)) return;
          known.add(event.key);
        }
        events.push(event);
      },
    },
  };
  return core;
}

export const plain = ({ action }: RemoteAction): string =>
  action.kind === "message" ? plainText(action.content.text) : action.kind;

type NetworkInput = Record<string, unknown>;

export const serverAt = (port: number) => ({ host: "127.0.0.1", port, tls: false });

/** Config of one network with short waits. */
export function networkConfig(port: number, more: NetworkInput = {}): NetworkInput {
  return {
    servers: [serverAt(port)],
    nick: "trestle",
    pace: "unlimited",
    retryMinMs: 50,
    retryMaxMs: 200,
    rejoinMinMs: 50,
    rejoinMaxMs: 200,
    ...more,
  };
}

export function buildConnector(networks: Record<string, NetworkInput>): Connector {
  return createIrcConnector(ircConfigSchema.parse({ networks }));
}

/** One line of Alice's, planned and sent; resolves with the message's id. */
export async function say(
  connector: Connector,
  chat: ChatKey,
  text: string,
  key = `k${Math.random()}`,
): Promise<string> {
  const action = {
    kind: "message" as const,
    content: {
      style: "text" as const,
      text: [{ kind: "paragraph" as const, children: [{ kind: "text" as const, text }] }],
      attachments: [],
    },
  };
  let id = "";
  for (const [at, part] of connector.plan(chat, action, alice, emptyLookup).entries()) {
    id = await connector.sendPart(chat, part, alice, partKey(jobKey(key), at));
  }
  return id;
}

/** Waits until this is true; fails with its text after a while. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 5_000,
): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const isUp = (connector: Connector, at = 0): boolean => connector.status()[at]?.state === "up";
export const isIn = async (connector: Connector, chat: ChatKey): Promise<boolean> =>
  (await connector.describeChat(chat)).joined;
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
