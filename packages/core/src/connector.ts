/**
 * The port of a span: its side of a remote chat system. `Homeserver` (homeserver.ts) is the same handle facing the other way.
 */
import type { Action } from "./action.ts";
import type { Clock, Log, Meter } from "./ambient.ts";
import type { Attachment } from "./attachment.ts";
import type { MatrixAuthor, RemoteAuthor } from "./author.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Lookup } from "./codec.ts";
import type { ChatKey, NetworkId, PartKey, RemoteMessageId, RemoteUserId } from "./ids.ts";
import type { MediaStream } from "./media.ts";
import type { KeyValueStore } from "./store.ts";

export interface Connector {
  /** `irc`, `discord`, `telegram`: also the command prefix and the config's name. */
  readonly name: string;
  /** Of this network as it is now (an IRC server's offers are known only once connected). */
  capabilities(network: NetworkId): Capabilities;

  /** Connects every configured network in the background; resolves without waiting for any of them. */
  start(host: ConnectorHost): Promise<void>;
  /** Says goodbye and closes. What is under way rejects with `network-down`. */
  stop(): Promise<void>;

  /** The chat's key from what a person typed (`#trestle`), or a sentence saying what is wrong with it. */
  parseChat(network: NetworkId, text: string): ChatKey | { readonly problem: string };
  /** Be in this chat from now on, across reconnects. Idempotent; may come before `start`; does not wait for the join. */
  follow(chat: ChatKey): void;
  unfollow(chat: ChatKey, reason: string): void;

  /**
   * Resolves once this chat can be spoken in, so that `capabilities` and `plan` know what holds there: asked before them.
   * Waits no longer than a join under way may take; rejects with `network-down` or `not-joined`. Absent: they always know.
   */
  whenReady?(chat: ChatKey): Promise<void>;
  /** Pure. One part per wire message, as JSON: it is stored and reused by retries. An empty array: there is nothing to send. */
  plan(chat: ChatKey, action: Action<RemoteMessageId>, author: MatrixAuthor, lookup: Lookup): Part[];
  /**
   * Sends one part and resolves once the far side has confirmed it; rejects with a BridgeError. With `again`, the same key
   * may have been sent before with an outcome that we do not know: look for it first, where the network lets us.
   */
  sendPart(chat: ChatKey, part: Part, author: MatrixAuthor, key: PartKey, again?: Again): Promise<RemoteMessageId>;
  /** Applies a wanted topic; only the difference. Rejects with `not-supported` or `cannot-send`. */
  applyChat(chat: ChatKey, wanted: { readonly topic?: string }, author: MatrixAuthor): Promise<void>;

  /** Streams a file of the network by its `source`. Rejects with `media-gone`, `network-down`. Absent: it has no files. */
  openMedia?(attachment: Pick<Attachment, "source">): Promise<MediaStream>;

  describeChat(chat: ChatKey): Promise<ChatDescription>;
  describeUser(network: NetworkId, user: RemoteUserId): Promise<RemoteAuthor>;
  describeMembers(chat: ChatKey): Promise<readonly RemoteAuthor[]>;
  /** For the status command, `/health` and the metrics. */
  status(): readonly NetworkStatus[];
}

/** A part that may be over there already: since when (epoch ms, our clock) it can have been tried. */
export interface Again {
  readonly sinceMs: number;
}

/** Plain JSON, read only by the connector that planned it. */
export type Part = { readonly [key: string]: Json };
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface ChatDescription {
  readonly name: string;
  readonly topic?: string;
  readonly avatar?: Pick<Attachment, "source" | "mimeType">;
  readonly memberCount?: number;
  /** Whether we are in it right now. */
  readonly joined: boolean;
  /** Why we are not, for people. */
  readonly problem?: string;
}

export interface NetworkStatus {
  readonly network: NetworkId;
  readonly state: "connecting" | "up" | "down";
  /** For people: why it is down, when it tries next. */
  readonly detail?: string;
  readonly nextTryAtMs?: number;
  readonly queuedLines?: number;
  /** What the bridge is called there: whom people write to in private. */
  readonly self?: string;
}

export interface ConnectorHost {
  /** Resolves once the event is durable. Events of one chat keep the order of the calls. */
  emit(event: RemoteEvent): Promise<void>;
  /** Streams a file of Matrix, to be uploaded there. */
  openMedia(attachment: Pick<Attachment, "source">): Promise<MediaStream>;
  /**
   * What a person of the network said to the bridge in private, and the answer for him. `proven`: the network itself vouches
   * for `by.id` (an account it has checked), so that nobody else can have it.
   */
  ask(by: RemoteAuthor, text: string, proven: boolean): Promise<string | undefined>;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export type RemoteEvent =
  | RemoteAction
  /** The chat's description (topic, name) is not what it was: the core asks and applies the difference. `by` for the notice. */
  | { readonly kind: "chat-changed"; readonly chat: ChatKey; readonly key: string; readonly by?: RemoteAuthor }
  /** A rename keeps the ghost: `was` is the former id when the id itself changed (IRC nick). */
  | { readonly kind: "user-changed"; readonly key: string; readonly user: RemoteAuthor; readonly was?: RemoteUserId }
  | { readonly kind: "members-changed"; readonly key: string; readonly chat: ChatKey }
  /** What was said in this window is lost to us; announced once in the room. */
  | {
      readonly kind: "gap";
      readonly key: string;
      readonly chat: ChatKey;
      readonly fromMs: number;
      readonly toMs: number;
    }
  /** We are no longer in the chat, or again: announced in the room. `back` carries no payload. */
  | {
      readonly kind: "presence-in-chat";
      readonly key: string;
      readonly chat: ChatKey;
      readonly state: "out" | "back";
      readonly reason?: string;
    }
  /** The network says that this chat is no more. Believed one at a time, never in bulk: the link waits, see brakes.ts. */
  | { readonly kind: "chat-gone"; readonly key: string; readonly chat: ChatKey; readonly reason?: string }
  /** We are in the chat and can speak: what waited for that may go. Not stored, not shown. */
  | { readonly kind: "joined"; readonly chat: ChatKey }
  | {
      readonly kind: "connection";
      readonly network: NetworkId;
      readonly state: "up" | "down";
      readonly reason?: string;
    };

export interface RemoteAction {
  readonly kind: "action";
  readonly chat: ChatKey;
  /** Identity of this event for ever: the network's id, else a ULID given on receipt. Never a hash of content. */
  readonly key: string;
  /** The message's id, when the action is one that others can refer to. */
  readonly id?: RemoteMessageId;
  readonly sender: RemoteAuthor;
  readonly sentAtMs: number;
  /** Fetched after the fact (chathistory): shown with the time it was said. */
  readonly late?: boolean;
  readonly action: Action<RemoteMessageId>;
}
