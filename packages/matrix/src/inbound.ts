/**
 * What an event of Matrix means to a bridge: pure and total, whatever the event holds. It knows no portal and checks no target
 * (the core does); it downloads nothing, a file becomes a description with its mxc address.
 */
import {
  type Action,
  type Attachment,
  type Content,
  type EventId,
  emptyLookup,
  eventId,
  type Interpreted,
  type MatrixEvent,
  roomId,
  userId,
} from "@trestle/core";
import type { RichText } from "@trestle/richtext";
import { htmlCodec, stripReplyFallback } from "./html/codec.ts";
import { blurhashPattern, waveformOf } from "./media/file.ts";
import { fileName, mimeTypeOf, mxcPattern, sizeText } from "./media/name.ts";
import { personaOf, withoutNameFallback } from "./persona.ts";

type Bag = Readonly<Record<string, unknown>>;

/** Reaction keys are an emoji or a short word; a longer one is an attempt at something else. */
const reactionKeyMax = 256;
const reasonMax = 500;
const bodyMax = 65_536;

/** What this event means; undefined when nothing that we carry. Never throws. */
export function interpret(event: MatrixEvent): Interpreted | undefined {
  const content = bag(event.content);
  if (content === undefined) return undefined;
  switch (event.type) {
    case "m.room.message":
      return withPersona(messageAction(content), content);
    case "m.sticker":
      return asAction(stickerAction(content));
    case "m.reaction":
      return asAction(reaction(content));
    case "m.room.redaction":
      return asAction(redaction(event, content));
    case "m.poll.start":
    case "org.matrix.msc3381.poll.start":
      return asAction(pollText(content));
    case "m.room.encrypted":
      return { kind: "encrypted-message" };
    default:
      return event.state_key === undefined ? undefined : stateMeaning(event, content);
  }
}

const asAction = (action: Action<EventId> | undefined): Interpreted | undefined =>
  action === undefined ? undefined : { kind: "action", action };

/** An edit carries the profile in its new content. */
function withPersona(action: Action<EventId> | undefined, content: Bag): Interpreted | undefined {
  const fresh = action?.kind === "edit" ? (bag(content["m.new_content"]) ?? content) : content;
  const persona = personaOf(fresh) ?? personaOf(content);
  return action === undefined ? undefined : { kind: "action", action, ...(persona === undefined ? {} : { persona }) };
}

function stateMeaning(event: MatrixEvent, content: Bag): Interpreted | undefined {
  if (event.type === "m.room.member") return membership(event, content);
  if (event.state_key !== "") return undefined;
  switch (event.type) {
    case "m.room.topic":
      return { kind: "room-changed", topic: text(content["topic"]) ?? "" };
    case "m.room.name":
      return { kind: "room-changed", name: text(content["name"]) ?? "" };
    case "m.room.encryption":
      return { kind: "encryption" };
    case "m.room.tombstone": {
      const replacement = text(content["replacement_room"]);
      return replacement?.startsWith("!")
        ? { kind: "tombstone", replacement: roomId(replacement) }
        : { kind: "tombstone" };
    }
    default:
      return undefined;
  }
}

function membership(event: MatrixEvent, content: Bag): Interpreted | undefined {
  const change = text(content["membership"]);
  if (change === undefined || !event.state_key?.startsWith("@")) return undefined;
  const reason = text(content["reason"])?.slice(0, reasonMax);
  const name = text(content["displayname"]);
  return {
    kind: "membership",
    user: userId(event.state_key),
    membership: change,
    direct: content["is_direct"] === true,
    ...(reason === undefined ? {} : { reason }),
    ...(name === undefined ? {} : { name }),
  };
}

function messageAction(content: Bag): Action<EventId> | undefined {
  // A bridge's own talk to people, this bridge's or a sibling's: it never crosses.
  if (content["dev.trestle.control"] === true) return undefined;
  const relates = bag(content["m.relates_to"]);
  if (relates?.["rel_type"] === "m.replace") {
    const target = idOf(relates["event_id"]);
    const fresh = bag(content["m.new_content"]);
    const edited = fresh === undefined ? undefined : contentOf(fresh, false);
    return target === undefined || edited === undefined
      ? undefined
      : { kind: "edit", targets: [target], content: edited };
  }
  const answered = idOf(bag(relates?.["m.in_reply_to"])?.["event_id"]);
  const said = contentOf(content, answered !== undefined);
  if (said === undefined) return undefined;
  const thread = relates?.["rel_type"] === "m.thread" ? idOf(relates["event_id"]) : undefined;
  // In a thread the reply is often only there for clients that know none.
  const replyTo = thread !== undefined && relates?.["is_falling_back"] === true ? undefined : answered;
  return {
    kind: "message",
    content: said,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(thread === undefined ? {} : { thread }),
  };
}

