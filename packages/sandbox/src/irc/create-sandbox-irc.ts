/**
 * A stand-in IRC server on 127.0.0.1 that speaks the real wire protocol, as strict as real ones and with the IRCv3 parts that
 * no packaged server has (chathistory, redaction, relaymsg). Its controls play the other people and break things on
 * purpose. It knows nothing of Matrix and nothing of bridges.
 */
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:net";
import { createControls, type SandboxIrcControls } from "./controls.ts";
import { closeLink, openLink, sweepLinks } from "./link.ts";
import { completeSettings, type SandboxIrcOptions } from "./options.ts";
import { flush } from "./send.ts";
import { createWorld, type HeardLine, type SandboxIrcCounters, type World } from "./world.ts";

/** A running sandbox IRC server. */
export interface SandboxIrc extends SandboxIrcControls {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly counters: SandboxIrcCounters;
  /** Every line that clients send from now on; returns the way to stop listening. */
  onLine(listener: (heard: HeardLine) => void): () => void;
  /** Closes every connection, waits `downMs`, listens on the same port again. */
  restart(options?: {
    readonly downMs?: number;
    readonly keepHistory?: boolean;
    /** False cuts the connections without ERROR, as a crash does. */
    readonly graceful?: boolean;
  }): Promise<void>;
  /** Stops listening and closes all; `start` brings it back on the same port. */
  halt(graceful?: boolean): Promise<void>;
  start(): Promise<void>;
  /** While on, connections stay open and nothing is read or written; new ones hang. */
  blackHole(on: boolean): void;
  /** While on, every new connection is closed at once. */
  acceptThenClose(on: boolean): void;
  /** The server stops reading this client's socket: what he writes piles up. */
  stopReading(nick: string, on: boolean): void;
  stop(): Promise<void>;
}

export async function createSandboxIrc(options: SandboxIrcOptions = {}): Promise<SandboxIrc> {
  const settings = completeSettings(options);
  const world = createWorld(settings, randomBytes(4).toString("hex"));
  const switches = { acceptThenClose: false };
  let port = options.port ?? 0;
  let server: Server | undefined;
  const sweep = setInterval(() => sweepLinks(world), Math.min(1000, settings.pongWithinMs));

  const start = async (): Promise<void> => {
    server = await listen(world, port, switches);
    const address = server.address();
    if (address !== null && typeof address === "object") port = address.port;
  };
  const halt = async (graceful = true): Promise<void> => {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()));
    for (const link of [...world.links]) {
      if (graceful) closeLink(world, link, "Server shutting down");
      else link.socket.resetAndDestroy();
    }
    await closed;
  };
  await start();

  return {
    ...createControls(world),
    host: settings.host,
    get port() {
      return port;
    },
    name: settings.name,
    counters: world.counters,
    onLine(listener) {
      world.listeners.add(listener);
      return () => world.listeners.delete(listener);
    },
    halt,
    start,
    async restart({ downMs = 0, keepHistory = true, graceful = true } = {}) {
      await halt(graceful);
      if (!keepHistory) world.history.clear();
      forgetState(world);
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await start();
    },
    blackHole(on) {
      world.blackHole = on;
      for (const link of world.links) {
        if (on) link.socket.pause();
        else link.socket.resume();
      }
      if (!on) flush(world);
    },
    acceptThenClose(on) {
      switches.acceptThenClose = on;
    },
    stopReading(nick, on) {
      for (const link of world.links) {
        if (link.user?.nick !== nick) continue;
        if (on) link.socket.pause();
        else link.socket.resume();
      }
    },
    async stop() {
      clearInterval(sweep);
      await halt(false);
    },
  };
}

function listen(world: World, port: number, switches: { readonly acceptThenClose: boolean }): Promise<Server> {
  const server = createServer({ pauseOnConnect: false }, (socket) => {
    if (switches.acceptThenClose || world.links.size >= world.settings.clientsMax) {
      socket.on("error", () => undefined);
      socket.end(switches.acceptThenClose ? "" : "ERROR :Closing link: [Too many connections]\r\n");
      return;
    }
    openLink(world, socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, world.settings.host, () => resolve(server));
  });
}

/** A restarted server remembers its people (they come back) but no topic, mode, key or ban. */
function forgetState(world: World): void {
  for (const channel of world.channels.values()) {
    channel.topic = undefined;
    channel.key = undefined;
    channel.limit = undefined;
    channel.bans.length = 0;
    channel.modes.clear();
    channel.modes.add("n").add("t");
  }
}
