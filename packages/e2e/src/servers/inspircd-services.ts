/**
 * A fake server that links to InspIRCd by its server protocol (1205): it introduces people who can speak, splits off with
 * them, comes back, and answers SASL logins as services do. It knows only as much of the protocol as that takes.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Inspircd } from "./inspircd.ts";
import type { FarServer } from "./irc-server.ts";

export interface ServicesOptions {
  readonly channel: string;
  /** How many people it brings; they sit in the channel. */
  readonly people?: number;
  /** Account name to password, for SASL PLAIN. */
  readonly accounts?: Readonly<Record<string, string>>;
}

export interface InspircdServices extends FarServer {
  /** One of its people says something in the channel. */
  say(nick: string, text: string): void;
  /** Logs a person of any server in to an account, as NickServ does; rejects where nobody has that nick. */
  login(nick: string, account: string): Promise<void>;
}

const serverId = "9SV";

/** Links and introduces its people; resolves when InspIRCd has taken them. */
export async function createInspircdServices(server: Inspircd, options: ServicesOptions): Promise<InspircdServices> {
  const nicks = Array.from({ length: options.people ?? 0 }, (_, at) => `far${at}`);
  let socket: Socket | undefined;
  const send = (line: string): void => void socket?.write(`${line}\r\n`);
  const known = new Map<string, string>();
  const enter = async (): Promise<void> => {
    socket = await openLink(server, options, nicks, known);
  };
  await enter();
  return {
    nicks,
    async split() {
      const closing = socket;
      socket = undefined;
      if (!closing) return;
      const closed = new Promise((resolve) => closing.once("close", resolve));
      closing.resetAndDestroy();
      await closed;
    },
    heal: enter,
    say(nick, text) {
      const at = nicks.indexOf(nick);
      if (at >= 0) send(`:${userId(at)} PRIVMSG ${options.channel} :${text.replace(/[\r\n\0]/g, " ")}`);
    },
    async login(nick, account) {
      // introduced to us a moment after he was welcomed
      for (let tries = 0; !known.has(nick) && tries < 50; tries++) await wait(50);
      const uid = known.get(nick);
      if (uid === undefined) throw new Error(`services know nobody called ${nick}`);
      send(`:${serverId} METADATA ${uid} accountname :${account}`);
    },
    async stop() {
      socket?.destroy();
      socket = undefined;
    },
  };
}

const userId = (at: number): string =>
  `${serverId}${String.fromCharCode(65 + Math.floor(at / 10_000))}${String(at % 10_000).padStart(5, "0")}`;

function openLink(
  server: Inspircd,
  options: ServicesOptions,
  nicks: readonly string[],
  known: Map<string, string>,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.link.port, "127.0.0.1");
    const send = (...lines: string[]): void => void socket.write(lines.map((line) => `${line}\r\n`).join(""));
    const timer = setTimeout(() => fail(new Error("InspIRCd did not take the services link within 10 s")), 10_000);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("InspIRCd closed the services link")));
    socket.on("connect", () => {
      send("CAPAB START 1205", "CAPAB CAPABILITIES :PROTOCOL=1205", "CAPAB END");
    });
    const sasl = createSasl(options.accounts ?? {}, send);
    readLines(socket, (line) => {
      if (line.startsWith("CAPAB END"))
        send(
          `SERVER ${server.link.servicesName} ${server.link.password} 0 ${serverId} :far server`,
          ...burst(options, nicks),
        );
      if (line.startsWith("ERROR")) fail(new Error(`InspIRCd refused the services link: ${line}`));
      const ping = /^:(\S+) PING (\S+)/.exec(line);
      if (ping) send(`:${serverId} PONG ${ping[1]}`);
      // its own burst ends when ours was read
      if (/^:\S+ ENDBURST/.test(line)) {
        clearTimeout(timer);
        resolve(socket);
      }
      const introduced = /^:\S+ UID (\S+) \d+ (\S+) /.exec(line);
      if (introduced) known.set(introduced[2] ?? "", introduced[1] ?? "");
      sasl(line);
    });
  });
}

function burst(options: ServicesOptions, nicks: readonly string[]): string[] {
  const now = Math.floor(Date.now() / 1000);
  const lines = [`:${serverId} BURST ${now}`];
  if (options.accounts) lines.push(`:${serverId} METADATA * saslmechlist :PLAIN`);
  for (const [at, nick] of nicks.entries())
    lines.push(
      `:${serverId} UID ${userId(at)} ${now} ${nick} far.test far.test far 127.0.0.1 ${now} +i :A person of the far server`,
    );
  for (let at = 0; at < nicks.length; at += 20) {
    const members = nicks.slice(at, at + 20).map((_, offset) => `,${userId(at + offset)}`);
    lines.push(`:${serverId} FJOIN ${options.channel} ${now} +nt :${members.join(" ")}`);
  }
  lines.push(`:${serverId} ENDBURST`);
  return lines;
}

/** Answers `ENCAP ... SASL <uid> <agent> S|C|D ...` for PLAIN. */
function createSasl(
  accounts: Readonly<Record<string, string>>,
  send: (...lines: string[]) => void,
): (line: string) => void {
  return (line) => {
    const asked = /^:(\S+) ENCAP \S+ SASL (\S+) \S+ (\S) :?(\S+)/.exec(line);
    if (!asked) return;
    const [, , uid = "", kind, data = ""] = asked;
    const answer = (text: string): void =>
      send(`:${serverId} ENCAP ${uid.slice(0, 3)} SASL ${serverId}AAAAAA ${uid} ${text}`);
    if (kind === "S") return answer(data === "PLAIN" ? "C +" : "D F");
    if (kind !== "C") return;
    const [, account = "", password = ""] = Buffer.from(data, "base64").toString("utf8").split("\0");
    if (!Object.hasOwn(accounts, account) || accounts[account] !== password) return answer("D F");
    send(`:${serverId} METADATA ${uid} accountname :${account}`);
    answer("D S");
  };
}

function readLines(socket: Socket, hear: (line: string) => void): void {
  let pending = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk) => {
    const parts = (pending + String(chunk)).split("\n");
    pending = parts.pop() ?? "";
    for (const part of parts) hear(part.replace(/\r$/, ""));
  });
}
