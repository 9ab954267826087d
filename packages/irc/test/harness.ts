/** A connector on loopback, with a core that stores what it is told in memory and can be made slow or broken. */
import {
  type Again,
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
import { createSandboxIrc, type SandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
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
  /** What people said to the bridge in private, as `id proven: text`. */
  readonly asked: string[];
  /** What they are answered; an Error is thrown. */
  answer: string | undefined | Error;
  of<K extends RemoteEvent["kind"]>(kind: K): Extract<RemoteEvent, { kind: K }>[];
  texts(chat?: string): string[];
}

/** What outlives a crash is `disk`; a new core on the same disk is a restart. */
export function createCore(disk = new Map<string, string>()): Core {
  const events: RemoteEvent[] = [];
  const log = createTestLog();
  const known = new Set<string>();
  let tail = Promise.resolve();
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
    asked: [],
    answer: undefined,
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
      openMedia: () => Promise.reject(new Error("no files here")),
      ask(by, text, proven) {
        core.asked.push(`${by.id} ${proven ? "proven" : "unproven"}: ${text}`);
        return core.answer instanceof Error ? Promise.reject(core.answer) : Promise.resolve(core.answer);
      },
      emit(event) {
        // one after the other, as a disk does
        tail = tail.then(async () => {
          while (core.storing === false) await new Promise((resolve) => setTimeout(resolve, 5));
          if (typeof core.storing === "string") throw new Error(core.storing);
          if ("key" in event && known.has(event.key)) return;
          if ("key" in event) known.add(event.key);
          events.push(event);
        });
        const stored = tail;
        tail = tail.catch(() => undefined);
        return stored;
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
  again?: Again,
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
  // as the core does: what can be said is known only then
  await connector.whenReady?.(chat);
  for (const [at, part] of connector.plan(chat, action, alice, emptyLookup).entries()) {
    id = await connector.sendPart(chat, part, alice, partKey(jobKey(key), at), again);
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

/** What a test opened; its file closes it after each test. */
export const opened: (() => Promise<void>)[] = [];
export const closeOpened = async (): Promise<void> => {
  for (const close of opened.splice(0).reverse()) await close();
};

export const one = chatOf("#one");

/** A sandbox server for one test. */
export async function serve(features: SandboxIrcFeatures = {}): Promise<SandboxIrc> {
  const server = await createSandboxIrc({ features });
  opened.push(() => server.stop());
  return server;
}
/** A connector that is in these chats. */
export async function bridge(
  server: { port: number },
  core: Core = createCore(),
  config: Record<string, unknown> = {},
  chats = [one],
): Promise<{ connector: Connector; core: Core }> {
  const connector = buildConnector({ net: networkConfig(server.port, config) });
  opened.push(() => connector.stop());
  for (const chat of chats) connector.follow(chat);
  await connector.start(core.host);
  for (const chat of chats) await until(`in ${chat.id}`, () => isIn(connector, chat));
  return { connector, core };
}
/** As kill -9: the socket goes, nothing is said or written any more. The disk as it was then. */
export async function crash(server: SandboxIrc, core: Core): Promise<Core> {
  core.storing = false;
  const disk = new Map(core.disk);
  await pause(0);
  server.kill("trestle", "crash");
  core.storing = "crashed";
  return createCore(disk);
}
