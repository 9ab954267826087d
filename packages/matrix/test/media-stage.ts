/** Media of ours against the sandbox's homeserver, with files on a fake network. */
import { BridgeError, type MediaStream, systemClock, userId } from "@trestle/core";
import { createSandboxHomeserver, registerPerson, type SandboxHomeserver, type SandboxPerson } from "@trestle/sandbox";
import {
  createFakeFiles,
  createMemoryStore,
  createTestLog,
  createTestMeter,
  type FakeFiles,
  type MemoryStore,
} from "@trestle/testing";
import { createCaps } from "../src/caps.ts";
import { createClient } from "../src/client.ts";
import { makeRegistration } from "../src/index.ts";
import { createMedia, type Media } from "../src/media/media.ts";
import type { Uploaded } from "../src/media/upload.ts";

export const serverName = "files.test";

type SandboxOptions = Parameters<typeof createSandboxHomeserver>[0];

export interface MediaStage {
  readonly server: SandboxHomeserver;
  readonly media: Media;
  readonly files: FakeFiles;
  readonly store: MemoryStore;
  readonly alice: SandboxPerson;
  /** Instead of the fake network's files. */
  opens: ((source: string) => Promise<MediaStream>) | undefined;
  upload(source: string, more?: { readonly mimeType?: string; readonly name?: string }): Promise<Uploaded>;
  /** Another process of ours on the same store. */
  again(): Promise<Media>;
}

const open: (() => Promise<void>)[] = [];
export async function closeMediaStages(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

export async function aMediaStage(
  profile: SandboxOptions["profile"] = "synapse",
  media: NonNullable<SandboxOptions["media"]> = {},
  stallMs = 5_000,
): Promise<MediaStage> {
  const registration = makeRegistration({ span: "irc", serverName, url: "http://127.0.0.1:9", server: profile });
  const server = await createSandboxHomeserver({ profile, serverName, registrations: [registration], media });
  open.push(() => server.stop());
  const store = createMemoryStore();
  const files = createFakeFiles("far/");
  const bot = userId(`@${registration.sender_localpart}:${serverName}`);
  const stage = { server, files, store, opens: undefined } as unknown as MediaStage & { media: Media };
  const begin = async (): Promise<Media> => {
    const log = createTestLog();
    const meter = createTestMeter();
    const client = createClient({
      url: server.url,
      token: registration.as_token,
      clock: systemClock,
      meter,
      timeoutMs: 5_000,
    });
    const caps = createCaps(client, store.kv, log);
    const made = createMedia({
      url: server.url,
      token: registration.as_token,
      client,
      caps,
      store: store.media,
      bot,
      clock: systemClock,
      log,
      meter,
      proxy: undefined,
      stallMs,
    });
    const register = {
      type: "m.login.application_service",
      username: registration.sender_localpart,
      inhibit_login: true,
    };
    await client
      .call({ method: "POST", path: "/_matrix/client/v3/register", as: undefined, body: JSON.stringify(register) })
      .catch(() => undefined);
    await caps.probe();
    await made.start({ openMedia: ({ source }) => stage.opens?.(source) ?? files.open(source) });
    open.push(() => made.stop());
    open.push(() => client.close());
    return made;
  };
  stage.media = await begin();
  return Object.assign(stage, {
    alice: await registerPerson(server.url, "alice"),
    again: begin,
    upload: (source: string, { mimeType = "image/png", name = "cat.png" } = {}) =>
      stage.media.uploads.upload({ network: "net", source, mimeType, name }, "!room:files.test"),
  });
}

/** The error's code, or what came instead. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it worked",
    (error: unknown) => (error instanceof BridgeError ? error.code : String(error)),
  );

/** So many bytes in pieces, made as they are asked for; every piece tells its place. */
export async function* generated(bytes: number, pieceBytes = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += pieceBytes) {
    const piece = Buffer.alloc(Math.min(pieceBytes, bytes - at), at % 251);
    yield piece;
  }
}
