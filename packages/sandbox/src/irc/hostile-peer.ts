/**
 * A scripted IRC peer that misbehaves on purpose: endless lines, NAKs, nick storms, bytes that are no text. A script is an
 * async function over one connection; `hostileScripts` has the ones every client should survive. It shares nothing with
 * the well-behaved sandbox server.
 */
import { createServer, type Socket } from "node:net";

/** One connection in the hands of a script. */
export interface HostileConnection {
  /** Which connection this is, from 0. */
  readonly index: number;
  /** Lines heard so far. */
  readonly lines: readonly string[];
  readonly closed: boolean;
  /** Text with its CRLF added. */
  line(text: string): void;
  /** Bytes as they are; resolves once the socket took them. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** `byteCount` times one character, in pieces, with the peer's pace; stops when the peer hangs up. */
  flood(byteCount: number, character?: string): Promise<void>;
  /** Waits for a line; rejects after `withinMs` or when the peer hangs up. */
  expect(pattern: RegExp, withinMs?: number): Promise<string>;
  /** An ordinary welcome after NICK and USER; `caps` is what CAP LS says. Resolves to the nick. */
  register(options?: {
    readonly caps?: string;
    readonly isupport?: string;
    readonly answerPings?: boolean;
  }): Promise<string>;
  /** Answers JOIN as a server would. */
  acceptJoin(): Promise<string>;
  pause(ms: number): Promise<void>;
  close(): void;
  /** RST. */
  reset(): void;
  /** Resolves when the peer has hung up. */
  readonly gone: Promise<void>;
}

export type HostileScript = (connection: HostileConnection) => Promise<void>;

export interface HostilePeer {
  readonly port: number;
  readonly connections: number;
  /** Everything heard, over all connections. */
  readonly lines: readonly string[];
  readonly bytesSent: number;
  /** When each connection came. */
  readonly connectedAtMs: readonly number[];
  stop(): Promise<void>;
}

/** Serves the scripts in turn, one a connection; the last one serves all further ones. */
export async function createHostilePeer(script: HostileScript | readonly HostileScript[]): Promise<HostilePeer> {
  const scripts = typeof script === "function" ? [script] : script;
  const sockets = new Set<Socket>();
  const seen = { connections: 0, lines: [] as string[], bytesSent: 0, connectedAtMs: [] as number[] };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const index = seen.connections++;
    seen.connectedAtMs.push(Date.now());
    const run = scripts[Math.min(index, scripts.length - 1)] as HostileScript;
    // a script that waits for what never comes ends with its connection
    run(openConnection(socket, index, seen)).catch(() => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    get connections() {
      return seen.connections;
    },
    lines: seen.lines,
    get bytesSent() {
      return seen.bytesSent;
    },
    connectedAtMs: seen.connectedAtMs,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Waiting {
  readonly pattern: RegExp;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

function openConnection(
  socket: Socket,
  index: number,
  seen: { lines: string[]; bytesSent: number },
): HostileConnection {
  const lines: string[] = [];
  const waiting = new Set<Waiting>();
  const behaviour = { answerPings: false };
  let taken = 0;
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const hear = (line: string): void => {
    lines.push(line);
    seen.lines.push(line);
    const ping = /^PING (.*)$/.exec(line);
    if (ping && behaviour.answerPings) socket.write(`:hostile.test PONG hostile.test ${ping[1]}\r\n`);
    for (const wait of waiting) {
      if (!wait.pattern.test(line)) continue;
      waiting.delete(wait);
      taken = lines.length;
      wait.resolve(line);
      break;
    }
  };
  readLines(socket, hear);
  socket.on("error", () => undefined);
  socket.on("close", () => {
    for (const wait of waiting) wait.reject(new Error("the peer hung up"));
    waiting.clear();
  });

  const send = (bytes: string | Uint8Array): Promise<void> => {
    if (socket.destroyed) return Promise.resolve();
    seen.bytesSent += bytes.length;
    const written = new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    return Promise.race([written, gone]);
  };
  const line = (text: string): void => void send(`${text}\r\n`);
  const expect = (pattern: RegExp, withinMs = 10_000): Promise<string> => {
    const known = lines.findIndex((heard, at) => at >= taken && pattern.test(heard));
    if (known >= 0) {
      taken = known + 1;
      return Promise.resolve(lines[known] as string);
    }
    return new Promise((resolve, reject) => {
      const wait = { pattern, resolve, reject };
      waiting.add(wait);
      setTimeout(() => waiting.delete(wait) && reject(new Error(`${pattern} was not said`)), withinMs).unref();
    });
  };
  return {
    index,
    lines,
    get closed() {
      return socket.destroyed;
    },
    line,
    send,
    flood: (byteCount, character = "x") => flood(socket, send, byteCount, character),
    expect,
    async register({ caps = "", isupport = "CHANTYPES=# PREFIX=(ov)@+ NICKLEN=30", answerPings = true } = {}) {
      behaviour.answerPings = answerPings;
      return register({ expect, line, lines }, caps, isupport);
    },
    async acceptJoin() {
      const channel = (await expect(/^JOIN /)).split(" ")[1] ?? "#none";
      const nick = nickIn(lines);
      line(`:${nick}!bot@hostile.test JOIN ${channel}`);
      line(`:hostile.test 353 ${nick} = ${channel} :${nick} @victim`);
      line(`:hostile.test 366 ${nick} ${channel} :End of NAMES list`);
      return channel;
    },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
    gone,
  };
}

function readLines(socket: Socket, hear: (line: string) => void): void {
  let pending = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    const parts = (pending + String(chunk)).split("\n");
    pending = parts.pop() ?? "";
    for (const part of parts) hear(part.replace(/\r$/, ""));
  });
}

async function flood(
  socket: Socket,
  send: (bytes: string) => Promise<void>,
  byteCount: number,
  character: string,
): Promise<void> {
  const piece = character.repeat(65_536);
  for (let sent = 0; sent < byteCount && !socket.destroyed; sent += piece.length)
    await send(byteCount - sent < piece.length ? piece.slice(0, byteCount - sent) : piece);
}

const nickIn = (lines: readonly string[]): string =>
  /^NICK :?(\S+)/.exec(lines.findLast((line) => line.startsWith("NICK ")) ?? "")?.[1] ?? "nobody";

async function register(
  peer: Pick<HostileConnection, "expect" | "line" | "lines">,
  caps: string,
  isupport: string,
): Promise<string> {
  await peer.expect(/^USER /);
  if (peer.lines.some((line) => line.startsWith("CAP LS"))) {
    peer.line(`:hostile.test CAP * LS :${caps}`);
    for (;;) {
      const line = await peer.expect(/^CAP (REQ|END)/);
      if (line.startsWith("CAP END")) break;
      peer.line(`:hostile.test CAP * ACK :${line.replace(/^CAP REQ :?/, "")}`);
    }
  }
  const nick = nickIn(peer.lines);
  welcome(peer, nick, isupport);
  return nick;
}

/** The numerics after a successful registration. */
export function welcome(peer: Pick<HostileConnection, "line">, nick: string, isupport: string): void {
  peer.line(`:hostile.test 001 ${nick} :Welcome`);
  peer.line(`:hostile.test 002 ${nick} :Your host is hostile.test`);
  peer.line(`:hostile.test 004 ${nick} hostile.test hostile-0 i o o`);
  peer.line(`:hostile.test 005 ${nick} ${isupport} :are supported by this server`);
  peer.line(`:hostile.test 422 ${nick} :MOTD File is missing`);
}
