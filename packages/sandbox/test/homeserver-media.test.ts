/** Files at the imitated homeservers, each claim as it was measured on the real one. */
import { createSandboxHomeserver, registerPerson, type SandboxPerson } from "../src/index.ts";

const serverName = "files.test";
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Options = Parameters<typeof createSandboxHomeserver>[0];

async function aServer(profile: Options["profile"], media: NonNullable<Options["media"]> = {}) {
  const server = await createSandboxHomeserver({ profile, serverName, media });
  open.push(() => server.stop());
  return { server, alice: await registerPerson(server.url, "alice"), bob: await registerPerson(server.url, "bob") };
}

async function ask(
  who: SandboxPerson,
  method: string,
  path: string,
  body?: Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${who.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${who.token}`, ...headers },
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

const path = (mxc: unknown) => String(mxc).slice("mxc://".length);
const bytes = Buffer.from("some bytes");

test.each([
  ["synapse", 50 * 1024 * 1024],
  ["conduit", 20 * 1024 * 1024],
  ["dendrite", 10 * 1024 * 1024],
] as const)("%s tells its limit at both addresses", async (profile, limit) => {
  const { alice } = await aServer(profile);
  for (const place of ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"])
    expect(await ask(alice, "GET", place)).toEqual({ status: 200, answer: { "m.upload.size": limit } });
});

test("over the limit: Synapse resets the connection, Conduit and Dendrite answer 413, each with its code", async () => {
  const large = Buffer.alloc(2000);
  const { alice } = await aServer("synapse", { uploadBytesMax: 1000 });
  await expect(ask(alice, "POST", "/_matrix/media/v3/upload", large)).rejects.toThrow();
  for (const [profile, errcode] of [
    ["conduit", "M_TOO_LARGE"],
    ["dendrite", "M_UNKNOWN"],
  ] as const) {
    const { alice: person, server } = await aServer(profile, { uploadBytesMax: 1000 });
    expect(await ask(person, "POST", "/_matrix/media/v3/upload", large)).toMatchObject({
      status: 413,
      answer: { errcode },
    });
    expect(server.media.counts()).toEqual({ files: 0, pending: 0 });
  }
});

test("authenticated downloads want a token; the former address is gone on Synapse and open to all on Dendrite", async () => {
  for (const [profile, former] of [
    ["synapse", 404],
    ["conduit", 404],
    ["dendrite", 200],
  ] as const) {
    const { alice } = await aServer(profile);
    const mxc = await alice.upload(bytes, "text/plain");
    expect(await alice.download(mxc)).toEqual({ bytes: new Uint8Array(bytes), mimeType: "text/plain" });
    const bare = async (place: string) => (await fetch(`${alice.url}${place}/${path(mxc)}`)).status;
    expect(await bare("/_matrix/client/v1/media/download")).toBe(401);
    expect([profile, await bare("/_matrix/media/v3/download")]).toEqual([profile, former]);
    expect((await ask(alice, "GET", "/_matrix/client/v1/media/download/files.test/none")).status).toBe(404);
  }
});

test("the address before the bytes: early reads, second and foreign uploads, too many that wait", async () => {
  const { alice, bob, server } = await aServer("synapse");
  const create = () => ask(alice, "POST", "/_matrix/media/v1/create");
  const mxc = (await create()).answer["content_uri"];
  const put = (who: SandboxPerson) => ask(who, "PUT", `/_matrix/media/v3/upload/${path(mxc)}`, bytes);
  const early = await ask(alice, "GET", `/_matrix/client/v1/media/download/${path(mxc)}`);
  expect(early).toMatchObject({ status: 504, answer: { errcode: "M_NOT_YET_UPLOADED" } });
  expect(await put(bob)).toMatchObject({ status: 403, answer: { errcode: "M_FORBIDDEN" } });
  expect(await put(alice)).toMatchObject({ status: 200 });
  expect(await put(alice)).toMatchObject({ status: 409, answer: { errcode: "M_CANNOT_OVERWRITE_MEDIA" } });
  expect((await alice.download(String(mxc))).bytes).toEqual(new Uint8Array(bytes));
  for (let index = 0; index < 5; index++) expect((await create()).status).toBe(200);
  expect(await create()).toMatchObject({ status: 429, answer: { errcode: "M_LIMIT_EXCEEDED" } });
  expect(server.media.counts()).toEqual({ files: 1, pending: 5 });
});

test.each(["conduit", "dendrite"] as const)("%s gives no address before the bytes", async (profile) => {
  const { alice } = await aServer(profile);
  expect(await ask(alice, "POST", "/_matrix/media/v1/create")).toMatchObject({
    status: 404,
    answer: { errcode: "M_UNRECOGNIZED" },
  });
});

test("an upload without its length is refused by Synapse, and one that is cut leaves nothing", async () => {
  const { alice, server } = await aServer("synapse");
  const streamed = await fetch(`${alice.url}/_matrix/media/v3/upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${alice.token}` },
    body: new Blob([bytes]).stream(),
    duplex: "half",
  } as RequestInit);
  expect(streamed.status).toBe(400);
  server.media.cutUploads(1, 10);
  await expect(alice.upload(Buffer.alloc(500_000))).rejects.toThrow();
  // The person knows of the cut a moment before the server has cleaned up behind it.
  for (let turn = 0; turn < 200 && server.media.counts().pending > 0; turn++) await new Promise(setImmediate);
  expect(server.media.counts()).toEqual({ files: 0, pending: 0 });
  server.media.cutDownloads(1, 10);
  await expect(alice.download(await alice.upload(Buffer.alloc(500_000)))).rejects.toThrow();
});

test("files outlive a restart of the server", async () => {
  const { alice, server } = await aServer("conduit");
  const mxc = await alice.upload(bytes, "text/plain");
  await server.restart("kill");
  // The first request finds the old connection broken.
  await alice.download(mxc).catch(() => undefined);
  expect((await alice.download(mxc)).bytes).toEqual(new Uint8Array(bytes));
});
