/** What Matrix events mean to the fake homeserver, and what it plans: plain bodies only, real markup is packages/matrix's. */
import {
  type Action,
  type Attachment,
  type Content,
  type EventId,
  eventId,
  type Interpreted,
  type Lookup,
  type MatrixEvent,
  type Part,
  type RemoteAuthor,
  roomId,
  userId,
} from "@trestle/core";
import { attachmentPart } from "./fake-media.ts";
import { cutPlain, plainToRich, richToPlain } from "./plain-body.ts";

/** Marks what no bridge carries on. */
export const controlMark = "dev.trestle.control";

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const styles: Readonly<Record<string, Content["style"]>> = { "m.emote": "emote", "m.notice": "notice" };
const fileKinds: Readonly<Record<string, Attachment["kind"]>> = {
  "m.image": "image",
  "m.video": "video",
  "m.audio": "audio",
  "m.file": "file",
};

function contentOf(content: Readonly<Record<string, unknown>>): Content | undefined {
  const body = text(content["body"]);
  const type = text(content["msgtype"]) ?? "m.text";
  if (body === undefined) return undefined;
  const kind = fileKinds[type];
  if (kind === undefined) return { style: styles[type] ?? "text", text: plainToRich(body), attachments: [] };
  const info = record(content["info"]);
  const byteLength = info["size"];
  const file: Attachment = {
    kind,
    name: text(content["filename"]) ?? body,
    mimeType: text(info["mimetype"]) ?? "application/octet-stream",
    ...(typeof byteLength === "number" ? { byteLength } : {}),
    source: text(content["url"]) ?? "",
  };
  const caption = file.name === body ? [] : plainToRich(body);
  return { style: "text", text: caption, attachments: [file] };
}

function interpretMessage(event: MatrixEvent): Action<EventId> | undefined {
  const relation = record(event.content["m.relates_to"]);
  const target = text(relation["event_id"]);
  if (relation["rel_type"] === "m.replace" && target !== undefined) {
    const content = contentOf(record(event.content["m.new_content"]));
    return content && { kind: "edit", targets: [eventId(target)], content };
  }
  const content = contentOf(event.content);
  if (!content) return undefined;
  const thread = relation["rel_type"] === "m.thread" ? target : undefined;
  const replyTo =
    relation["is_falling_back"] === true ? undefined : text(record(relation["m.in_reply_to"])["event_id"]);
  return {
    kind: "message",
    content,
    ...(replyTo === undefined ? {} : { replyTo: eventId(replyTo) }),
    ...(thread === undefined ? {} : { thread: eventId(thread) }),
  };
}

function interpretAction(event: MatrixEvent): Action<EventId> | undefined {
  switch (event.type) {
    case "m.room.message":
      return interpretMessage(event);
    case "m.sticker": {
      const content = contentOf({ ...event.content, msgtype: "m.image" });
      const [file] = content?.attachments ?? [];
      if (file === undefined) return undefined;
      return { kind: "message", content: { style: "text", text: [], attachments: [{ ...file, kind: "sticker" }] } };
    }
    case "m.reaction": {
      const { event_id: target, key } = record(event.content["m.relates_to"]);
      if (typeof target !== "string" || typeof key !== "string") return undefined;
      return { kind: "react", target: eventId(target), key };
    }
    case "m.room.redaction": {
      const target = event.redacts ?? text(event.content["redacts"]);
      const reason = text(event.content["reason"]);
      if (target === undefined) return undefined;
      return { kind: "delete", targets: [eventId(target)], ...(reason === undefined ? {} : { reason }) };
    }
    default:
      return undefined;
  }
}

function interpretMember(event: MatrixEvent): Interpreted | undefined {
  const membership = text(event.content["membership"]);
  if (membership === undefined || event.state_key === undefined) return undefined;
  const reason = text(event.content["reason"]);
  const name = text(event.content["displayname"]);
  return {
    kind: "membership",
    user: userId(event.state_key),
    membership,
    direct: event.content["is_direct"] === true,
    ...(reason === undefined ? {} : { reason }),
    ...(name === undefined ? {} : { name }),
  };
}

