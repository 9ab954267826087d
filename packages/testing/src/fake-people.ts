/** The people of the fake network: what a test lets them say and do, each as the event their network would give us. */
import type { Action, Attachment, ChatKey, RemoteAuthor, RemoteEvent, RemoteMessageId } from "@trestle/core";
import { remoteMessageId, remoteUserId } from "@trestle/core";
import type { FakeChat, FakeNetwork } from "./fake-network.ts";
import { plainToRich } from "./plain-body.ts";

export interface SayOptions {
  /** Which network; the first by default. */
  readonly network?: string;
  /** The message's id; a fresh one by default. */
  readonly id?: string;
  /** The event's identity; made of the id by default. */
  readonly key?: string;
  readonly replyTo?: string;
  readonly thread?: string;
  readonly style?: "text" | "emote" | "notice";
  readonly attachments?: readonly Attachment[];
  readonly sentAtMs?: number;
  readonly late?: boolean;
}

/** Each resolves once the bridge has made the event durable. `who` is a name; the id is that name in lower case. */
export interface RemotePeople {
  says(chat: string, who: string, text: string, options?: SayOptions): Promise<RemoteMessageId>;
  edits(chat: string, who: string, target: string, text: string, options?: SayOptions): Promise<void>;
  deletes(chat: string, who: string, target: string, options?: SayOptions): Promise<void>;
  reacts(chat: string, who: string, target: string, key: string, options?: SayOptions): Promise<RemoteMessageId>;
  unreacts(chat: string, who: string, target: string, key: string, options?: SayOptions): Promise<void>;
  /** Any action at all. */
  acts(chat: string, who: string, action: Action<RemoteMessageId>, options?: SayOptions): Promise<void>;
  joins(chat: string, who: string, options?: SayOptions): Promise<void>;
  leaves(chat: string, who: string, options?: SayOptions): Promise<void>;
  renames(who: string, to: string, options?: SayOptions): Promise<void>;
  changesTopic(chat: string, who: string, topic: string, options?: SayOptions): Promise<void>;
  gap(chat: string, fromMs: number, toMs: number, options?: SayOptions): Promise<void>;
  throwsOut(chat: string, reason: string, options?: SayOptions): Promise<void>;
  letsIn(chat: string, options?: SayOptions): Promise<void>;
}

interface Stage {
  place(chat: string, options: SayOptions): FakeChat;
  nextKey(): string;
  act(
    chat: string,
    who: string,
    action: Action<RemoteMessageId>,
    options: SayOptions,
    id?: RemoteMessageId,
  ): Promise<void>;
}

const person = (key: ChatKey, who: string): RemoteAuthor => ({
  network: key.network,
  id: remoteUserId(who.toLowerCase()),
  name: who,
});

const content = (text: string, options: SayOptions) => ({
  style: options.style ?? ("text" as const),
  text: plainToRich(text),
  attachments: options.attachments ?? [],
});

/** The people of a network whose events go to `emit`. */
export function createRemotePeople(network: FakeNetwork, emit: (event: RemoteEvent) => Promise<void>): RemotePeople {
  let events = 0;
  const nextKey = () => {
    events += 1;
    return `${network.nextId()}.${events}`;
  };
  const place: Stage["place"] = (chat, options) => network.chat(options.network ?? network.networks[0] ?? "", chat);
  const act: Stage["act"] = async (chat, who, action, options, id) => {
    const { key, members } = place(chat, options);
    const sender = person(key, who);
    members.set(sender.id, sender.name);
    await emit({
      kind: "action",
      chat: key,
      key: options.key ?? (id === undefined ? nextKey() : `${key.network}/${id}`),
      ...(id === undefined ? {} : { id }),
      sender,
      sentAtMs: options.sentAtMs ?? Date.now(),
      ...(options.late === undefined ? {} : { late: options.late }),
      action,
    });
  };
  const stage: Stage = { place, nextKey, act };
  return { ...createTalk(network, stage), ...createHappenings(network, stage, emit) };
}

type Talk = "says" | "edits" | "deletes" | "reacts" | "unreacts" | "acts";

function createTalk(network: FakeNetwork, { act }: Stage): Pick<RemotePeople, Talk> {
  const fresh = (options: SayOptions): RemoteMessageId => {
    if (options.id === undefined) return network.nextId();
    network.known.add(options.id);
    return remoteMessageId(options.id);
  };
  return {
    says: async (chat, who, text, options = {}) => {
      const id = fresh(options);
      const replyTo = options.replyTo === undefined ? {} : { replyTo: remoteMessageId(options.replyTo) };
      const thread = options.thread === undefined ? {} : { thread: remoteMessageId(options.thread) };
      await act(chat, who, { kind: "message", content: content(text, options), ...replyTo, ...thread }, options, id);
      return id;
    },
    edits: (chat, who, target, text, options = {}) =>
      act(chat, who, { kind: "edit", targets: [remoteMessageId(target)], content: content(text, options) }, options),
    deletes: (chat, who, target, options = {}) =>
      act(chat, who, { kind: "delete", targets: [remoteMessageId(target)] }, options),
    reacts: async (chat, who, target, key, options = {}) => {
      const id = fresh(options);
      await act(chat, who, { kind: "react", target: remoteMessageId(target), key }, options, id);
      return id;
    },
    unreacts: (chat, who, target, key, options = {}) =>
      act(chat, who, { kind: "unreact", target: remoteMessageId(target), key }, options),
    acts: (chat, who, action, options = {}) => act(chat, who, action, options),
  };
}

function createHappenings(
  network: FakeNetwork,
  { place, nextKey, act }: Stage,
  emit: (event: RemoteEvent) => Promise<void>,
): Omit<RemotePeople, Talk> {
  const keyOf = (options: SayOptions) => options.key ?? nextKey();
  return {
    joins: (chat, who, options = {}) => act(chat, who, { kind: "membership", change: "join" }, options),
    leaves: async (chat, who, options = {}) => {
      const done = act(chat, who, { kind: "membership", change: "leave" }, options);
      place(chat, options).members.delete(who.toLowerCase());
      await done;
    },
    renames: async (who, to, options = {}) => {
      const name = network.networks.find((one) => options.network === undefined || one === options.network);
      if (name === undefined) throw new Error(`no such network: ${options.network}`);
      for (const { members } of network.chatsOf(name)) {
        if (members.delete(who.toLowerCase())) members.set(to.toLowerCase(), to);
      }
      const user = { network: name, id: remoteUserId(to.toLowerCase()), name: to };
      await emit({ kind: "user-changed", key: keyOf(options), user, was: remoteUserId(who.toLowerCase()) });
    },
    changesTopic: async (chat, who, topic, options = {}) => {
      const { key } = place(chat, options);
      place(chat, options).topic = topic;
      await emit({ kind: "chat-changed", chat: key, key: keyOf(options), by: person(key, who) });
    },
    gap: (chat, fromMs, toMs, options = {}) =>
      emit({ kind: "gap", key: keyOf(options), chat: place(chat, options).key, fromMs, toMs }),
    throwsOut: (chat, reason, options = {}) =>
      emit({
        kind: "presence-in-chat",
        key: keyOf(options),
        chat: place(chat, options).key,
        state: "out",
        reason,
      }),
    letsIn: (chat, options = {}) =>
      emit({ kind: "presence-in-chat", key: keyOf(options), chat: place(chat, options).key, state: "back" }),
  };
}
