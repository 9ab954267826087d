/** A file on its way: pulled piece by piece by whoever sends it on, never held whole. */
export interface MediaStream {
  /** Read once, to the end or until `close`. Rejects inside the loop when the source breaks off. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** As the source says; unknown for a few. */
  readonly byteLength?: number;
  readonly mimeType?: string;
  /** Lets go of it before its end. Idempotent. */
  close(): void;
}