function contentOf(said: Bag, isReply: boolean): Content | undefined {
  const content = withoutNameFallback(said);
  const type = text(content["msgtype"]);
  const body = text(content["body"]);
  if (type === undefined || body === undefined) return undefined;
  switch (type) {
    case "m.image":
    case "m.video":
    case "m.audio":
    case "m.file":
      return fileContent(type, content, body);
    case "m.location":
      return plainContent(locationText(content, body));
    // Spoken between devices, not between people.
    case "m.key.verification.request":
      return undefined;
    default:
      return {
        style: type === "m.emote" ? "emote" : type === "m.notice" || type === "m.server_notice" ? "notice" : "text",
        text: richText(content, body, isReply),
        attachments: [],
      };
  }
}

function richText(content: Bag, body: string, isReply: boolean): RichText {
  const html = content["format"] === "org.matrix.custom.html" ? text(content["formatted_body"]) : undefined;
  const mentions = bag(content["m.mentions"]);
  const users = mentions?.["user_ids"];
  const wire = {
    body: isReply && html === undefined ? stripReplyFallback(body) : body,
    ...(html === undefined ? {} : { formattedBody: html }),
    ...(mentions === undefined
      ? {}
      : {
          mentions: {
            userIds: Array.isArray(users) ? users.filter(isText).slice(0, 50) : [],
            room: mentions["room"] === true,
          },
        }),
  };
  return htmlCodec.parse(wire, emptyLookup);
}

const plainContent = (said: string): Content => ({
  style: "text",
  text: htmlCodec.parse({ body: said }, emptyLookup),
  attachments: [],
});

const attachmentKinds = { "m.image": "image", "m.video": "video", "m.audio": "audio", "m.file": "file" } as const;

function fileContent(type: keyof typeof attachmentKinds, content: Bag, body: string): Content | undefined {
  const filename = text(content["filename"]);
  const source = sourceOf(content);
  if (source === undefined) return encryptedFile(content, body);
  const voice = content["org.matrix.msc3245.voice"] !== undefined || content["m.voice"] !== undefined;
  const kind = type === "m.audio" && voice ? "voice" : attachmentKinds[type];
  const name = fileName(filename ?? body);
  const description = altText(content);
  // Since filenames have a key of their own, a body that differs from it is a caption, or else says what it shows.
  const hasCaption = filename !== undefined && filename !== body && description !== body;
  const spoiler =
    content["page.codeberg.everypizza.msc4193.spoiler"] === true || content["m.content_warning"] !== undefined;
  const attachment: Attachment = {
    kind,
    name,
    source,
    ...(description === undefined ? {} : { description }),
    ...infoOf(content),
    ...(spoiler ? { spoiler: true } : {}),
  };
  return { style: "text", text: hasCaption ? richText(content, body, false) : [], attachments: [attachment] };
}

/** What it shows, for those who cannot see it (MSC3552). */
function altText(content: Bag): string | undefined {
  const said = bag(content["m.alt_text"]) ?? bag(content["org.matrix.msc1767.alt_text"]);
  const words = said?.["m.text"] ?? said?.["org.matrix.msc1767.text"];
  const first = Array.isArray(words) ? text(bag(words[0])?.["body"]) : text(words);
  return first === undefined || first.trim() === "" ? undefined : first.slice(0, 2_000).toWellFormed();
}

/** Nobody but its readers can open it: it is named, and nothing is carried. */
function encryptedFile(content: Bag, body: string): Content | undefined {
  if (text(bag(content["file"])?.["url"]) === undefined) return undefined;
  const size = whole(bag(content["info"])?.["size"]);
  const name = fileName(text(content["filename"]) ?? body);
  return plainContent(
    `[${name}${size === undefined ? "" : `, ${sizeText(size)}`}: encrypted, the bridge cannot open it]`,
  );
}

function stickerAction(content: Bag): Action<EventId> | undefined {
  const body = text(content["body"]);
  const source = sourceOf(content);
  if (body === undefined || source === undefined) return undefined;
  const attachment: Attachment = {
    kind: "sticker",
    name: fileName(body),
    description: body,
    source,
    ...infoOf(content),
  };
  return { kind: "message", content: { style: "text", text: [], attachments: [attachment] } };
}

