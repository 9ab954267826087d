/**
 * The media endpoints, streamed both ways: they stand beside the other routes because those read a body whole and answer with
 * JSON. Limits, connection resets and async uploads are the profile's (media-profile.ts).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { MatrixFault, notFound } from "./fault.ts";
import type { Verdict } from "./faults.ts";
import { createMediaFiles, type MediaFiles, over, type StoredFile } from "./media-files.ts";
import type { MediaProfile } from "./media-profile.ts";
import type { Requester } from "./requester.ts";

export interface SandboxMedia {
  /** Complete files, and those announced only. */
  counts(): { readonly files: number; readonly pending: number };
  /** The next `count` uploads lose their connection after so many bytes; nothing of them is kept. */
  cutUploads(count: number, afterBytes: number): void;
  /** The same for downloads. */
  cutDownloads(count: number, afterBytes: number): void;
  /** As an admin does: the file is gone. */
  remove(mxc: string): void;
}

interface MediaParts {
  readonly serverName: string;
  readonly profile: MediaProfile;
  /** Throws a MatrixFault. */
  readonly who: (request: IncomingMessage, query: URLSearchParams) => Requester;
  readonly judge: (method: string, url: string) => Verdict | undefined;
}

export interface MediaRoutes {
  readonly controls: SandboxMedia;
  /** Whether it took the request. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly media: MediaParts;
  readonly files: MediaFiles;
  readonly cuts: Cuts;
  readonly params: readonly string[];
}

interface Cuts {
  uploads: number[];
  downloads: number[];
}

type Handler = (asked: Asked) => Promise<void> | void;

const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ["GET", /^\/_matrix\/client\/v1\/media\/config$/, (asked) => config(asked, true)],
  ["GET", /^\/_matrix\/media\/(?:r0|v3)\/config$/, (asked) => config(asked, false)],
  ["GET", /^\/_matrix\/client\/v1\/media\/download\/([^/]+)\/([^/]+)(?:\/[^/]*)?$/, (asked) => download(asked, true)],
  ["GET", /^\/_matrix\/media\/(?:r0|v3)\/download\/([^/]+)\/([^/]+)(?:\/[^/]*)?$/, (asked) => download(asked, false)],
  ["POST", /^\/_matrix\/media\/(?:r0|v3)\/upload$/, upload],
  ["POST", /^\/_matrix\/media\/v1\/create$/, create],
  ["PUT", /^\/_matrix\/media\/v3\/upload\/([^/]+)\/([^/]+)$/, put],
];

export function createMediaRoutes(media: MediaParts): MediaRoutes {
  const files = createMediaFiles();
  const cuts: Cuts = { uploads: [], downloads: [] };
  const complete = () => [...files.all.values()].filter(({ content }) => content !== undefined).length;
  return {
    controls: {
      counts: () => ({ files: complete(), pending: files.all.size - complete() }),
      cutUploads: (count, afterBytes) => void cuts.uploads.push(...new Array<number>(count).fill(afterBytes)),
      cutDownloads: (count, afterBytes) => void cuts.downloads.push(...new Array<number>(count).fill(afterBytes)),
      remove: (mxc) => files.remove(mxc.split("/").at(-1) ?? ""),
    },
    handle: (request, response) => {
      const url = new URL(request.url ?? "/", "http://sandbox");
      for (const [method, path, handler] of routes) {
        const found = method === request.method ? path.exec(url.pathname) : null;
        if (!found) continue;
        const asked = { request, response, query: url.searchParams, media, files, cuts, params: found.slice(1) };
        void serve(asked, handler);
        return true;
      }
      return false;
    },
  };
}

async function serve(asked: Asked, handler: Handler): Promise<void> {
  const { request, response, media } = asked;
  try {
    const verdict = media.judge(request.method ?? "GET", request.url ?? "/");
    await verdict?.before;
    if (verdict?.fail) throw new MatrixFault(verdict.fail.status, verdict.fail.errcode, "Injected failure");
    if (verdict?.die) response.once("pipe", () => request.socket.destroy());
    await handler(asked);
  } catch (thrown) {
    if (response.headersSent || request.socket.destroyed) return void request.socket.destroy();
    const fault = thrown instanceof MatrixFault ? thrown : new MatrixFault(500, "M_UNKNOWN", String(thrown));
    request.resume();
    json(response, fault.status, fault.body());
  }
}

const asked404 = (): never => {
  throw new MatrixFault(404, "M_UNRECOGNIZED", "Unrecognized request");
};

function config({ request, response, query, media }: Asked, authenticated: boolean): void {
  if (authenticated && !media.profile.authenticated) asked404();
  media.who(request, query);
  json(response, 200, { "m.upload.size": media.profile.uploadBytesMax });
}

async function download(
  { request, response, query, media, files, cuts, params }: Asked,
  authenticated: boolean,
): Promise<void> {
  const { profile, serverName } = media;
  if (authenticated && !profile.authenticated) asked404();
  if (authenticated) media.who(request, query);
  else if (profile.authenticated && profile.legacyDownload === "gone") throw notFound("Media not found");
  const file = params[0] === serverName ? files.all.get(params[1] ?? "") : undefined;
  if (file === undefined) throw notFound("Not found");
  if (file.content === undefined) throw new MatrixFault(504, "M_NOT_YET_UPLOADED", "Media has not been uploaded yet");
  const { bytes, type, name } = file.content;
  response.writeHead(200, {
    "content-type": type,
    "content-length": bytes,
    "content-disposition": `attachment; filename="${name}"`,
  });
  const cutAt = cuts.downloads.shift();
  const body = files.read(file);
  let sent = 0;
  body.on("data", (chunk: Buffer) => {
    sent += chunk.length;
    if (cutAt !== undefined && sent >= cutAt) request.socket.destroy();
  });
  await pipeline(body, response);
}

async function upload(asked: Asked): Promise<void> {
  const { user } = asked.media.who(asked.request, asked.query);
  const file = asked.files.announce(user);
  try {
    await take(asked, file);
  } catch (error) {
    asked.files.remove(file.id);
    throw error;
  }
  json(asked.response, 200, { content_uri: `mxc://${asked.media.serverName}/${file.id}` });
}

function create({ request, response, query, media, files }: Asked): void {
  if (!media.profile.asyncUploads) asked404();
  const { user } = media.who(request, query);
  const pending = [...files.all.values()].filter(
    ({ owner, content }) => owner === user && content === undefined,
  ).length;
  if (pending >= media.profile.pendingMax)
    throw new MatrixFault(429, "M_LIMIT_EXCEEDED", "Too many pending uploads", { retry_after_ms: 1000 });
  const { id } = files.announce(user);
  request.resume();
  json(response, 200, {
    content_uri: `mxc://${media.serverName}/${id}`,
    unused_expires_at: Date.now() + 24 * 3600 * 1000,
  });
}

async function put(asked: Asked): Promise<void> {
  const { request, response, query, media, files, params } = asked;
  if (!media.profile.asyncUploads) asked404();
  const { user } = media.who(request, query);
  const file = params[0] === media.serverName ? files.all.get(params[1] ?? "") : undefined;
  if (file === undefined) throw notFound("Media ID not found");
  if (file.owner !== user) throw new MatrixFault(403, "M_FORBIDDEN", "Only the creator may upload to it");
  if (file.content !== undefined)
    throw new MatrixFault(409, "M_CANNOT_OVERWRITE_MEDIA", "Media ID already has content");
  await take(asked, file);
  json(response, 200, {});
}

/** Reads the body into the file, as far as the profile lets it. */
async function take({ request, query, media, files, cuts }: Asked, file: StoredFile): Promise<void> {
  const { uploadBytesMax, overLimit, needsLength } = media.profile;
  const length = request.headers["content-length"];
  if (needsLength && length === undefined)
    throw new MatrixFault(400, "M_UNKNOWN", "Request must specify a Content-Length");
  const refuse = (): never => {
    if (overLimit === "reset") {
      request.socket.resetAndDestroy();
      throw over;
    }
    throw new MatrixFault(...overLimit, "Upload request body is too large");
  };
  if (Number(length) > uploadBytesMax) refuse();
  const cutAt = cuts.uploads.shift();
  let got = 0;
  if (cutAt !== undefined)
    request.on("data", (chunk: Buffer) => {
      got += chunk.length;
      if (got >= cutAt) request.socket.destroy();
    });
  const type = request.headers["content-type"] ?? "application/octet-stream";
  const name = (query.get("filename") ?? "").replace(/[^\w. -]/g, "_");
  try {
    await files.fill(file, request, { type, name, bytesMax: uploadBytesMax });
  } catch (error) {
    if (error === over) refuse();
    throw error;
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
