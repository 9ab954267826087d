/** What a network can do, as data. The core degrades (degrade.ts) before it calls a connector. */
import type { ActionKind } from "./action.ts";

export interface Capabilities {
  /** Kinds of action the far side has natively. `message` is always among them. */
  readonly actions: ReadonlySet<ActionKind>;
  /** Whether a message can carry a native reply, a native thread. */
  readonly replies: boolean;
  readonly threads: boolean;
  readonly text: TextLimit;
  /** How files travel: streamed up, as a URL in text, or only announced by name and size. */
  readonly attachments: "upload" | "url" | "announce";
  readonly attachmentBytesMax?: number;
  /** How a Matrix person appears: own connection, name and avatar per message, or a prefix by the bot. */
  readonly impersonation: "connection" | "per-message" | "none";
  /** Age limit of a queued message in ms before it is given up with a notice (architecture section 5, lanes). */
  readonly ageLimitMs: number;
}

export interface TextLimit {
  readonly max: number;
  readonly unit: TextUnit;
  /** Past this many parts, a long text is cut with a note (or becomes a file, once media exist). */
  readonly partsMax: number;
}

export type TextUnit = "bytes" | "utf16" | "code-points";
