/** A source that does not say how long it is, on disk until it is uploaded: homeservers want to know. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BridgeError, type MediaStream } from "@trestle/core";
import { sizeText } from "./name.ts";

const pieceBytes = 64 * 1024;

/** Takes the stream to its end. The file has no name, so nothing of it outlives the process. Rejects with `media-too-large`. */
export async function spool(
  stream: MediaStream,
  bytesMax: number,
): Promise<MediaStream & { readonly byteLength: number }> {
  const path = join(tmpdir(), `trestle-${randomBytes(12).toString("hex")}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  try {
    let byteLength = 0;
    for await (const piece of stream.bytes) {
      byteLength += piece.length;
      if (byteLength > bytesMax) throw new BridgeError("media-too-large", `more than ${sizeText(bytesMax)}`);
      await file.writeFile(piece);
    }
    let open = true;
    const close = () => {
      if (open) file.close().catch(() => undefined);
      open = false;
    };
    return { bytes: piecesOf(file, byteLength), byteLength, close };
  } catch (error) {
    await file.close();
    throw error;
  } finally {
    stream.close();
  }
}

async function* piecesOf(file: FileHandle, byteLength: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < byteLength; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, at);
    if (bytesRead === 0) throw new Error("the spooled file is shorter than it was");
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
