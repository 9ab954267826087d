/**
 * An action on its way to Matrix, as the events that it becomes: pure. Each part is the content of one event, without what only
 * the moment of sending knows (ghost, transaction id, origin key). Long texts are split so that a whole event stays well below
 * Matrix's 65,536 bytes, counted by ourselves because servers disagree on what they say when it is not.
 */
import type {
  Action,
  Attachment,
  Capabilities,
  Content,
  EventId,
  Json,
  Lookup,
  NetworkId,
  Part,
  RemoteAuthor,
  UserId,
} from "@trestle/core";
import type { Block, RichText } from "@trestle/richtext";
import { originField } from "./confirmation.ts";
import { htmlCodec, type MatrixText } from "./html.ts";

/** Of the content alone: the rest of an event (ids, signatures, hashes) takes below 4 KiB. */
const contentBytesMax = 60_000;
const partsMax = 20;
const textBytesMax = 24_000;

/** What Matrix can do, for the core to degrade by. Files are announced by name until media are carried. */
export const matrixCapabilities: Capabilities = {
  actions: new Set(["message", "edit", "delete", "react", "unreact", "typing", "read", "membership", "moderate"]),
  replies: true,
  threads: true,
  text: { max: textBytesMax, unit: "bytes", partsMax },
  attachments: "announce",
  impersonation: "connection",
  ageLimitMs: 24 * 60 * 60 * 1000,
};

type JsonBag = { readonly [key: string]: Json };

/** A planned part, as sendPart reads it back from the store. */
export type MatrixPart =
  | { readonly op: "event"; readonly type: string; readonly content: JsonBag }
  | { readonly op: "redact"; readonly event: string; readonly reason: string | null }
  | { readonly op: "unreact"; readonly target: string; readonly key: string }
  | { readonly op: "typing"; readonly active: boolean }
  | { readonly op: "read"; readonly upTo: string }
  | { readonly op: "membership"; readonly change: "join" | "leave" }
  | {
      readonly op: "moderate";
      readonly what: "kick" | "ban" | "unban";
      readonly user: string;
      readonly reason: string | null;
    };

/** The events of this action, in the order in which they are to be sent. */
export function plan(action: Action<EventId>, author: RemoteAuthor, lookup: Lookup): Part[] {
  return partsOf(action, author, lookup).map((part) => ({ ...part }) as Part);
}

function partsOf(action: Action<EventId>, author: RemoteAuthor, lookup: Lookup): MatrixPart[] {
  switch (action.kind) {
    case "message":
      return messageParts(action, author, lookup);
    case "edit":
      return editParts(action.targets, action.content, author, lookup);
    case "delete":
      return action.targets.map((event) => ({ op: "redact", event, reason: wellFormed(action.reason) }));
    case "react": {
      const relates = { rel_type: "m.annotation", event_id: action.target, key: action.key.toWellFormed() };
      return [event("m.reaction", { "m.relates_to": relates }, author)];
    }
    case "unreact":
      return [{ op: "unreact", target: action.target, key: action.key.toWellFormed() }];
    case "typing":
      return [{ op: "typing", active: action.active }];
    case "read":
      return [{ op: "read", upTo: action.upTo }];
    case "membership":
      return [{ op: "membership", change: action.change }];
    case "moderate":
      return [{ op: "moderate", what: action.what, user: action.user, reason: wellFormed(action.reason) }];
  }
}

function messageParts(
  action: Extract<Action<EventId>, { kind: "message" }>,
  author: RemoteAuthor,
  lookup: Lookup,
): MatrixPart[] {
  const { content, replyTo, thread, quote } = action;
  const texts = print(withQuote(withFiles(content), quote), lookup, 1);
  return texts.map((said, index) => {
    const relates = relation(index === 0 ? replyTo : undefined, thread);
    const message = {
      ...textContent(said, content.style),
      ...(relates === undefined ? {} : { "m.relates_to": relates }),
    };
    return event("m.room.message", message, author, texts.length > 1 ? { index, of: texts.length } : undefined);
  });
}

function relation(replyTo: EventId | undefined, thread: EventId | undefined): JsonBag | undefined {
  if (thread !== undefined) {
    return {
      rel_type: "m.thread",
      event_id: thread,
      is_falling_back: replyTo === undefined,
      "m.in_reply_to": { event_id: replyTo ?? thread },
    };
  }
  return replyTo === undefined ? undefined : { "m.in_reply_to": { event_id: replyTo } };
}

