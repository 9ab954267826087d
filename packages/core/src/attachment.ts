/**
 * A plain description of a file: data that can be stored. It is opened late and streamed; nothing is downloaded to make one.
 */
export interface Attachment {
  readonly kind: "image" | "video" | "audio" | "voice" | "file" | "sticker";
  readonly name: string;
  readonly description?: string;
  readonly mimeType: string;
  readonly byteLength?: number;
  readonly width?: number;
  readonly height?: number;
  readonly durationMs?: number;
  readonly spoiler?: boolean;
  /** A lasting handle (mxc URI, Telegram file id, Discord message and attachment id), never an expiring URL. */
  readonly source: string;
}
