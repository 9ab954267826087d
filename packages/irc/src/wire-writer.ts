/**
 * The only way to the wire: what a line that leaves us may look like. It knows the shape of each command that we send and
 * refuses everything else: control bytes, lines that are too long, shifted or additional parameters, several targets, a
 * service message dressed up as text. It knows no connection; transport.ts calls `checkLine` before each write.
 */

/** 512 bytes without CR LF (RFC 2812 2.3). */
export const lineBytesMax = 510;
/** With `@` and the space after it; what a client may send (https://ircv3.net/specs/extensions/message-tags). */
export const tagBytesMax = 4096;

/** A line that must not be sent. The message names the rule, never the line: it may hold a password. */
export class WireError extends Error {
  constructor(rule: string) {
    super(rule);
    this.name = "WireError";
  }
}

type Kind = "channel" | "channels" | "word" | "target" | "text" | "optional-text" | "message" | "reply";

interface Shape {
  readonly kinds: readonly Kind[];
  /** How many of them must be there; all when absent. */
  readonly min?: number;
  /** Any number of further words. */
  readonly more?: boolean;
}

const shapes: Readonly<Record<string, Shape>> = {
  PASS: { kinds: ["text"] },
  NICK: { kinds: ["word"] },
  USER: { kinds: ["word", "word", "word", "text"] },
  CAP: { kinds: ["word", "text"], min: 1 },
  AUTHENTICATE: { kinds: ["word"] },
  PING: { kinds: ["text"] },
  PONG: { kinds: ["text"] },
  QUIT: { kinds: ["optional-text"], min: 0 },
  JOIN: { kinds: ["channels", "word"], min: 1 },
  PART: { kinds: ["channel", "optional-text"], min: 1 },
  TOPIC: { kinds: ["channel", "optional-text"], min: 1 },
  NAMES: { kinds: ["channel"] },
  MODE: { kinds: ["target"], more: true },
  WHO: { kinds: ["target", "word"], min: 1 },
  WHOIS: { kinds: ["target", "target"], min: 1 },
  MONITOR: { kinds: ["word", "word"], min: 1 },
  INVITE: { kinds: ["target", "channel"] },
  PRIVMSG: { kinds: ["target", "message"] },
  NOTICE: { kinds: ["target", "reply"] },
  TAGMSG: { kinds: ["target"] },
  RELAYMSG: { kinds: ["channel", "word", "message"] },
  REDACT: { kinds: ["target", "word", "optional-text"], min: 2 },
  CHATHISTORY: { kinds: ["word", "target"], more: true },
};

/** Puts a line together; throws a WireError when it could be read as anything else than what was meant. */
export function formatLine(
  command: string,
  params: readonly string[],
  tags: Readonly<Record<string, string>> = {},
): string {
  const last = params.length - 1;
  const words = params.map((param, at) => {
    if (at === last && (param === "" || param.startsWith(":") || param.includes(" ") || isTrailing(command, at))) {
      return `:${param}`;
    }
    if (param === "" || param.startsWith(":") || param.includes(" ")) {
      throw new WireError(`${command}: a parameter before the last is empty or holds a space`);
    }
    return param;
  });
  const line = `${formatTags(tags)}${[command, ...words].join(" ")}`;
  checkLine(line);
  return line;
}

/** Throws a WireError unless this is one whole, harmless line of a command that we send. */
export function checkLine(line: string): void {
  if (line.includes("\r") || line.includes("\n") || line.includes("\0"))
    throw new WireError("a line break or NUL in a line");
  const [tags, rest] = splitTags(line);
  if (Buffer.byteLength(tags) > tagBytesMax) throw new WireError("message tags over the limit");
  if (Buffer.byteLength(rest) > lineBytesMax) throw new WireError("a line over 512 bytes");
  const { command, params, trailing } = readWords(rest);
  const shape = shapeOf(command);
  if (shape === undefined) throw new WireError("a command that the bridge never sends");
  if (params.length < (shape.min ?? shape.kinds.length)) throw new WireError(`${command}: too few parameters`);
  if (params.length > shape.kinds.length && shape.more !== true) throw new WireError(`${command}: too many parameters`);
  for (const [at, param] of params.entries()) {
    const isLast = at === params.length - 1;
    const problem = judge(shape.kinds[at] ?? "word", param, isLast && trailing);
    if (problem !== undefined) throw new WireError(`${command}: ${problem}`);
  }
}

