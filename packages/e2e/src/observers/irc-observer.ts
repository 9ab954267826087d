/**
 * An independent IRC client that watches what really crossed: it keeps every line with the time it came, joins channels, can
 * speak, and comes back after a lost connection. It shares no code with the bridge, by purpose.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

export interface IrcObserverOptions {
  readonly host: string;
  readonly port: number;
  readonly nick: string;
  readonly password?: string;
  /** Capabilities to ask for (`server-time message-tags`). */
  readonly caps?: string;
  /** Come back by itself; default true. */
  readonly reconnect?: boolean;
}

export interface SeenLine {
  readonly atMs: number;
  readonly tags: string;
  readonly nick: string;
  readonly command: string;
  readonly params: readonly string[];
  readonly raw: string;
}

export interface IrcObserver {
  readonly nick: string;
  readonly lines: readonly SeenLine[];
  readonly connected: boolean;
  /** How often it had to connect. */
  readonly connections: number;
  join(channel: string, key?: string): Promise<void>;
  say(channel: string, text: string): void;
  send(line: string): void;
  /** The first line from now on (or since `since`, an index into `lines`) that fits. */
  wait(fits: (line: SeenLine) => boolean, withinMs?: number, since?: number): Promise<SeenLine>;
  /** Every PRIVMSG to the channel so far: who and what. */
  messages(channel: string): { readonly nick: string; readonly text: string; readonly atMs: number }[];
  members(channel: string): Promise<string[]>;
  becomeOper(oper: { readonly name: string; readonly password: string }): Promise<void>;
  close(): void;
}

/** Connects, registers, and resolves when the server has welcomed it. */
export async function connectIrcObserver(options: IrcObserverOptions): Promise<IrcObserver> {
  const state = createState(options);
  await state.open();
  return createObserver(options, state);
}

interface State {
  readonly lines: SeenLine[];
  readonly wanted: Map<string, string>;
  readonly listeners: Set<(line: SeenLine) => void>;
  socket: Socket | undefined;
  welcomed: boolean;
  connections: number;
  closed: boolean;
  open(): Promise<void>;
}

function createState(options: IrcObserverOptions): State {
  const state: State = {
    lines: [],
    wanted: new Map(),
    listeners: new Set(),
    socket: undefined,
    welcomed: false,
    connections: 0,
    closed: false,
    open: () => open(options, state),
  };
  return state;
}

function open(options: IrcObserverOptions, state: State): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(options.port, options.host);
    state.socket = socket;
    socket.setNoDelay(true);
    const send = (line: string): void => void socket.write(`${line}\r\n`);
    socket.on("connect", () => {
      if (options.password !== undefined) send(`PASS ${options.password}`);
      if (options.caps !== undefined) send(`CAP REQ :${options.caps}`);
      send(`NICK ${options.nick}`);
      send(`USER ${options.nick} 0 * :observer`);
      if (options.caps !== undefined) send("CAP END");
    });
    readLines(socket, (raw) => {
      const line = parseSeen(raw);
      state.lines.push(line);
      if (line.command === "PING") send(`PONG :${line.params.at(-1) ?? ""}`);
      if ((line.command === "376" || line.command === "422") && !state.welcomed) {
        state.welcomed = true;
        state.connections++;
        for (const [channel, key] of state.wanted) send(`JOIN ${channel} ${key}`.trimEnd());
        resolve();
      }
      for (const listener of [...state.listeners]) listener(line);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      state.welcomed = false;
      if (state.socket === socket) state.socket = undefined;
      const last = state.lines.at(-1)?.raw ?? "nothing was said";
      reject(new Error(`the IRC server closed the connection of ${options.nick} (${last})`));
      if (!state.closed && options.reconnect !== false && state.connections > 0) void comeBack(state);
    });
  });
}

async function comeBack(state: State): Promise<void> {
  await wait(100);
  if (!state.closed) await state.open().catch(() => undefined);
}

function createObserver(options: IrcObserverOptions, state: State): IrcObserver {
  const send = (line: string): void => void state.socket?.write(`${line}\r\n`);
  const waitFor = (
    fits: (line: SeenLine) => boolean,
    withinMs = 10_000,
    since = state.lines.length,
  ): Promise<SeenLine> => {
    const known = state.lines.slice(since).find(fits);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        state.listeners.delete(hear);
      };
      const hear = (line: SeenLine): void => {
        if (!fits(line)) return;
        stop();
        resolve(line);
      };
      const timer = setTimeout(() => {
        stop();
        const recent = state.lines.slice(-8).map(({ raw }) => raw);
        reject(new Error(`${options.nick} waited ${withinMs / 1000} s in vain; last lines:\n  ${recent.join("\n  ")}`));
      }, withinMs);
      state.listeners.add(hear);
    });
  };
  return {
    nick: options.nick,
    lines: state.lines,
    get connected() {
      return state.welcomed;
    },
    get connections() {
      return state.connections;
    },
    async join(channel, key = "") {
      state.wanted.set(channel, key);
      const joined = waitFor((line) => line.command === "366" && same(line.params[1], channel));
      send(`JOIN ${channel} ${key}`.trimEnd());
      await joined;
    },
    say: (channel, text) => send(`PRIVMSG ${channel} :${text}`),
    send,
    wait: waitFor,
    messages: (channel) =>
      state.lines
        .filter((line) => line.command === "PRIVMSG" && same(line.params[0], channel))
        .map((line) => ({ nick: line.nick, text: line.params[1] ?? "", atMs: line.atMs })),
    async members(channel) {
      const since = state.lines.length;
      const ended = waitFor((line) => line.command === "366" && same(line.params[1], channel));
      send(`NAMES ${channel}`);
      await ended;
      return state.lines
        .slice(since)
        .filter((line) => line.command === "353" && same(line.params[2], channel))
        .flatMap((line) => (line.params[3] ?? "").split(" "))
        .map((name) => name.replace(/^[~&@%+]+/, "").replace(/!.*/, ""))
        .filter((name) => name !== "");
    },
    async becomeOper({ name, password }) {
      const answered = waitFor((line) => line.command === "381" || line.command === "464" || line.command === "491");
      send(`OPER ${name} ${password}`);
      if ((await answered).command !== "381") throw new Error("the server refused the operator login");
    },
    close() {
      state.closed = true;
      state.socket?.destroy();
    },
  };
}

const same = (one: string | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase();

function parseSeen(raw: string): SeenLine {
  let rest = raw;
  let tags = "";
  if (rest.startsWith("@")) {
    const at = rest.indexOf(" ");
    tags = rest.slice(1, at);
    rest = rest.slice(at + 1);
  }
  let nick = "";
  if (rest.startsWith(":")) {
    const at = rest.indexOf(" ");
    nick = (rest.slice(1, at).split("!")[0] as string) ?? "";
    rest = rest.slice(at + 1);
  }
  const trailingAt = rest.indexOf(" :");
  const words = (trailingAt < 0 ? rest : rest.slice(0, trailingAt)).split(" ").filter((word) => word !== "");
  const params = words.slice(1);
  if (trailingAt >= 0) params.push(rest.slice(trailingAt + 2));
  return { atMs: Date.now(), tags, nick, command: words[0] ?? "", params, raw };
}

function readLines(socket: Socket, hear: (line: string) => void): void {
  const decoder = new TextDecoder();
  let pending = "";
  socket.on("data", (chunk: Buffer) => {
    const parts = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = parts.pop() ?? "";
    for (const part of parts) {
      const line = part.replace(/\r$/, "");
      if (line !== "") hear(line);
    }
  });
}
