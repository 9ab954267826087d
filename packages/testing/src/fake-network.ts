/**
 * The remote network behind the fake connector: chats, members, topics, what was said, and the events it has not yet seen
 * acknowledged. It outlives a connector, as a network outlives a bridge: a new connector on the same network gets again what
 * the old one had not made durable.
 */
import {
  BridgeError,
  type ChatKey,
  chatKeyText,
  type Json,
  type MatrixAuthor,
  type NetworkId,
  networkId,
  type Part,
  type PartKey,
  type RemoteEvent,
  type RemoteMessageId,
  remoteChatId,
  remoteMessageId,
  type UserId,
} from "@trestle/core";
import { createFakeFiles, type FakeFiles } from "./fake-media.ts";

/** One line as it stands on the far side. */
export interface SaidLine {
  readonly network: string;
  /** The chat's id. */
  readonly chat: string;
  readonly kind: string;
  /** Plain text of a message or edit, the key of a reaction. */
  readonly text: string;
  /** The name it was said under, and the Matrix user behind it. */
  readonly author: string;
  readonly userId: UserId;
  /** Through which account of his own, if any. */
  readonly account?: string;
  readonly part: Part;
  readonly key: PartKey;
  readonly id: RemoteMessageId;
  /** What its file was uploaded with. */
  readonly file?: Uint8Array;
  /** The remote message that an edit, reaction, deletion or reply points at. */
  readonly target?: string;
}

export interface FakeChat {
  readonly key: ChatKey;
  topic: string | undefined;
  /** Id to name. */
  readonly members: Map<string, string>;
}

export interface FakeNetwork {
  readonly networks: readonly NetworkId[];
  /** Files that people of the network have. */
  readonly files: FakeFiles;
  /** Everything the bridge delivered, in order, each once. */
  readonly said: SaidLine[];
  /** Sends that came again under a known key, and so were not said twice. */
  readonly duplicates: SaidLine[];
  /** Emitted and not yet durable on our side, in order. */
  readonly unacknowledged: Set<RemoteEvent>;
  chat(network: string, id: string): FakeChat;
  chatsOf(network: string): FakeChat[];
  /** The key of a chat: of the first network when none is named. */
  chatKey(id: string, network?: string): ChatKey;
  /** A message id never used before. */
  nextId(): RemoteMessageId;
  /** Ids that edits, reactions and replies may point at. */
  readonly known: Set<string>;
  accept(chat: ChatKey, part: Part, author: MatrixAuthor, key: PartKey, file?: Uint8Array): SaidLine;
  /** Texts of the messages said in a chat, in order. */
  textsIn(id: string, network?: string): string[];
}

const asText = (value: Json | undefined): string => (typeof value === "string" ? value : "");

/** A network (or several under one connector) with empty chats. */
export function createFakeNetwork(names: readonly string[] = ["fakenet"]): FakeNetwork {
  const chats = new Map<string, FakeChat>();
  const byKey = new Map<PartKey, SaidLine>();
  const said: SaidLine[] = [];
  const duplicates: SaidLine[] = [];
  const known = new Set<string>();
  let ids = 0;
  const networks = names.map(networkId);
  const chatKey = (id: string, network = names[0] ?? "fakenet"): ChatKey => ({
    network: networkId(network),
    id: remoteChatId(id),
  });
  const nextId = () => {
    ids += 1;
    const id = remoteMessageId(`r${ids}`);
    known.add(id);
    return id;
  };

  const accept: FakeNetwork["accept"] = (chat, part, author, key, file) => {
    const target = asText(part["target"]) || asText(part["replyTo"]);
    const before = byKey.get(key);
    const line = (id: RemoteMessageId): SaidLine => ({
      network: chat.network,
      chat: chat.id,
      kind: asText(part["kind"]),
      text: asText(part["text"]),
      author: author.name,
      userId: author.userId,
      ...(author.account === undefined ? {} : { account: author.account }),
      part,
      key,
      id,
      ...(target === "" ? {} : { target }),
      ...(file === undefined ? {} : { file }),
    });
    if (before) {
      duplicates.push(line(before.id));
      return before;
    }
    if (target !== "" && !known.has(target)) throw new BridgeError("no-target", `${target} is not known here`);
    const fresh = line(nextId());
    byKey.set(key, fresh);
    said.push(fresh);
    return fresh;
  };

  return {
    networks,
    files: createFakeFiles("fake/"),
    said,
    duplicates,
    unacknowledged: new Set(),
    known,
    chatKey,
    nextId,
    accept,
    chat: (network, id) => {
      const key = chatKey(id, network);
      const text = chatKeyText(key);
      const chat = chats.get(text) ?? { key, topic: undefined, members: new Map<string, string>() };
      chats.set(text, chat);
      return chat;
    },
    chatsOf: (network) => [...chats.values()].filter((chat) => chat.key.network === network),
    textsIn: (id, network = names[0]) =>
      said
        .filter((line) => line.kind === "message" && line.chat === id && line.network === network)
        .map((line) => line.text),
  };
}
