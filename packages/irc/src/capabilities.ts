/** What an IRC network can do, out of what its server offers right now. Pure; the offers are read by connection-state.ts. */
import type { ActionKind, Capabilities } from "@trestle/core";

export interface IrcOffers {
  /** draft/relaymsg: each message under the name of its author. */
  readonly relaymsg?: boolean;
  /** draft/message-redaction, with echo-message (otherwise we never learn the ids of our own lines). */
  readonly redaction?: boolean;
  /** message-tags and msgid, with client tags allowed: `+draft/react` by TAGMSG. */
  readonly react?: boolean;
  /** message-tags, with `+typing` allowed. */
  readonly typing?: boolean;
  /** Bytes of text that one line holds (`textBytesMax` of outbound.ts). */
  readonly textBytesMax?: number;
  readonly partsMax?: number;
  readonly ageLimitMs?: number;
}

/**
 * The capabilities of one network. `replies` stays false even where `+draft/reply` works: few clients show the tag, and the core
 * leaves out the quote for a network that has replies, so most readers would not see what is answered. Edits are always
 * "native": they are said as a short difference (edit-diff.ts).
 */
export function ircCapabilities(offers: IrcOffers): Capabilities {
  const actions = new Set<ActionKind>(["message", "edit"]);
  if (offers.redaction) actions.add("delete");
  if (offers.react) actions.add("react").add("unreact");
  if (offers.typing) actions.add("typing");
  return {
    actions,
    replies: false,
    threads: false,
    text: { max: offers.textBytesMax ?? 350, unit: "bytes", partsMax: offers.partsMax ?? 5 },
    // where no address can be made, a file is announced by name and size (file-lines.ts)
    attachments: "url",
    impersonation: offers.relaymsg ? "per-message" : "none",
    ageLimitMs: offers.ageLimitMs ?? 3_600_000,
  };
}
