/**
 * A real ngIRCd: the legacy server of the tests. No IRCv3, and it closes the link on a line over 512 bytes. A split is made by
 * a second ngIRCd with clients of its own, linked and killed.
 */
import { join } from "node:path";
import { connectIrcObserver, type IrcObserver } from "../observers/irc-observer.ts";
import { type FarServer, ircFolder, type RealIrcServer, requireProgram } from "./irc-server.ts";
import { freePort, type ServerProcess, spawnServer } from "./process.ts";

export interface NgircdOptions {
  readonly port?: number;
  readonly name?: string;
  /** Wanted of every client. */
  readonly password?: string;
  /** Seconds of penalty at most; 0: none, every line goes through at once. Absent: as shipped, about three lines a second. */
  readonly maxPenaltySeconds?: number;
  /** Link to this server at start. */
  readonly linkTo?: { readonly name: string; readonly port: number };
  /** Accept a link from the server of this name. */
  readonly linkFrom?: string;
}

const oper = { name: "oper", password: "oper-password" };
const linkPassword = "link-password";

export async function createNgircd(options: NgircdOptions = {}): Promise<RealIrcServer & { readonly name: string }> {
  const program = requireProgram("ngircd");
  const port = options.port ?? (await freePort());
  const name = options.name ?? "irc.ngircd.test";
  const place = ircFolder("ngircd");
  const config = place.write("ngircd.conf", printConfig({ ...options, name, port }));
  let server: ServerProcess | undefined;
  return {
    kind: "ngircd",
    name,
    host: "127.0.0.1",
    port,
    oper,
    async start() {
      server = await spawnServer(program, ["-n", "-f", config], {
        name: "ngircd",
        ready: { port, timeoutMs: 20_000 },
        logFile: join(place.folder, "ngircd.log"),
        ...place.user,
      });
    },
    async stop(signal = "TERM") {
      await server?.stop(signal);
      server = undefined;
    },
    running: () => server?.running() ?? false,
    logTail: (lines) => server?.logTail(lines) ?? "",
    async remove() {
      await server?.stop("KILL");
      place.remove();
    },
  };
}

function printConfig(options: NgircdOptions & { readonly name: string; readonly port: number }): string {
  const lines = [
    "[Global]",
    `Name = ${options.name}`,
    "Info = test server",
    "Listen = 127.0.0.1",
    `Ports = ${options.port}`,
    "AdminInfo1 = test",
    "MotdPhrase = A server for tests.",
    ...(options.password === undefined ? [] : [`Password = ${options.password}`]),
    "[Limits]",
    "MaxNickLength = 30",
    "MaxConnections = 0",
    "MaxConnectionsIP = 0",
    "MaxJoins = 0",
    "PingTimeout = 20",
    "PongTimeout = 10",
    "ConnectRetry = 5",
    ...(options.maxPenaltySeconds === undefined ? [] : [`MaxPenaltyTime = ${options.maxPenaltySeconds}`]),
    "[Options]",
    "DNS = no",
    "Ident = no",
    "PAM = no",
    "MorePrivacy = no",
    "[Operator]",
    `Name = ${oper.name}`,
    `Password = ${oper.password}`,
  ];
  const peer = options.linkTo?.name ?? options.linkFrom;
  if (peer !== undefined) {
    lines.push("[Server]", `Name = ${peer}`, `MyPassword = ${linkPassword}`, `PeerPassword = ${linkPassword}`);
    if (options.linkTo) lines.push("Host = 127.0.0.1", `Port = ${options.linkTo.port}`);
    else lines.push("Passive = yes");
  }
  return `${lines.join("\n")}\n`;
}

/** The name that a hub must give as `linkFrom` to have a far server. */
export const farNgircdName = "far.ngircd.test";

/** A second ngIRCd with people of its own in a channel, linked to the hub. */
export async function createFarNgircd(
  hub: RealIrcServer & { readonly name: string },
  options: { readonly channel: string; readonly people: number },
): Promise<FarServer> {
  const nicks = Array.from({ length: options.people }, (_, at) => `far${at}`);
  const far = await createNgircd({
    name: farNgircdName,
    maxPenaltySeconds: 0,
    linkTo: { name: hub.name, port: hub.port },
  });
  let people: IrcObserver[] = [];
  const enter = async (): Promise<void> => {
    await far.start();
    people = [];
    // one after the other: its queue of unaccepted connections is short
    for (const nick of nicks)
      people.push(await connectIrcObserver({ host: far.host, port: far.port, nick, reconnect: false }));
    await Promise.all(people.map((person) => person.join(options.channel)));
  };
  await enter();
  return {
    nicks,
    async split() {
      await far.stop("KILL");
      for (const person of people) person.close();
    },
    heal: enter,
    async stop() {
      for (const person of people) person.close();
      await far.remove();
    },
  };
}
