/** Files at the homeserver: on disk without a name, so that a big one costs no memory and none outlives the process. */
import { randomBytes } from "node:crypto";
import { closeSync, createReadStream, createWriteStream, openSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

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
      const counted = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          done(bytes > bytesMax ? over : null, chunk);
        },
      });
      try {
        await pipeline(body, counted, createWriteStream("", { fd, autoClose: false }));
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      file.content = { fd, bytes, type, name };
    },
    read: ({ content }) => createReadStream("", { fd: content?.fd as number, start: 0, autoClose: false }),
    remove: (id) => {
      const fd = all.get(id)?.content?.fd;
      if (fd !== undefined) closeSync(fd);
      all.delete(id);
    },
  };
}