const shapeOf = (command: string): Shape | undefined => (Object.hasOwn(shapes, command) ? shapes[command] : undefined);

function isTrailing(command: string, at: number): boolean {
  const kind = shapeOf(command)?.kinds[at];
  return kind === "text" || kind === "optional-text" || kind === "message" || kind === "reply";
}

function judge(kind: Kind, param: string, trailing: boolean): string | undefined {
  switch (kind) {
    case "optional-text":
      return undefined;
    case "text":
      return param === "" ? "an empty text" : undefined;
    case "message":
      return judgeMessage(param, /^ACTION(?: |$)/);
    case "reply":
      return judgeMessage(param, /^(?:VERSION|PING|TIME|CLIENTINFO)(?: |$)/);
    case "channels":
      return param.split(",").some((name) => !isChannel(name)) ? "not a list of channels" : undefined;
    case "channel":
      return isChannel(param) ? undefined : "not a channel";
    case "target":
      return isWord(param, trailing) && !/^\$|,/.test(param) ? undefined : "not a single target";
    case "word":
      return isWord(param, trailing) ? undefined : "not a single word";
  }
}

// 0x01 frames client-to-client commands: only an emote may go out, and only the answers that ctcp.ts makes
function judgeMessage(text: string, allowed: RegExp): string | undefined {
  if (text === "") return "an empty text";
  const [before, framed, after, ...more] = text.split("\x01");
  if (framed === undefined) return undefined;
  const isFrame = before === "" && after === "" && more.length === 0;
  return isFrame && allowed.test(framed) ? undefined : "a client-to-client command";
}

// a trailing word may only differ from a middle one by its colon
function isWord(param: string, trailing: boolean): boolean {
  return param !== "" && !param.includes(" ") && !(trailing && param.startsWith(":"));
}

function isChannel(name: string): boolean {
  return /^[^\p{L}\p{N}\p{Cc}\s,:][^\p{Cc}\s,]*$/u.test(name);
}

function splitTags(line: string): [tags: string, rest: string] {
  if (!line.startsWith("@")) return ["", line];
  const end = line.indexOf(" ");
  return end === -1 ? [line, ""] : [line.slice(0, end + 1), line.slice(end + 1)];
}

function readWords(rest: string): { command: string; params: string[]; trailing: boolean } {
  const start = rest.indexOf(" :");
  const head = start === -1 ? rest : rest.slice(0, start);
  const [command = "", ...params] = head.split(" ").filter((word) => word !== "");
  if (start !== -1) params.push(rest.slice(start + 2));
  return { command: command.toUpperCase(), params, trailing: start !== -1 };
}

const tagEscapes: Readonly<Record<string, string>> = {
  ";": "\\:",
  " ": "\\s",
  "\\": "\\\\",
  "\r": "\\r",
  "\n": "\\n",
};

function formatTags(tags: Readonly<Record<string, string>>): string {
  const entries = Object.entries(tags);
  if (entries.length === 0) return "";
  const words = entries.map(([name, value]) => {
    if (!/^\+?(?:[a-z0-9.-]+\/)?[a-zA-Z0-9-]+$/.test(name)) throw new WireError("a message tag with an odd name");
    return value === "" ? name : `${name}=${value.replace(/[; \\\r\n]/g, (byte) => tagEscapes[byte] ?? "")}`;
  });
  return `@${words.join(";")} `;
}
