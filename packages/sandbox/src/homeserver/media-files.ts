/** Files at the homeserver: on disk without a name, so that a big one costs no memory and none outlives the process. */
import { randomBytes } from "node:crypto";
import { openSync, read as readCallback, unlinkSync, write as writeCallback } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";

const read = promisify(readCallback);
const write = promisify(writeCallback);
const chunkBytes = 64 * 1024;

export interface StoredFile {
  readonly id: string;
  readonly owner: string;
  /** Undefined: announced, and not uploaded yet. */
  content: { readonly fd: number; readonly bytes: number; readonly type: string; readonly name: string } | undefined;
}

export interface MediaFiles {
  readonly all: ReadonlyMap<string, StoredFile>;
  announce(owner: string): StoredFile;
  /** Rejects when the body breaks off; then nothing is kept. `bytesMax` passed: rejects with `over`. */
  fill(file: StoredFile, body: Readable, about: { type: string; name: string; bytesMax: number }): Promise<void>;
  read(file: StoredFile): Readable;
  remove(id: string): void;
}

export const over = new Error("the body is over the limit");

export function createMediaFiles(): MediaFiles {
  const all = new Map<string, StoredFile>();
  return {
    all,
    announce: (owner) => {
      const file: StoredFile = {
        id: randomBytes(12).toString("base64url").replace(/[-_]/g, "x"),
        owner,
        content: undefined,
      };
      all.set(file.id, file);
      return file;
    },
    fill: async (file, body, { type, name, bytesMax }) => {
      const path = join(tmpdir(), `trestle-sandbox-${randomBytes(9).toString("hex")}`);
      const fd = openSync(path, "wx+", 0o600);
      unlinkSync(path);
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (bytes + chunk.length > bytesMax) throw over;
        await write(fd, chunk, 0, chunk.length, bytes);
        bytes += chunk.length;
      }
      file.content = { fd, bytes, type, name };
    },
    read: ({ content }) => Readable.from(chunksOf(content?.fd as number)),
    // Its descriptor stays open: a read under way would find another file, or a socket, under the same number.
    remove: (id) => void all.delete(id),
  };
}

/** By hand: a stream over a descriptor closes it when it is cut, and the next socket gets its number. */
async function* chunksOf(fd: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await read(fd, Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
