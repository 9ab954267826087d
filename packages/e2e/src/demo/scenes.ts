/**
 * What the demo's people say and do, one thing at a time, and what an independent reader on the other side must see of it.
 */
import type { SeenLine } from "../observers/irc-observer.ts";
import type { SeenEvent } from "../observers/matrix-observer.ts";
import type { Stage } from "./stage.ts";

export interface Scene {
  readonly title: string;
  readonly direction: "Matrix → IRC" | "IRC → Matrix";
  /** Does it, and resolves with what the reader on the far side saw of it; rejects when it does not come. */
  play(stage: Stage, memory: Memory): Promise<string>;
}

/** Event ids that later scenes refer to. */
export interface Memory {
  said?: string;
  heard?: string;
}

const withinMs = 10_000;
const sentences = Array.from({ length: 30 }, (_, n) => `Sentence ${n + 1} of a text that no single IRC line can hold.`);
const longText = sentences.join(" ");

export const scenes: readonly Scene[] = [
  toIrc(
    "a message",
    async ({ alice, room }, memory) => {
      memory.said = await alice.client.say(room, "Hello, IRC!");
    },
    (line) => line.includes("Hello, IRC!"),
  ),
  toMatrix(
    "a message",
    "Hello, Matrix!",
    (event) => body(event) === "Hello, Matrix!",
    (memory, event) => {
      memory.heard = event.event_id;
    },
  ),
  toIrc(
    "formatting",
    ({ alice, room }) =>
      alice.client.say(room, {
        msgtype: "m.text",
        body: "**bold**, *italic* and `code`",
        format: "org.matrix.custom.html",
        formatted_body: "<strong>bold</strong>, <em>italic</em> and <code>code</code>",
      }),
    (line) => line.includes("\u0002bold\u0002") && line.includes("\u001ditalic\u001d"),
  ),
  toMatrix("formatting", "\u0002bold\u0002, \u001ditalic\u001d and \u000304red\u0003", (event) =>
    /<(?:strong|b)>bold<\/(?:strong|b)>/u.test(String(event.content["formatted_body"])),
  ),
  {
    title: "a long text, split and whole",
    direction: "Matrix → IRC",
    async play({ alice, room, dora, channel }) {
      const since = dora.lines.length;
      await alice.client.say(room, longText);
      await dora.wait((line) => isSaid(line, channel) && text(line).includes("Sentence 30"), withinMs, since);
      const lines = dora.lines.slice(since).filter((line) => isSaid(line, channel));
      const whole = lines.map((line) => text(line).replace(/^<[^>]*> /u, "")).join(" ");
      const missing = sentences.find((sentence) => !whole.replace(/\s+/gu, " ").includes(sentence));
      if (missing !== undefined) throw new Error(`it arrived without “${missing}”`);
      return `${lines.length} lines, every sentence whole`;
    },
  },
  toMatrix("a call by name", "alice: do you read this?", (event) =>
    JSON.stringify(event.content["m.mentions"] ?? "").includes("@alice:"),
  ),
  toIrc(
    "a reply",
    async ({ alice, room }, memory) => {
      const relation = { "m.in_reply_to": { event_id: memory.heard } };
      await alice.client.say(room, { msgtype: "m.text", body: "Nice to read you", "m.relates_to": relation });
    },
    (line) => line.includes("dora") && line.includes("Nice to read you"),
  ),
  toIrc(
    "an edit",
    async ({ alice, room }, memory) => {
      const replacement = { msgtype: "m.text", body: "Hello, world of IRC!" };
      const relation = { rel_type: "m.replace", event_id: memory.said };
      await alice.client.say(room, {
        ...replacement,
        body: "* Hello, world of IRC!",
        "m.new_content": replacement,
        "m.relates_to": relation,
      });
    },
    (line) => line.includes("world of"),
  ),
  toIrc(
    "a reaction",
    ({ alice, room }, memory) => alice.client.react(room, memory.heard ?? "", "👍"),
    (line) => line.includes("👍"),
  ),
  toIrc(
    "a deletion",
    ({ alice, room }, memory) => alice.client.redact(room, memory.said ?? ""),
    (_text, line) => line.command === "REDACT",
  ),
  toIrc(
    "a topic",
    ({ alice, room }) => alice.client.setState(room, "m.room.topic", "", { topic: "Set on Matrix" }),
    (line, { command }) => command === "TOPIC" && line.includes("Set on Matrix"),
  ),
  {
    title: "a topic",
    direction: "IRC → Matrix",
    async play({ alice, room, dora, channel }) {
      const since = alice.client.seen.length;
      dora.send(`TOPIC ${channel} :Set on IRC`);
      const event = await alice.client.wait(
        room,
        (seen) => seen.type === "m.room.topic" && seen.content["topic"] === "Set on IRC",
        { withinMs, since },
      );
      return `topic “${String(event.content["topic"])}” by ${event.sender}`;
    },
  },
  toMatrix(
    "an action",
    "\u0001ACTION waves\u0001",
    (event) => event.content["msgtype"] === "m.emote" && body(event) === "waves",
  ),
  toIrc(
    "an action",
    ({ alice, room }) => alice.client.say(room, { msgtype: "m.emote", body: "waves back" }),
    (line) => line.includes("waves back"),
  ),
];

/** Alice does something on Matrix; dora, on IRC, must read it. */
function toIrc(
  title: string,
  act: (stage: Stage, memory: Memory) => Promise<unknown>,
  fits: (text: string, line: SeenLine) => boolean,
): Scene {
  return {
    title,
    direction: "Matrix → IRC",
    async play(stage, memory) {
      const { dora, channel } = stage;
      const since = dora.lines.length;
      await act(stage, memory);
      const line = await dora.wait(
        (seen) => seen.params[0] === channel && fits(`${seen.tags} ${text(seen)}`, seen),
        withinMs,
        since,
      );
      return line.command === "PRIVMSG" ? text(line) : `${line.command} ${line.params.slice(1).join(" ")}`.trim();
    },
  };
}

/** Dora says something on IRC; alice, on Matrix, must read it. */
function toMatrix(
  title: string,
  said: string,
  fits: (event: SeenEvent) => boolean,
  remember: (memory: Memory, event: SeenEvent) => void = () => {},
): Scene {
  return {
    title,
    direction: "IRC → Matrix",
    async play({ alice, room, dora, channel }, memory) {
      const since = alice.client.seen.length;
      dora.say(channel, said);
      const event = await alice.client.wait(room, (seen) => seen.type === "m.room.message" && fits(seen), {
        withinMs,
        since,
      });
      remember(memory, event);
      return String(event.content["formatted_body"] ?? event.content["body"]);
    },
  };
}

const text = (line: SeenLine): string => line.params.at(-1) ?? "";
const body = (event: SeenEvent): string => String(event.content["body"]);
const isSaid = (line: SeenLine, channel: string): boolean => line.command === "PRIVMSG" && line.params[0] === channel;
