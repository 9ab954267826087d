import type { RichText } from "@trestle/richtext";
import type { Attachment } from "./attachment.ts";

/** What a message says. `notice` is for machines and must never be answered by one. */
export interface Content {
  readonly style: "text" | "emote" | "notice";
  readonly text: RichText;
  readonly attachments: readonly Attachment[];
  /** Where the whole text can be read, set by the core when it may have to be cut. */
  readonly textUrl?: string;
}
