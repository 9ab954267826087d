/**
 * A planned file as the event to be sent: uploaded, or said to be missing. What can help by waiting (a homeserver or a network
 * that is away) is left to the lane; what cannot becomes words, so that nothing is silent and nothing waits behind it.
 */
import { asBridgeError, type BridgeError, type Json, type Log, type RoomId } from "@trestle/core";
import { type FilePart, fileMissing, withAddress } from "./file.ts";
import type { MediaUpload } from "./upload.ts";

export interface CarriedPart {
  readonly op: "event";
  readonly type: string;
  readonly content: { readonly [key: string]: Json };
}

export interface FileSender {
  carry(room: RoomId, part: FilePart): Promise<CarriedPart>;
}

export function createFileSender({ uploads, log }: { readonly uploads: MediaUpload; readonly log: Log }): FileSender {
  async function thumbnailOf({ thumbnail, network }: FilePart, queue: string): Promise<string | undefined> {
    if (thumbnail === null) return undefined;
    try {
      return (await uploads.upload({ network, ...thumbnail }, queue)).mxc;
    } catch (error) {
      log.debug({ error }, "a thumbnail could not be carried; the file goes without");
      return undefined;
    }
  }

  return {
    async carry(room, part) {
      const { network, source, mimeType, name } = part;
      try {
        const file = await uploads.upload({ network, source, mimeType, name }, room);
        const thumbnail = await thumbnailOf(part, room);
        const content = withAddress(part.content, { ...file, ...(thumbnail === undefined ? {} : { thumbnail }) });
        return { op: "event", type: part.type, content };
      } catch (thrown) {
        const error = asBridgeError(thrown);
        if (error.retry !== "never") throw error;
        log.warn(
          { room, code: error.code, reason: error.message },
          "a file could not be carried; its name goes instead",
        );
        return { op: "event", type: "m.room.message", content: fileMissing(part, reasonFor(error)) };
      }
    },
  };
}

/** For people, without the name of the other side, which is theirs here. */
function reasonFor(error: BridgeError): string {
  const detail = error.message.startsWith(`${error.code}: `) ? error.message.slice(error.code.length + 2) : "";
  const what =
    error.code === "media-too-large"
      ? "too large"
      : error.code === "media-gone"
        ? "it could not be fetched"
        : "it could not be carried over";
  return detail === "" ? what : `${what}: ${detail}`.slice(0, 300);
}