/** Part by part over the events that were there; what is new is sent after them, what is left over is taken back. */
function editParts(targets: readonly EventId[], content: Content, author: RemoteAuthor, lookup: Lookup): MatrixPart[] {
  const texts = print(withFiles(content), lookup, 2);
  const parts = texts.map((said, index): MatrixPart => {
    const fresh = textContent(said, content.style);
    const target = targets[index];
    const place = texts.length > 1 ? { index, of: texts.length } : undefined;
    if (target === undefined) return event("m.room.message", fresh, author, place);
    const edit = {
      msgtype: fresh["msgtype"] as string,
      body: `* ${said.body}`.toWellFormed(),
      // Nobody is called again because of an edit.
      "m.mentions": {},
      "m.new_content": fresh,
      "m.relates_to": { rel_type: "m.replace", event_id: target },
      ...(said.formattedBody === undefined
        ? {}
        : { format: "org.matrix.custom.html", formatted_body: `* ${said.formattedBody}`.toWellFormed() }),
    };
    return event("m.room.message", edit, author, place);
  });
  const surplus = texts.length === 0 ? [] : targets.slice(texts.length);
  return [...parts, ...surplus.map((target): MatrixPart => ({ op: "redact", event: target, reason: null }))];
}

function textContent(said: MatrixText, style: Content["style"]): JsonBag {
  const mentions: { [key: string]: Json } = {};
  if (said.mentions !== undefined && said.mentions.userIds.length > 0)
    mentions["user_ids"] = [...said.mentions.userIds];
  if (said.mentions?.room === true) mentions["room"] = true;
  return {
    msgtype: style === "emote" ? "m.emote" : style === "notice" ? "m.notice" : "m.text",
    body: said.body.toWellFormed(),
    ...(said.formattedBody === undefined
      ? {}
      : { format: "org.matrix.custom.html", formatted_body: said.formattedBody.toWellFormed() }),
    "m.mentions": mentions,
  };
}

/** Printed ever smaller until each part's content fits; `copies`: how often a text stands in its event. */
function print(doc: RichText, lookup: Lookup, copies: number): MatrixText[] {
  for (let max = Math.floor(textBytesMax / copies); ; max = Math.floor(max / 2)) {
    const texts = htmlCodec.print(doc, { max, unit: "bytes", partsMax }, lookup);
    if (max < 500 || texts.every((said) => bytesOf(said) * copies < contentBytesMax)) return texts;
  }
}

/** As JSON, since that is what is counted: a quote or a control letter takes more there. */
const bytesOf = (said: MatrixText): number =>
  Buffer.byteLength(JSON.stringify(said.body)) + Buffer.byteLength(JSON.stringify(said.formattedBody ?? "")) + 1000;

function event(
  type: string,
  content: JsonBag,
  author: Pick<RemoteAuthor, "network" | "name">,
  place?: { readonly index: number; readonly of: number },
): MatrixPart {
  const origin = {
    network: author.network as NetworkId as string,
    author: author.name.toWellFormed().slice(0, 256),
    ...(place === undefined ? {} : { part: place.index, parts: place.of }),
  };
  return { op: "event", type, content: { ...content, [originField]: origin } };
}

/** Files are named until they are carried. */
function withFiles(content: Content): RichText {
  if (content.attachments.length === 0) return content.text;
  return [...content.text, ...content.attachments.map((file): Block => paragraph(fileLine(file)))];
}

const fileLine = ({ kind, name, byteLength, description }: Attachment): string => {
  const size = byteLength === undefined ? "" : `, ${sizeText(byteLength)}`;
  return `[${kind}: ${name}${size}]${description === undefined || description === name ? "" : ` ${description}`}`;
};

const sizeText = (bytes: number): string =>
  bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

function withQuote(doc: RichText, quote: { readonly author: string; readonly text: string } | undefined): RichText {
  if (quote === undefined) return doc;
  return [{ kind: "quote", children: [paragraph(`${quote.author}: ${quote.text}`)] }, ...doc];
}

const paragraph = (said: string): Block => ({
  kind: "paragraph",
  children: said
    .split(/\r\n|\r|\n/)
    .flatMap((line, index) => [
      ...(index === 0 ? [] : [{ kind: "break" } as const]),
      { kind: "text", text: line } as const,
    ]),
});

const wellFormed = (said: string | undefined): string | null => said?.toWellFormed() ?? null;

/** Content of the bot's own word to people; no bridge carries it. */
export function noticeContent(
  said: string,
  toward: { readonly user?: UserId; readonly event?: EventId } | undefined,
): JsonBag {
  return {
    msgtype: "m.notice",
    body: said.toWellFormed().slice(0, 20_000).toWellFormed(),
    "m.mentions": toward?.user === undefined ? {} : { user_ids: [toward.user] },
    "dev.trestle.control": true,
    ...(toward?.event === undefined ? {} : { "m.relates_to": { "m.in_reply_to": { event_id: toward.event } } }),
  };
}
