/**
 * What a delivery leaves in the message map, the same in both directions: rows of a message, the new text of an edited one, no
 * text of a deleted one; and the look-up of what an action refers to.
 */
import { plainText } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { EventId, RemoteMessageId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { type References, referencesOf } from "./references.ts";
import type { Job, MessageRow, Outcome } from "./store.ts";

export interface Delivered {
  /** Where it was said, and by whom. */
  readonly lane: MessageRow["lane"];
  readonly origin: string;
  readonly author: string;
  readonly authorName: string;
  /** As it was said, in the words of its own side. */
  readonly action: Action<unknown>;
  /** One pair a part, in order. */
  readonly parts: readonly { readonly eventId: EventId; readonly remoteId: RemoteMessageId }[];
  /** The message that an edit or a deletion acted on. */
  readonly target: MessageRow | undefined;
}

/** Remembers it at once, and says what to write with the job's end. */
export function mapDelivered(
  messages: MessageMap,
  keepText: boolean,
  job: Job,
  delivered: Delivered,
): Partial<Outcome> {
  const { action, target, parts, lane, origin, author, authorName } = delivered;
  const { portal, createdAtMs: sentAtMs } = job;
  const text =
    keepText && (action.kind === "message" || action.kind === "edit") ? plainText(action.content.text) : undefined;
  if (action.kind === "message") {
    const rows = parts.map(
      (pair, part): MessageRow => ({
        ...pair,
        portal,
        origin,
        part,
        lane,
        author,
        authorName,
        // Our own clock: what decides who may be quoted must not be a sender's claim.
        sentAtMs,
        ...(part === 0 && text !== undefined ? { text } : {}),
      }),
    );
    messages.remember(rows);
    return { messages: rows };
  }
  if ((action.kind === "edit" || action.kind === "delete") && target !== undefined) {
    messages.changeText(target.portal, target.origin, text);
    return { texts: [{ portal: target.portal, origin: target.origin, text }] };
  }
  return {};
}

/** Unknown targets get a second look once the other lanes have dealt with what was in flight. */
export async function findReferences<Ref>(
  action: Action<Ref>,
  find: (ref: Ref) => Promise<readonly MessageRow[]>,
  otherLanes: () => Promise<void>,
): Promise<References<Ref>> {
  const found = new Map<Ref, readonly MessageRow[]>();
  for (const ref of referencesOf(action)) {
    let rows = await find(ref);
    if (rows.length === 0) {
      await otherLanes();
      rows = await find(ref);
    }
    if (rows.length > 0) found.set(ref, rows);
  }
  return found;
}
