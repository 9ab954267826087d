/**
 * A connector to a network of its own with every capability there is (edits, deletions, reactions, replies, threads, uploads,
 * names per message): the richest network shapes the core. Tests say things on the network through its controls and read
 * what arrived from `said`.
 */
import {
  type Action,
  type Attachment,
  BridgeError,
  type Capabilities,
  type ChatKey,
  type Connector,
  type ConnectorHost,
  chatKeyText,
  type Lookup,
  type MatrixAuthor,
  type NetworkId,
  type NetworkStatus,
  type Part,
  type RemoteEvent,
  type RemoteMessageId,
  remoteChatId,
  remoteUserId,
} from "@trestle/core";
import { attachmentPart, fileOf, readMedia } from "./fake-media.ts";
import { createFakeNetwork, type FakeNetwork, type SaidLine } from "./fake-network.ts";
import { createRemotePeople, type RemotePeople } from "./fake-people.ts";
import { createFaults, type Faults } from "./faults.ts";
import { cutPlain, richToPlain } from "./plain-body.ts";

export interface FakeConnectorOptions {
  /** The connector's name; `fake` by default. */
  readonly name?: string;
  /** The network to be on; a fresh one by default. */
  readonly network?: FakeNetwork;
  /** What differs from having everything. */
  readonly capabilities?: Partial<Capabilities>;
  /** Whether the network gives again what was not acknowledged (default), as Telegram does and plain IRC does not. */
  readonly redelivers?: boolean;
}

export interface FakeConnectorControls extends RemotePeople, Faults {
  readonly network: FakeNetwork;
  readonly said: readonly SaidLine[];
  readonly duplicates: readonly SaidLine[];
  /** Ids of the chats followed now. */
  followed(): string[];
  /** Delivered, and rejected all the same with `network-down`. */
  outcomeUnknown(at?: string, times?: number): void;
  /** Somebody says something to the bridge in private; the answer. `proven`: the network vouches for him, as it does by default. */
  asks(who: string, text: string, options?: { readonly proven?: boolean; readonly network?: string }): Promise<string>;
  /** Hands any event to the bridge; resolves once it is durable. */
  emit(event: RemoteEvent): Promise<void>;
  setDown(reason: string, network?: string): Promise<void>;
  setUp(network?: string): Promise<void>;
  /** Like kill -9: nothing is emitted or sent any more, no promise settles. */
  crash(): void;
}

export type FakeConnector = Connector & FakeConnectorControls;

const everything: Capabilities = {
  actions: new Set([
    "message",
    "edit",
    "delete",
    "react",
    "unreact",
    "typing",
    "read",
    "membership",
    "moderate",
  ] as const),
  replies: true,
  threads: true,
  text: { max: 2000, unit: "utf16", partsMax: 10 },
  attachments: "upload",
  attachmentBytesMax: 8 * 1024 * 1024,
  impersonation: "per-message",
  ageLimitMs: 24 * 3600 * 1000,
};

