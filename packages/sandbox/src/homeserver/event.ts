/** An event as the server stores it, and how it is shown to clients and appservices. It knows no rules. */
export type JsonObject = { readonly [key: string]: unknown };

export interface StoredEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly type: string;
  readonly state_key?: string;
  readonly origin_server_ts: number;
  /** Emptied down to the protected keys when redacted. */
  content: JsonObject;
  readonly redacts?: string;
  /** Place in the server's stream; rising over all rooms. */
  readonly stream: number;
  /** Short number of its room, in order of creation: Conduit sorts its backlog by it. */
  readonly roomOrder: number;
  readonly txnId?: string;
  /** Whose transaction id it is: user and device. */
  readonly txnOwner?: string;
  readonly prevContent?: JsonObject;
  readonly replaces?: string;
  /** Stripped state that an invited user is shown. */
  readonly inviteState?: readonly JsonObject[];
  redactedBecause?: StoredEvent;
}

/** Ids that look like the real ones (43 base64url characters) at the price of a counter. */
export function createIdMaker(seed: string): (sigil: string) => string {
  let counter = 0;
  const prefix = (seed + "x".repeat(32)).slice(0, 32);
  return (sigil) => `${sigil}${prefix}${(counter++).toString(36).padStart(11, "0")}`;
}

/** As the client-server API shows it. `viewer` (user and device) sees the transaction ids of his own sends. */
export function clientEvent(event: StoredEvent, nowMs: number, viewer?: string, everyTxnId = false): JsonObject {
  const unsigned: Record<string, unknown> = { age: Math.max(0, nowMs - event.origin_server_ts) };
  if (event.txnId !== undefined && (everyTxnId || (viewer !== undefined && viewer === event.txnOwner)))
    unsigned["transaction_id"] = event.txnId;
  if (event.prevContent) unsigned["prev_content"] = event.prevContent;
  if (event.replaces !== undefined) unsigned["replaces_state"] = event.replaces;
  if (event.inviteState) unsigned["invite_room_state"] = event.inviteState;
  if (event.redactedBecause) {
    unsigned["redacted_because"] = clientEvent(event.redactedBecause, nowMs, viewer, everyTxnId);
    unsigned["redacted_by"] = event.redactedBecause.event_id;
  }
  return {
    content: event.content,
    event_id: event.event_id,
    origin_server_ts: event.origin_server_ts,
    room_id: event.room_id,
    sender: event.sender,
    type: event.type,
    ...(event.state_key === undefined ? {} : { state_key: event.state_key }),
    ...(event.redacts === undefined ? {} : { redacts: event.redacts }),
    unsigned,
  };
}

/** What is shown of a room before one is in it. */
export function strippedEvent(event: StoredEvent): JsonObject {
  return { content: event.content, sender: event.sender, state_key: event.state_key ?? "", type: event.type };
}

const keptOnRedaction: Readonly<Record<string, readonly string[] | "all">> = {
  "m.room.create": "all",
  "m.room.member": ["membership", "join_authorised_via_users_server"],
  "m.room.join_rules": ["join_rule", "allow"],
  "m.room.history_visibility": ["history_visibility"],
  "m.room.redaction": ["redacts"],
  "m.room.power_levels": [
    "ban",
    "events",
    "events_default",
    "invite",
    "kick",
    "redact",
    "state_default",
    "users",
    "users_default",
  ],
};

/** The redaction algorithm of room version 11 (https://spec.matrix.org/v1.15/rooms/v11/#redactions). */
export function redactedContent(event: StoredEvent): JsonObject {
  const kept = keptOnRedaction[event.type] ?? [];
  if (kept === "all") return event.content;
  return Object.fromEntries(kept.flatMap((key) => (key in event.content ? [[key, event.content[key]]] : [])));
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
