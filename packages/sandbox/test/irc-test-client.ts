/** A raw line client for the sandbox's IRC tests; it interprets nothing. */
import { connect, type Socket } from "node:net";

export interface TestClient {
  readonly socket: Socket;
  readonly lines: string[];
  readonly closed: Promise<void>;
  send(...lines: string[]): void;
  sendBytes(bytes: Uint8Array): void;
  /** The next line, from now or already there and not yet taken, that matches. */
  next(pattern: RegExp, withinMs?: number): Promise<string>;
  /** Everything up to the answer of a PING. */
  settle(): Promise<string[]>;
  close(): void;
}

let token = 0;

export async function connectClient(port: number): Promise<TestClient> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let pending = "";
  let taken = 0;
  socket.on("data", (chunk) => {
    const parts = (pending + chunk.toString("latin1")).split("\r\n");
    pending = parts.pop() ?? "";
    lines.push(...parts);
    for (const wake of waiting) wake();
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  const client: TestClient = {
    socket,
    lines,
    closed,
    send: (...texts) => void socket.write(texts.map((text) => `${text}\r\n`).join("")),
    sendBytes: (bytes) => void socket.write(bytes),
    next(pattern, withinMs = 3000) {
      return new Promise((resolve, reject) => {
        const look = (): boolean => {
          for (let at = taken; at < lines.length; at++) {
            if (!pattern.test(lines[at] as string)) continue;
            taken = at + 1;
            waiting.delete(look);
            clearTimeout(timer);
            resolve(lines[at] as string);
            return true;
          }
          return false;
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no line ${pattern} in:\n${lines.slice(-30).join("\n")}`));
        }, withinMs);
        if (!look()) waiting.add(look);
      });
    },
    async settle() {
      const mark = `settle${++token}`;
      const from = taken;
      client.send(`PING ${mark}`);
      await client.next(new RegExp(`PONG .*${mark}`));
      return lines.slice(from, taken - 1);
    },
    close: () => socket.destroy(),
  };
  return client;
}

export async function registerClient(port: number, nick: string, caps = ""): Promise<TestClient> {
  const client = await connectClient(port);
  if (caps !== "") client.send("CAP LS 302", `CAP REQ :${caps}`);
  client.send(`NICK ${nick}`, `USER ${nick} 0 * :Real ${nick}`);
  if (caps !== "") client.send("CAP END");
  await client.next(/ (376|422) /);
  return client;
}