function sourceOf(content: Bag): string | undefined {
  const url = text(content["url"]);
  return url !== undefined && mxcPattern.test(url) ? url : undefined;
}

type Info = Omit<Attachment, "kind" | "name" | "source" | "description" | "spoiler">;

function infoOf(content: Bag): Info {
  const info = bag(content["info"]) ?? {};
  const audio = bag(content["org.matrix.msc1767.audio"]) ?? {};
  const blurhash = text(info["xyz.amorgan.blurhash"]) ?? text(info["blurhash"]);
  const waveform = audio["waveform"];
  return {
    mimeType: mimeTypeOf(text(info["mimetype"])),
    ...count("byteLength", info["size"]),
    ...count("width", info["w"]),
    ...count("height", info["h"]),
    ...count("durationMs", whole(info["duration"]) ?? audio["duration"]),
    ...(blurhash !== undefined && blurhashPattern.test(blurhash) ? { blurhash } : {}),
    ...(Array.isArray(waveform) && waveform.length > 0 ? { waveform: waveformOf(waveform.slice(0, 10_000)) } : {}),
    ...thumbnailOf(info),
  };
}

function thumbnailOf(info: Bag): Pick<Attachment, "thumbnail"> {
  const source = text(info["thumbnail_url"]);
  if (source === undefined || !mxcPattern.test(source)) return {};
  const about = bag(info["thumbnail_info"]) ?? {};
  return {
    thumbnail: {
      source,
      mimeType: mimeTypeOf(text(about["mimetype"])),
      ...count("width", about["w"]),
      ...count("height", about["h"]),
      ...count("byteLength", about["size"]),
    },
  };
}

const whole = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const count = <K extends string>(key: K, value: unknown): { [P in K]?: number } => {
  const number = whole(value);
  return (number === undefined ? {} : { [key]: number }) as { [P in K]?: number };
};

function locationText(content: Bag, body: string): string {
  const geo = text(content["geo_uri"]) ?? text(bag(content["m.location"])?.["uri"]) ?? "";
  const at = /^geo:(-?\d{1,3}(?:\.\d{1,12})?),(-?\d{1,3}(?:\.\d{1,12})?)/.exec(geo);
  if (at === null) return body;
  const url = `https://www.openstreetmap.org/?mlat=${at[1]}&mlon=${at[2]}`;
  return body.trim() === "" ? url : `${body} ${url}`;
}

function pollText(content: Bag): Action<EventId> | undefined {
  const poll = bag(content["m.poll"]) ?? bag(content["org.matrix.msc3381.poll.start"]);
  const question = poll === undefined ? undefined : pollWords(poll["question"]);
  if (poll === undefined || question === undefined) return undefined;
  const answers = Array.isArray(poll["answers"]) ? poll["answers"].slice(0, 20).map(pollWords).filter(isText) : [];
  const lines = answers.map((answer, index) => `${index + 1}. ${answer}`);
  return { kind: "message", content: plainContent([`Poll: ${question}`, ...lines].join("\n")) };
}

function pollWords(value: unknown): string | undefined {
  const words = bag(value);
  if (words === undefined) return undefined;
  const list = words["m.text"];
  const first = Array.isArray(list) ? text(bag(list[0])?.["body"]) : undefined;
  return first ?? text(words["org.matrix.msc1767.text"]) ?? text(list) ?? text(words["body"]);
}

function reaction(content: Bag): Action<EventId> | undefined {
  const relates = bag(content["m.relates_to"]);
  const target = idOf(relates?.["event_id"]);
  const key = text(relates?.["key"]);
  if (relates?.["rel_type"] !== "m.annotation" || target === undefined || key === undefined) return undefined;
  return key === "" || key.length > reactionKeyMax ? undefined : { kind: "react", target, key };
}

/** Room version 11 moved `redacts` into the content. */
function redaction(event: MatrixEvent, content: Bag): Action<EventId> | undefined {
  const target = idOf(event.redacts) ?? idOf(content["redacts"]);
  if (target === undefined) return undefined;
  const reason = text(content["reason"])?.slice(0, reasonMax);
  return { kind: "delete", targets: [target], ...(reason === undefined ? {} : { reason }) };
}

const isText = (value: unknown): value is string => typeof value === "string";
const text = (value: unknown): string | undefined => (typeof value === "string" ? value.slice(0, bodyMax) : undefined);

const bag = (value: unknown): Bag | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Bag) : undefined;

const idOf = (value: unknown): EventId | undefined =>
  typeof value === "string" && value.length > 1 && value.length <= 255 && value.startsWith("$")
    ? eventId(value)
    : undefined;
