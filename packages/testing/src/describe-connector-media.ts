/// <reference types="jest" />
/** The connector contract's part on files, for networks that take uploads and have files of their own. */
import {
  type Attachment,
  type ChatKey,
  type Connector,
  emptyLookup,
  type MatrixAuthor,
  type PartKey,
} from "@trestle/core";
import { type FakeFiles, readMedia } from "./fake-media.ts";

/** What a trial says of files: those of Matrix that the host opens, and how to look at and make files over there. */
export interface ConnectorFiles {
  readonly ofMatrix: FakeFiles;
  /** Contents of the files that stand in the chat on the far side by now, in order. */
  received(chat: ChatKey): Promise<readonly Uint8Array[]>;
  /** A file of somebody over there; its source. */
  put(bytes: Uint8Array): Promise<string>;
}

export interface ConnectorWithFiles {
  readonly connector: Connector;
  readonly chat: ChatKey;
  readonly author: MatrixAuthor;
  readonly files: ConnectorFiles | undefined;
  nextKey(): PartKey;
}

const picture = (source: string): Attachment => ({
  kind: "image",
  name: "cat.png",
  mimeType: "image/png",
  source,
});

async function send({ connector, chat, author }: ConnectorWithFiles, source: string, key: PartKey): Promise<void> {
  const content = { style: "text" as const, text: [], attachments: [picture(source)] };
  for (const part of connector.plan(chat, { kind: "message", content }, author, emptyLookup))
    await connector.sendPart(chat, part, author, key);
}

/** The suite; on a network without files it only sees that there is nothing to open. */
export function describeConnectorFiles(get: () => ConnectorWithFiles): void {
  test("[C4] a file of Matrix arrives whole, also under the same key again", async () => {
    const { files, nextKey, chat } = get();
    if (!files) return expectNoFiles(get());
    const bytes = Buffer.alloc(200_000, "a picture ");
    const key = nextKey();
    await send(get(), files.ofMatrix.put(bytes, { mimeType: "image/png" }), key);
    const [got, ...rest] = await files.received(chat);
    expect(rest).toHaveLength(0);
    expect(Buffer.compare(got ?? Buffer.alloc(0), bytes)).toBe(0);
  });

  test("[C4] a file that is gone rejects with media-gone, one that breaks off with media-failed, and it can be sent again", async () => {
    const { files, nextKey, chat } = get();
    if (!files) return expectNoFiles(get());
    await expect(send(get(), "mxc://test/gone", nextKey())).rejects.toMatchObject({ code: "media-gone" });
    const source = files.ofMatrix.put(Buffer.alloc(200_000, "x"));
    files.ofMatrix.breakNext();
    const key = nextKey();
    await expect(send(get(), source, key)).rejects.toMatchObject({ code: "media-failed" });
    await send(get(), source, key);
    expect((await files.received(chat)).map(({ length }) => length)).toEqual([200_000]);
  });

  test("[C4] a file of the network is opened by its source; one that is not there rejects with media-gone", async () => {
    const { files, connector } = get();
    if (!files) return expectNoFiles(get());
    const bytes = Buffer.alloc(200_000, "theirs ");
    const source = await files.put(bytes);
    const stream = await connector.openMedia?.({ source });
    expect(stream).toBeDefined();
    if (!stream) return;
    expect(Buffer.compare(await readMedia(stream), bytes)).toBe(0);
    stream.close();
    stream.close();
    await expect(connector.openMedia?.({ source: `${source}-not` })).rejects.toMatchObject({ code: "media-gone" });
  });
}

/** Files travel as words there, and the core never asks for one. */
function expectNoFiles({ connector, chat }: ConnectorWithFiles): void {
  expect(connector.openMedia).toBeUndefined();
  expect(connector.capabilities(chat.network).attachments).not.toBe("upload");
}