/** A connector on a fake network, and the network's people. */
export function createFakeConnector(options: FakeConnectorOptions = {}): FakeConnector {
  const network = options.network ?? createFakeNetwork();
  const capabilities: Capabilities = { ...everything, ...options.capabilities };
  const faults = createFaults();
  const followed = new Map<string, ChatKey>();
  const down = new Map<NetworkId, string>();
  const line = createEventLine(network, options.redelivers ?? true);
  let running = false;

  const checkSend = (chat: ChatKey) => {
    const reason = down.get(chat.network);
    if (!running || reason !== undefined) throw new BridgeError("network-down", reason ?? "stopped");
    if (!followed.has(chatKeyText(chat))) throw new BridgeError("not-joined", chat.id);
  };
  const setState = async (name: string | undefined, reason: string | undefined) => {
    const id = network.networks.find((one) => name === undefined || one === name);
    if (id === undefined) throw new Error(`no such network: ${name}`);
    if (reason === undefined) down.delete(id);
    else down.set(id, reason);
    await line.emit({
      kind: "connection",
      network: id,
      state: reason === undefined ? "up" : "down",
      ...(reason === undefined ? {} : { reason }),
    });
  };

  return {
    ...faults,
    ...createRemotePeople(network, line.emit),
    network,
    said: network.said,
    duplicates: network.duplicates,
    followed: () => [...followed.values()].map((chat) => chat.id),
    outcomeUnknown: (at, times = 1) =>
      faults.loseAnswer(new BridgeError("network-down", "the answer was lost"), {
        ...(at === undefined ? {} : { at }),
        times,
      }),
    asks: (who, text, options = {}) => line.ask(network, who, text, options),
    emit: line.emit,
    setDown: (reason, name) => setState(name, reason),
    setUp: (name) => setState(name, undefined),
    crash: () => {
      running = false;
      faults.die();
      line.die();
    },

    name: options.name ?? "fake",
    capabilities: () => capabilities,
    start: async (host) => {
      running = true;
      faults.open();
      line.open(host);
    },
    stop: async () => {
      running = false;
      line.close();
      faults.shut(new BridgeError("network-down", "stopped"));
    },
    parseChat: (name, text) => parseFakeChat(network, name, text),
    follow: (chat) => {
      followed.set(chatKeyText(chat), chat);
      network.chat(chat.network, chat.id);
    },
    unfollow: (chat) => void followed.delete(chatKeyText(chat)),
    plan: (_chat, action, author, lookup) => planFake(action, author, lookup, capabilities),
    sendPart: async (chat, part, author, key) => {
      const file = await line.fetchFile(part, capabilities);
      return faults.around(chat.id, () => {
        checkSend(chat);
        return network.accept(chat, part, author, key, file).id;
      });
    },
    openMedia: ({ source }) => network.files.open(source),
    applyChat: async (chat, wanted) => {
      checkSend(chat);
      if (wanted.topic !== undefined) network.chat(chat.network, chat.id).topic = wanted.topic;
    },
    ...createDescriptions(network, (chat) => ({
      joined: running && followed.has(chatKeyText(chat)) && !down.has(chat.network),
      problem: down.get(chat.network) ?? "not followed",
    })),
    status: () => network.networks.map((name): NetworkStatus => statusOf(name, running, down.get(name))),
  };
}

function createDescriptions(
  network: FakeNetwork,
  presence: (chat: ChatKey) => { readonly joined: boolean; readonly problem: string },
): Pick<Connector, "describeChat" | "describeUser" | "describeMembers"> {
  return {
    describeChat: async (chat) => {
      const { topic, members } = network.chat(chat.network, chat.id);
      const { joined, problem } = presence(chat);
      return {
        name: chat.id,
        ...(topic === undefined ? {} : { topic }),
        memberCount: members.size,
        joined,
        ...(joined ? {} : { problem }),
      };
    },
    describeUser: async (name, user) => ({ network: name, id: user, name: nameOf(network, user) ?? user }),
    describeMembers: async (chat) =>
      [...network.chat(chat.network, chat.id).members].map(([id, name]) => ({
        network: chat.network,
        id: remoteUserId(id),
        name,
      })),
  };
}

const statusOf = (network: NetworkId, running: boolean, reason: string | undefined): NetworkStatus => {
  if (!running) return { network, state: "down", detail: "stopped" };
  return reason === undefined ? { network, state: "up" } : { network, state: "down", detail: reason };
};

function nameOf(network: FakeNetwork, user: string): string | undefined {
  for (const one of network.networks) {
    for (const id of network.chatsOf(one)) {
      const name = id.members.get(user);
      if (name !== undefined) return name;
    }
  }
  return undefined;
}

function parseFakeChat(network: FakeNetwork, name: NetworkId, text: string): ChatKey | { readonly problem: string } {
  if (!network.networks.includes(name)) return { problem: `There is no network called “${name.slice(0, 40)}” here.` };
  const id = text.trim().toLowerCase();
  if (!/^#[^\s\p{Cc}]{1,60}$/u.test(id)) {
    return { problem: "A chat's name starts with # and has no spaces, such as #trestle." };
  }
  return { network: name, id: remoteChatId(id) };
}

