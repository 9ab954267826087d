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
import { originField } from "./delivery/confirmation.ts";
import { htmlCodec, type MatrixText } from "./html/codec.ts";
import { type FilePart, fileEvent, filePart, isSticker } from "./media/file.ts";

/** Of the content alone: the rest of an event (ids, signatures, hashes) takes below 4 KiB. */
const contentBytesMax = 60_000;
/** Leaves room for all that an event says of its file. */
const captionBytesMax = 30_000;
const partsMax = 20;
const textBytesMax = 24_000;

/** What Matrix can do, for the core to degrade by. */
export const matrixCapabilities: Capabilities = {
  actions: new Set(["message", "edit", "delete", "react", "unreact", "typing", "read", "membership", "moderate"]),
  replies: true,
  threads: true,
  text: { max: textBytesMax, unit: "bytes", partsMax },
  attachments: "upload",
  impersonation: "connection",
  ageLimitMs: 24 * 60 * 60 * 1000,
};

type JsonBag = { readonly [key: string]: Json };

/** A planned part, as sendPart reads it back from the store. */
export type MatrixPart =
  | { readonly op: "event"; readonly type: string; readonly content: JsonBag }
  | FilePart
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
  const pieces = layOut(content, quote, lookup, 1);
  return pieces.map((piece, index) => {
    const relates = relation(index === 0 ? replyTo : undefined, thread);
    const message = { ...piece.content, ...(relates === undefined ? {} : { "m.relates_to": relates }) };
    return partOf(piece, message, author, placeOf(index, pieces));
  });
}

/** One event of a message: a text, or a file with the first one's caption. */
interface Piece {
  readonly type: string;
  readonly content: JsonBag;
  readonly file?: Attachment;
}

/** Texts first, then the files side by side; a text that fits beside the first file is its caption (MSC2530). */
function layOut(
  { text, style, attachments }: Content,
  quote: { readonly author: string; readonly text: string } | undefined,
  lookup: Lookup,
  copies: number,
): Piece[] {
  const [first] = attachments;
  const captions = first !== undefined && style === "text" && !isSticker(first);
  const description = captions && text.length > 0 ? first.description?.trim() : undefined;
  // Beside a caption there is no other place where people would see what the picture shows.
  const doc = description ? [...text, paragraph(`[${description.slice(0, 2_000)}]`)] : text;
  const texts = print(withQuote(doc, quote), lookup, copies);
  const [only] = texts;
  const fits = texts.length === 1 && only !== undefined && bytesOf(only) * copies < captionBytesMax;
  const caption = captions && fits ? textContent(only, "text") : undefined;
  const said = caption === undefined ? texts : [];
  return [
    ...said.map((one): Piece => ({ type: "m.room.message", content: textContent(one, style) })),
    ...attachments.map((file, index): Piece => ({ ...fileEvent(file, index === 0 ? caption : undefined), file })),
  ];
}

type Place = { readonly index: number; readonly of: number } | undefined;

const placeOf = (index: number, all: readonly unknown[]): Place =>
  all.length > 1 ? { index, of: all.length } : undefined;

function partOf({ type, file }: Piece, content: JsonBag, author: RemoteAuthor, place: Place): MatrixPart {
  const whole = { ...content, [originField]: originOf(author, place) };
  return file === undefined ? { op: "event", type, content: whole } : filePart(file, author.network, type, whole);
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
  const pieces = layOut(content, undefined, lookup, 2);
  const parts = pieces.flatMap((piece, index): MatrixPart[] => {
    const fresh = piece.content;
    const target = targets[index];
    const place = placeOf(index, pieces);
    if (target === undefined) return [partOf(piece, fresh, author, place)];
    // No client knows how to replace a sticker; it stays as it is.
    if (piece.type !== "m.room.message") return [];
    const edit = {
      msgtype: fresh["msgtype"] as string,
      body: `* ${fresh["body"] as string}`,
      ...(piece.file === undefined ? {} : { info: fresh["info"] as Json }),
      // Nobody is called again because of an edit.
      "m.mentions": {},
      "m.new_content": fresh,
      "m.relates_to": { rel_type: "m.replace", event_id: target },
      ...(fresh["formatted_body"] === undefined
        ? {}
        : { format: "org.matrix.custom.html", formatted_body: `* ${fresh["formatted_body"] as string}` }),
    };
    return [partOf(piece, edit, author, place)];
  });
  const surplus = pieces.length === 0 ? [] : targets.slice(pieces.length);
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

function event(type: string, content: JsonBag, author: Pick<RemoteAuthor, "network" | "name">): MatrixPart {
  return { op: "event", type, content: { ...content, [originField]: originOf(author, undefined) } };
}

const originOf = (author: Pick<RemoteAuthor, "network" | "name">, place: Place): JsonBag => ({
  network: author.network as NetworkId as string,
  author: author.name.toWellFormed().slice(0, 256),
  ...(place === undefined ? {} : { part: place.index, parts: place.of }),
});

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
