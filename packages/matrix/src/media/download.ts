/**
 * Files of the homeserver as streams. A file that cannot be had is told from a homeserver that is away: the first stops nobody
 * but its message, and not for ever.
 */
import { BridgeError, type MediaStream, type UserId } from "@trestle/core";
import type { Caps } from "../caps.ts";
import { failureOf, isUnrecognized } from "../errors.ts";
import type { MediaBudget } from "./budget.ts";
import type { MediaAnswer, MediaHttp } from "./http.ts";
import { mxcPattern } from "./name.ts";
import type { Tries } from "./tries.ts";

export interface MediaDownload {
  /** `queue`: whose turn it is when there is no room (media-budget.ts). */
  open(source: string, queue: string): Promise<MediaStream>;
}

export interface MediaDownloadOptions {
  readonly http: MediaHttp;
  readonly caps: Caps;
  readonly budget: MediaBudget;
  readonly tries: Tries;
  readonly bot: UserId;
  /** How long a stream may lie without anybody reading on. */
  readonly abandonedMs: number;
}

export function createMediaDownload(options: MediaDownloadOptions): MediaDownload {
  const { http, caps, budget, tries, bot } = options;

  async function fetchIt(place: string): Promise<MediaAnswer> {
    const legacy = () => http.get(`/_matrix/media/v3/download/${place}`, bot);
    if (!caps.offers("auth-media")) return legacy();
    try {
      return await http.get(`/_matrix/client/v1/media/download/${place}`, bot);
    } catch (error) {
      if (!isUnrecognized(error)) throw error;
      const answer = await legacy();
      await caps.lacks("auth-media");
      return answer;
    }
  }

  return {
    async open(source, queue) {
      const [, server, id] = mxcPattern.exec(source) ?? [];
      if (server === undefined) throw new BridgeError("media-gone", "its address is none");
      const lease = await budget.enter(queue);
      try {
        const answer = await fetchIt(`${encodeURIComponent(server)}/${id}`);
        return streamOf(answer, lease, options, source);
      } catch (error) {
        lease.release();
        throw tries.failed(source, mediaError(error));
      }
    },
  };
}

function streamOf(
  answer: MediaAnswer,
  lease: Awaited<ReturnType<MediaBudget["enter"]>>,
  { tries, abandonedMs }: MediaDownloadOptions,
  source: string,
): MediaStream {
  const { byteLength, mimeType } = answer;
  const close = (why = "nobody wants it any more") => {
    clearTimeout(timer);
    answer.abort(why);
    lease.release();
  };
  const timer = setTimeout(close, abandonedMs, "nobody reads on");
  async function* bytes(): AsyncGenerator<Uint8Array> {
    let got = 0;
    try {
      for await (const piece of answer.bytes) {
        got += piece.length;
        lease.hold(piece.length);
        timer.refresh();
        yield piece;
        lease.hold(0);
      }
      if (byteLength !== undefined && got !== byteLength) throw new Error(`${got} of ${byteLength} bytes`);
      tries.worked(source);
    } catch (error) {
      throw tries.failed(source, new BridgeError("media-failed", reasonOf(error), { cause: error }));
    } finally {
      close();
    }
  }
  return {
    bytes: bytes(),
    close: () => close(),
    ...(byteLength === undefined ? {} : { byteLength }),
    ...(mimeType === undefined ? {} : { mimeType }),
  };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 200);

/** What a failed exchange about one file means: mostly for that file alone. */
export function mediaError(error: unknown): unknown {
  const failure = failureOf(error);
  if (failure === undefined || (error as BridgeError).code.startsWith("media-")) return error;
  const { status, errcode, text } = failure;
  const detail = text === "" ? (errcode ?? `status ${status}`) : text;
  const options = { cause: failure };
  if (status === 413 || errcode === "M_TOO_LARGE") return new BridgeError("media-too-large", detail, options);
  if (status === 404 || status === 410 || status === 403) return new BridgeError("media-gone", detail, options);
  // Without a code it is the web server in front that speaks, and 503 is of the whole server; any other failure may be this file's.
  if (status >= 500 && status !== 503 && errcode !== undefined) return new BridgeError("media-failed", detail, options);
  if (status === 0 && failure.outcome === "unknown") return new BridgeError("media-failed", detail, options);
  return error;
}
