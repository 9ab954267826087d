/**
 * Bridging is translating references: an action in the ids of one side becomes the same action in the ids of the other, or
 * the outcome for a target that we do not know or that the actor may not touch (architecture section 5, unknown target). Pure.
 */
import { type Inline, type Mention, mapInlines, type RichText } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { Content } from "./content.ts";
import { BridgeError } from "./errors.ts";
import type { References } from "./references.ts";
import type { MessageRow } from "./store.ts";

export interface Translation<From, To> {
  readonly references: References<From>;
  /** Ids on the receiving side, out of a row. */
  readonly idOf: (row: MessageRow) => To;
  /** Whether the actor said the message himself, or may act on the messages of others. */
  readonly mayActOn: (row: MessageRow) => boolean;
  /** A mention in the ids of the receiving side; the same one when it has none there. */
  readonly mention: (mention: Mention) => Mention;
}

/** Rejects (throws) with `no-target` or `not-permitted`. */
export function translate<From, To>(action: Action<From>, how: Translation<From, To>): Action<To> {
  switch (action.kind) {
    case "message": {
      const { content, replyTo, thread, ...rest } = action;
      const reply = primary(replyTo, how);
      const root = primary(thread, how);
      return {
        ...rest,
        content: translateContent(content, how),
        ...(reply === undefined ? {} : { replyTo: reply }),
        ...(root === undefined ? {} : { thread: root }),
      };
    }
    case "edit":
      return translateEdit(action, how);
    case "delete":
      return { ...action, targets: ownTargets(action.targets, how) };
    case "react":
    case "unreact":
      return { ...action, target: target(action.target, how) };
    case "read":
      return { ...action, upTo: target(action.upTo, how) };
    case "typing":
    case "membership":
    case "moderate":
      return action;
  }
}

function translateEdit<From, To>(
  action: Extract<Action<From>, { kind: "edit" }>,
  how: Translation<From, To>,
): Action<To> {
  const content = translateContent(action.content, how);
  const rows = action.targets.flatMap((ref) => how.references.get(ref) ?? []);
  // An unknown original is no reason to lose what was said: it crosses as a message that says it is an edit.
  if (rows.length === 0) return { kind: "message", content: { ...content, text: prefixed("(edited) ", content.text) } };
  const before = rows[0]?.text;
  return {
    kind: "edit",
    targets: ownTargets(action.targets, how),
    content,
    ...(before === undefined ? {} : { before }),
  };
}

function primary<From, To>(ref: From | undefined, how: Translation<From, To>): To | undefined {
  const row = ref === undefined ? undefined : how.references.get(ref)?.[0];
  return row === undefined ? undefined : how.idOf(row);
}

function target<From, To>(ref: From, how: Translation<From, To>): To {
  const found = primary(ref, how);
  if (found === undefined) throw new BridgeError("no-target");
  return found;
}

/** Every part of the targets, each once; only the author or a moderator gets past. */
function ownTargets<From, To>(refs: readonly From[], how: Translation<From, To>): To[] {
  const rows = refs.flatMap((ref) => how.references.get(ref) ?? []);
  if (rows.length === 0) throw new BridgeError("no-target");
  if (!rows.every(how.mayActOn)) throw new BridgeError("not-permitted", "only its author may change a message");
  return [...new Set(rows.map(how.idOf))];
}

function translateContent<From, To>(content: Content, how: Translation<From, To>): Content {
  return {
    ...content,
    text: mapInlines(content.text, (node) =>
      node.kind === "mention" ? { ...node, mention: how.mention(node.mention) } : node,
    ),
  };
}

/** The document with `prefix` before its first words. */
export function prefixed(prefix: string, doc: RichText): RichText {
  const mark: Inline = { kind: "text", text: prefix };
  const [first, ...rest] = doc;
  if (first?.kind === "paragraph") return [{ ...first, children: [mark, ...first.children] }, ...rest];
  return [{ kind: "paragraph", children: [mark] }, ...doc];
}
