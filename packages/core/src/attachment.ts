/**
 * A plain description of a file: data that can be stored. It is opened late and streamed; nothing is downloaded to make one.
 */
export interface Attachment {
  readonly kind: "image" | "video" | "audio" | "voice" | "file" | "sticker";
  readonly name: string;
  /** What it shows, for those who cannot see it (alt text). */
  readonly description?: string;
  readonly mimeType: string;
  readonly byteLength?: number;
  readonly width?: number;
  readonly height?: number;
  readonly durationMs?: number;
  readonly spoiler?: boolean;
  /** A blurred preview (https://blurha.sh), where the sender gave one. */
  readonly blurhash?: string;
  /** Of a voice message: loudness over its time, each 0 to 1024 (MSC3246). */
  readonly waveform?: readonly number[];
  /** A small picture of it. */
  readonly thumbnail?: {
    readonly source: string;
    readonly mimeType: string;
    readonly width?: number;
    readonly height?: number;
    readonly byteLength?: number;
  };
  /** A lasting handle (mxc URI, Telegram file id, Discord message and attachment id), never an expiring URL. */
  readonly source: string;
  /** Where anybody may fetch it for a while; set by the core for networks that take only addresses. Never stored for long. */
  readonly url?: string;
}
