/**
 * Fits a translated action to what the far side can do, before the connector is asked: a connector never has to say
 * "unsupported". Pure; what is lost is said in the result.
 */
import type { Action } from "./action.ts";
import type { Capabilities } from "./capabilities.ts";
import { BridgeError } from "./errors.ts";
import type { MessageRow } from "./store.ts";

export interface DegradeContext {
  readonly capabilities: Capabilities;
  /** The answered, edited or reacted-to message, when known. */
  readonly target?: MessageRow;
  /** Whether the actor could see the target when it was said; otherwise it is never quoted. */
  readonly mayQuote: boolean;
  readonly reactionNotices: boolean;
}

/** Longest quote before a reply, in characters: enough to recognise, too short to annoy. */
const quoteCharactersMax = 60;

/** The action that can be shown; undefined when there is nothing to show. Throws `not-supported` when somebody must be told. */
export function degrade<Ref>(action: Action<Ref>, context: DegradeContext): Action<Ref> | undefined {
  const { actions } = context.capabilities;
  switch (action.kind) {
    case "message":
      return degradeReply(action, context);
    case "edit":
      // Without native edits the connector prints a readable difference out of `before`: the words are the network's.
      return action;
    case "delete":
      if (actions.has("delete")) return action;
      throw new BridgeError("not-supported", "messages cannot be deleted there, so it stays visible on the other side");
    case "react":
      if (actions.has("react")) return action;
      return context.reactionNotices ? reactionNotice(action, context) : undefined;
    case "unreact":
    case "typing":
    case "read":
    case "membership":
    case "moderate":
      return actions.has(action.kind) ? action : undefined;
  }
}

function degradeReply<Ref>(action: Extract<Action<Ref>, { kind: "message" }>, context: DegradeContext): Action<Ref> {
  const { capabilities, target, mayQuote } = context;
  if (target === undefined || (capabilities.replies && action.replyTo !== undefined)) return action;
  // The reference stays: a network may carry it as a tag that some clients show, while the quote is for all.
  return { ...action, quote: { author: target.authorName, text: mayQuote ? shorten(target.text ?? "") : "" } };
}

function reactionNotice<Ref>(
  action: Extract<Action<Ref>, { kind: "react" }>,
  { target, mayQuote }: DegradeContext,
): Action<Ref> {
  const what = target?.text === undefined || !mayQuote ? "a message" : `“${shorten(target.text)}”`;
  const whose = target === undefined ? "" : ` by ${target.authorName}`;
  const said = `reacted with ${action.key.slice(0, 32)} to ${what}${whose}`;
  return {
    kind: "message",
    content: {
      style: "emote",
      text: [{ kind: "paragraph", children: [{ kind: "text", text: said }] }],
      attachments: [],
    },
  };
}

/** One line, cut at a grapheme near the limit. */
export function shorten(long: string): string {
  const line = long.replace(/\s+/gu, " ").trim();
  if (line.length <= quoteCharactersMax) return line;
  // Segmenting only a little more than can be used keeps this constant for any length; the last piece may be cut.
  const head = line.slice(0, quoteCharactersMax * 4);
  const whole = [...new Intl.Segmenter().segment(head)].map((part) => part.segment).slice(0, -1);
  const graphemes = whole.slice(0, quoteCharactersMax);
  return `${graphemes.join("").trimEnd()}…`;
}