/** What an event means; total. */
export function interpretEvent(event: MatrixEvent): Interpreted | undefined {
  if (event.content === null || typeof event.content !== "object" || event.content[controlMark] !== undefined) {
    return undefined;
  }
  const isState = event.state_key !== undefined;
  switch (event.type) {
    case "m.room.member":
      return interpretMember(event);
    case "m.room.topic":
      return isState ? { kind: "room-changed", topic: text(event.content["topic"]) ?? "" } : undefined;
    case "m.room.name":
      return isState ? { kind: "room-changed", name: text(event.content["name"]) ?? "" } : undefined;
    case "m.room.encryption":
      return isState ? { kind: "encryption" } : undefined;
    case "m.room.encrypted":
      return { kind: "encrypted-message" };
    case "m.room.tombstone": {
      const replacement = text(event.content["replacement_room"]);
      if (!isState) return undefined;
      return { kind: "tombstone", ...(replacement === undefined ? {} : { replacement: roomId(replacement) }) };
    }
    default: {
      const action = interpretAction(event);
      const { id, displayname } = record(event.content["com.beeper.per_message_profile"]);
      const name = text(displayname);
      const persona =
        text(id) === undefined ? {} : { persona: { id: String(id), ...(name === undefined ? {} : { name }) } };
      return action && { kind: "action", action, ...persona };
    }
  }
}

const msgtypes = { text: "m.text", emote: "m.emote", notice: "m.notice" } as const;

const msgtypeOf = { image: "m.image", video: "m.video", audio: "m.audio", voice: "m.audio" } as const;

function filePart(file: Attachment, more: Readonly<Record<string, unknown>>): Part {
  const isSticker = file.kind === "sticker";
  const msgtype = file.kind in msgtypeOf ? msgtypeOf[file.kind as keyof typeof msgtypeOf] : "m.file";
  const content = {
    ...(isSticker ? {} : { msgtype }),
    body: file.description ?? file.name,
    filename: file.name,
    info: { mimetype: file.mimeType },
    ...more,
  };
  const event = { type: isSticker ? "m.sticker" : "m.room.message", content };
  return { ...event, attachment: attachmentPart(file) } as Part;
}

/** One part per event: `{type, content}`, or a verb for what is not an event of ours (unreact, typing, read, membership). */
export function planEvents(
  action: Action<EventId>,
  author: RemoteAuthor,
  lookup: Lookup,
  limit: { readonly max: number; readonly partsMax: number },
): Part[] {
  const origin = { network: author.network, author: author.id };
  switch (action.kind) {
    case "message": {
      const quote = action.quote === undefined ? "" : `> <${action.quote.author}> ${action.quote.text}\n`;
      const reply = action.replyTo === undefined ? {} : { "m.in_reply_to": { event_id: action.replyTo } };
      const thread = action.thread === undefined ? {} : { rel_type: "m.thread", event_id: action.thread };
      const relates =
        action.replyTo === undefined && action.thread === undefined ? {} : { "m.relates_to": { ...reply, ...thread } };
      const pieces = cutPlain(quote + richToPlain(action.content.text, lookup), limit.max, limit.partsMax);
      const texts = pieces.map((body, part) => ({
        msgtype: msgtypes[action.content.style],
        body,
        ...(part === 0 ? relates : {}),
        "dev.trestle.origin": { ...origin, part, parts: pieces.length },
      }));
      const files = action.content.attachments.map((file, index) =>
        filePart(file, { ...(index === 0 && texts.length === 0 ? relates : {}), "dev.trestle.origin": origin }),
      );
      return [...texts.map((content) => ({ type: "m.room.message", content })), ...files];
    }
    case "edit": {
      const [target] = action.targets;
      if (target === undefined) return [];
      const replacement = { msgtype: msgtypes[action.content.style], body: richToPlain(action.content.text, lookup) };
      const content = {
        msgtype: replacement.msgtype,
        body: `* ${replacement.body}`,
        "m.new_content": replacement,
        "m.relates_to": { rel_type: "m.replace", event_id: target },
        "dev.trestle.origin": origin,
      };
      return [{ type: "m.room.message", content }];
    }
    case "delete":
      return action.targets.map((redacts) => ({
        type: "m.room.redaction",
        redacts,
        content: action.reason === undefined ? {} : { reason: action.reason },
      }));
    case "react": {
      const relates = { rel_type: "m.annotation", event_id: action.target, key: action.key };
      return [{ type: "m.reaction", content: { "m.relates_to": relates, "dev.trestle.origin": origin } }];
    }
    case "unreact":
      return [{ verb: "unreact", target: action.target, key: action.key }];
    case "typing":
      return [{ verb: "typing", active: action.active }];
    case "read":
      return [{ verb: "read", target: action.upTo }];
    case "membership":
      return [{ verb: "membership", change: action.change, reason: action.reason ?? "" }];
    case "moderate":
      return [{ verb: "moderate", what: action.what, user: action.user, reason: action.reason ?? "" }];
  }
}