function planFake(
  action: Action<RemoteMessageId>,
  author: MatrixAuthor,
  lookup: Lookup,
  capabilities: Capabilities,
): Part[] {
  const name = author.name;
  switch (action.kind) {
    case "message": {
      const { content, replyTo, thread, quote } = action;
      const quoted = quote === undefined ? "" : `> <${quote.author}> ${quote.text}\n`;
      const text = quoted + richToPlain(content.text, lookup);
      const common = {
        kind: "message",
        style: content.style,
        name,
        ...(replyTo === undefined ? {} : { replyTo }),
        ...(thread === undefined ? {} : { thread }),
      };
      return [
        ...cutPlain(text, capabilities.text.max, capabilities.text.partsMax).map((piece) => ({
          ...common,
          text: piece,
        })),
        ...content.attachments.map((file) => ({ ...common, ...filePart(file, capabilities) })),
      ];
    }
    case "edit": {
      const [target] = action.targets;
      const text = richToPlain(action.content.text, lookup);
      return target === undefined ? [] : [{ kind: "edit", target, text, name }];
    }
    case "delete":
      return action.targets.map((target) => ({
        kind: "delete",
        target,
        ...(action.reason === undefined ? {} : { reason: action.reason }),
      }));
    case "react":
    case "unreact":
      return [{ kind: action.kind, target: action.target, text: action.key, name }];
    case "typing":
      return [{ kind: "typing", active: action.active, name }];
    case "read":
      return [{ kind: "read", target: action.upTo, name }];
    case "membership":
      return [{ kind: "membership", change: action.change, name }];
    case "moderate":
      return [{ kind: "moderate", what: action.what, user: action.user }];
  }
}

/** Uploaded where the network takes it; else its name, and its address where it has one. */
const filePart = (file: Attachment, { attachments }: Capabilities): Part =>
  attachments === "upload" && file.url === undefined
    ? { text: file.description ?? "", attachment: attachmentPart(file) }
    : { text: file.url === undefined ? file.name : `${file.name} ${file.url}` };

/** Hands events to the bridge in order and remembers, on the network, which of them it has not made durable. */
function createEventLine(network: FakeNetwork, redelivers: boolean) {
  let host: ConnectorHost | undefined;
  let dead = false;
  const never = new Promise<never>(() => undefined);
  const hand = async (event: RemoteEvent): Promise<void> => {
    if (dead) return never;
    if (!host) throw new Error("the fake connector is not started");
    network.unacknowledged.add(event);
    await host.emit(event);
    if (dead) return never;
    network.unacknowledged.delete(event);
  };
  return {
    emit: hand,
    ask: async (
      there: FakeNetwork,
      who: string,
      text: string,
      options: { readonly proven?: boolean; readonly network?: string },
    ): Promise<string> => {
      if (dead) return never;
      const name = there.networks.find((one) => options.network === undefined || one === options.network);
      if (!host || name === undefined)
        throw new Error("the fake connector is not started, or there is no such network");
      const by = { network: name, id: remoteUserId(who.toLowerCase()), name: who };
      const answer = await host.ask(by, text, options.proven ?? true);
      return dead ? never : (answer ?? "");
    },
    fetchFile: async (part: Part, { attachmentBytesMax }: Capabilities): Promise<Uint8Array | undefined> => {
      const file = fileOf(part);
      if (file === undefined) return undefined;
      if (!host) throw new BridgeError("network-down", "stopped");
      const bytes = await readMedia(await host.openMedia({ source: file.source }));
      if (bytes.length > (attachmentBytesMax ?? Number.POSITIVE_INFINITY))
        throw new BridgeError("media-too-large", `${file.name} has ${bytes.length} bytes`);
      return bytes;
    },
    open: (to: ConnectorHost) => {
      host = to;
      const again = [...network.unacknowledged];
      network.unacknowledged.clear();
      if (!redelivers) return;
      for (const event of again) hand(event).catch(() => undefined);
    },
    close: () => {
      host = undefined;
    },
    die: () => {
      dead = true;
    },
  };
}
