/** Files of the fakes: what lies on a fake network or at the fake homeserver, opened as a stream, and what became of uploads. */
import {
  type Attachment,
  BridgeError,
  type Homeserver,
  type HomeserverHost,
  type Json,
  type MediaStream,
  type Part,
} from "@trestle/core";

const pieceBytes = 64 * 1024;

export interface FakeFile {
  readonly bytes: Uint8Array;
  readonly mimeType: string;
}

export interface FakeFileOptions {
  readonly mimeType?: string;
  /** Its handle; a fresh one by default. */
  readonly source?: string;
  /** Its source does not say how long it is. */
  readonly unknownLength?: boolean;
}

export interface FakeFiles {
  /** Keeps a file and gives its source. */
  put(bytes: Uint8Array | string, options?: FakeFileOptions): string;
  get(source: string): FakeFile | undefined;
  /** Rejects with `media-gone`. */
  open(source: string): Promise<MediaStream>;
  remove(source: string): void;
  /** The next `times` openings break off in the middle. */
  breakNext(times?: number): void;
  /** Every source that was opened, in order. */
  readonly opened: readonly string[];
}

/** No files yet; fresh sources begin with `prefix`. */
export function createFakeFiles(prefix: string): FakeFiles {
  const files = new Map<string, FakeFile & { readonly unknownLength: boolean }>();
  const opened: string[] = [];
  let breaks = 0;
  return {
    opened,
    put: (bytes, { mimeType = "application/octet-stream", source, unknownLength = false } = {}) => {
      const name = source ?? `${prefix}f${files.size + 1}`;
      files.set(name, { bytes: typeof bytes === "string" ? Buffer.from(bytes) : bytes, mimeType, unknownLength });
      return name;
    },
    get: (source) => files.get(source),
    remove: (source) => void files.delete(source),
    breakNext: (times = 1) => {
      breaks += times;
    },
    open: async (source) => {
      const file = files.get(source);
      if (!file) throw new BridgeError("media-gone", source);
      opened.push(source);
      const broken = breaks > 0;
      if (broken) breaks -= 1;
      return {
        bytes: piecesOf(file.bytes, broken),
        mimeType: file.mimeType,
        ...(file.unknownLength ? {} : { byteLength: file.bytes.length }),
        close: () => undefined,
      };
    },
  };
}

async function* piecesOf(bytes: Uint8Array, broken: boolean): AsyncGenerator<Uint8Array> {
  const end = broken ? Math.floor(bytes.length / 2) : bytes.length;
  for (let at = 0; at < end; at += pieceBytes) yield bytes.subarray(at, Math.min(end, at + pieceBytes));
  if (broken) throw new BridgeError("media-failed", "it broke off in the middle");
}

/** A whole stream as bytes: for what a test looks at, never for what crosses. */
export async function readMedia(stream: MediaStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream.bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** An attachment as JSON inside a part. */
export const attachmentPart = (attachment: Attachment): { readonly [key: string]: Json } =>
  JSON.parse(JSON.stringify(attachment)) as { readonly [key: string]: Json };

/** The file that a part of a fake carries. */
export function fileOf(part: Part): Attachment | undefined {
  const file = part["attachment"];
  return typeof file === "object" && file !== null ? (file as unknown as Attachment) : undefined;
}

export interface FakeHomeserverMedia extends Pick<Homeserver, "openMedia" | "publish"> {
  open(host: HomeserverHost): void;
  /** The part as it is sent: its file uploaded, or a text that says why it was not. Other parts as they are. */
  carry(part: Part): Part | Promise<Part>;
}

export interface FakeHomeserverMediaOptions {
  /** Files at the homeserver, by their `mxc:` address. */
  readonly files: FakeFiles;
  /** Whether there are public addresses. */
  readonly publishes: boolean;
  /** Largest upload. */
  readonly uploadBytesMax: number;
}

/** The homeserver port's half of media. */
export function createFakeMedia({ files, publishes, uploadBytesMax }: FakeHomeserverMediaOptions): FakeHomeserverMedia {
  let host: HomeserverHost | undefined;
  const uploaded = new Map<string, string>();

  const upload = async ({ source, mimeType }: Attachment): Promise<string> => {
    const before = source.startsWith("mxc:") ? source : uploaded.get(source);
    if (before !== undefined) return before;
    if (!host) throw new BridgeError("homeserver-unreachable", "not started");
    const stream = await host.openMedia({ source });
    const bytes = await readMedia(stream);
    if (bytes.length > uploadBytesMax) throw new BridgeError("media-too-large", "larger than this homeserver takes");
    const mxc = files.put(bytes, { mimeType: stream.mimeType ?? mimeType });
    uploaded.set(source, mxc);
    return mxc;
  };

  const carried = async (part: Part, file: Attachment): Promise<Part> => {
    const content = part["content"] as { readonly [key: string]: Json };
    try {
      const url = await upload(file);
      const size = files.get(url)?.bytes.length ?? file.byteLength ?? 0;
      const info = { ...(content["info"] as object), size };
      return { ...part, content: { ...content, url, info } };
    } catch (error) {
      if (!(error instanceof BridgeError) || error.retry !== "never") throw error;
      const { msgtype: _type, filename: _name, info: _info, ...rest } = content;
      const body = `${String(content["body"])} [${file.name}: ${error.notice ?? error.message}]`;
      return { ...part, type: "m.room.message", content: { ...rest, msgtype: "m.text", body } };
    }
  };

  return {
    open: (to) => {
      host = to;
    },
    openMedia: ({ source }) => files.open(source),
    publish: async (event, what) => {
      const has = what === "text" ? typeof event.content["body"] === "string" : event.content["url"] !== undefined;
      return publishes && has ? `https://media.test/${what}/${encodeURIComponent(event.event_id)}` : undefined;
    },
    carry: (part) => {
      const file = fileOf(part);
      return file === undefined ? part : carried(part, file);
    },
  };
}
