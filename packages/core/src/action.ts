/**
 * What happened, neutral, the same in both directions. `Ref` is a remote message id on one side and an event id on the
 * other, so bridging is translating references (translate.ts). `targets` lists every part of a message, primary first.
 */
import type { Content } from "./content.ts";
import type { RemoteUserId, UserId } from "./ids.ts";

export type Action<Ref> =
  | MessageAction<Ref>
  | { readonly kind: "edit"; readonly targets: readonly Ref[]; readonly content: Content; readonly before?: string }
  | { readonly kind: "delete"; readonly targets: readonly Ref[]; readonly reason?: string }
  | { readonly kind: "react"; readonly target: Ref; readonly key: string }
  | { readonly kind: "unreact"; readonly target: Ref; readonly key: string }
  | { readonly kind: "typing"; readonly active: boolean }
  | { readonly kind: "read"; readonly upTo: Ref }
  | { readonly kind: "membership"; readonly change: "join" | "leave"; readonly reason?: string }
  | {
      readonly kind: "moderate";
      readonly what: "kick" | "ban" | "unban";
      readonly user: RemoteUserId | UserId;
      readonly reason?: string;
    };

export interface MessageAction<Ref> {
  readonly kind: "message";
  readonly content: Content;
  /** The message this one answers. */
  readonly replyTo?: Ref;
  /** Root of the thread this message stands in. */
  readonly thread?: Ref;
  /** Set by degrade.ts when the far side cannot reply: what was answered, already shortened, and who had said it. */
  readonly quote?: { readonly author: string; readonly text: string };
}

export type ActionKind = Action<unknown>["kind"];
