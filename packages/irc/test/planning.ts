/** How the tests of planning say things: two networks, one speaker, and what a reader sees. */
import {
  type Action,
  type Attachment,
  type Content,
  emptyLookup,
  type Lookup,
  type MatrixAuthor,
  type RemoteMessageId,
  userId,
} from "@trestle/core";
import { doc, type RichText } from "@trestle/richtext";
import { type IrcPart, type PlanContext, planIrc } from "../src/outbound.ts";

export const alice: MatrixAuthor = { userId: userId("@alice:example.org"), name: "Alice" };
export const mask = ":trestle!~trestle@gateway.example.org ";
export const plain: PlanContext = {
  channel: "#trestle",
  ownNick: "trestle",
  ownHostmaskBytes: Buffer.byteLength(mask),
  lineBytesMax: 512,
  nicks: new Set(["bob", "carol"]),
  mapping: "rfc1459",
  statusPrefixes: "@+",
  redaction: false,
  react: false,
  reply: false,
  typing: false,
  partsMax: 5,
  reactionNotices: false,
};
export const rich: PlanContext = {
  ...plain,
  redaction: true,
  react: true,
  reply: true,
  typing: true,
  relaymsg: { separator: "/" },
};

export const content = (text: RichText, rest: Partial<Content> = {}): Content => ({
  style: "text",
  text,
  attachments: [],
  ...rest,
});
export const say = (text: RichText | string, rest: Partial<Content> = {}): Action<RemoteMessageId> => ({
  kind: "message",
  content: content(typeof text === "string" ? doc(text) : text, rest),
});
export const plan = (action: Action<RemoteMessageId>, context = plain, author = alice, lookup: Lookup = emptyLookup) =>
  planIrc(action, author, context, lookup);
/** Lines as a reader sees them. */
export const seen = (parts: readonly IrcPart[]) => parts.map(({ text }) => text.replaceAll("\u200b", ""));

export const file = (rest: Partial<Attachment> = {}): Attachment => ({
  kind: "image",
  name: "cat.png",
  mimeType: "image/png",
  source: "mxc://example.org/x",
  ...rest,
});
