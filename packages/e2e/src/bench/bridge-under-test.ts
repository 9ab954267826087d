/** The span of the bench: the production entry on the far side's two worlds, with as many links stored as wanted. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { networkId, remoteChatId, roomId, userId } from "@trestle/core";
import { openStore } from "@trestle/store";
import { parse } from "yaml";
import { createSpan, quickIrcNetwork, type Span } from "../span.ts";
import type { FarProcess } from "./far-process.ts";
import { channelOf, roomOf } from "./far-side.ts";

export interface BridgeUnderTest {
  readonly span: Span;
  /** Resident memory now, in bytes. */
  rssBytes(): number;
  stop(): Promise<void>;
}

export interface BridgeOptions {
  readonly portals: number;
  /** A second network that takes connections and never answers. */
  readonly blackHole?: boolean;
  /** Start it, and wait until its bot is in every channel. */
  readonly start?: boolean;
  /** Ghosts that it knows from before, each in one room. */
  readonly ghosts?: number;
  /** Further sections of its config. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export const serverName = "bench";

export async function prepareBridge(far: FarProcess, options: BridgeOptions): Promise<BridgeUnderTest> {
  const networks: Record<string, object> = { local: quickIrcNetwork(far.irc.host, far.irc.port) };
  if (options.blackHole === true) networks["dead"] = quickIrcNetwork(far.deadIrc.host, far.deadIrc.port);
  const span = await createSpan({
    homeserver: { url: far.url, name: serverName },
    serverKind: "synapse",
    networks,
    logLevel: "warn",
    ...(options.more === undefined ? {} : { more: options.more }),
  });
  const registered = await span.register();
  if (registered.code !== 0) throw new Error(registered.err);
  const { hs_token: hsToken } = parse(readFileSync(span.registration, "utf8")) as { hs_token: string };
  const url = `http://127.0.0.1:${span.appservicePort}`;
  await far.know({ appservice: { url, hsToken }, bot: `@${span.botLocalpart}:${serverName}` });
  await storeLinks(join(span.folder, "irc.db"), options.portals);
  if (options.ghosts !== undefined) await storeGhosts(join(span.folder, "irc.db"), options.ghosts, options.portals);
  const bridge: BridgeUnderTest = {
    span,
    rssBytes: () => rssOf(span.pid),
    async stop() {
      await span.stop("KILL");
      await span.remove();
    },
  };
  if (options.start !== false) {
    await span.start();
    await channelsJoined(far, options.portals, 120_000);
  }
  return bridge;
}

/** Resolves with ms until the bot is in so many channels. */
export async function channelsJoined(far: FarProcess, count: number, withinMs: number): Promise<number> {
  const startedAt = performance.now();
  while ((await far.botChannels()) < count) {
    if (performance.now() - startedAt > withinMs)
      throw new Error(`the bot was in ${await far.botChannels()} of ${count} channels`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - startedAt;
}

async function storeLinks(file: string, count: number): Promise<void> {
  const store = await openStore({ url: `sqlite:${file}` });
  const row = (n: number) => ({
    network: networkId("local"),
    chat: remoteChatId(channelOf(n)),
    room: roomId(roomOf(n)),
    state: "active" as const,
    origin: "plumbed" as const,
    requestedBy: "bench",
    createdAtMs: Date.now(),
    settings: "{}",
  });
  await Promise.all(Array.from({ length: count }, (_, n) => store.portals.add(row(n))));
  await store.close();
}

/** As a bridge of some years has them: registered, named, in a room. */
async function storeGhosts(file: string, count: number, rooms: number): Promise<void> {
  const store = await openStore({ url: `sqlite:${file}`, groupRowsMax: 5_000 });
  for (let first = 0; first < count; first += 10_000) {
    const some = Array.from({ length: Math.min(10_000, count - first) }, (_, n) => first + n);
    await Promise.all(
      some.flatMap((n) => {
        const ghost = userId(`@_irc_local_person${n}:${serverName}`);
        const row = { userId: ghost, network: networkId("local"), remoteUser: `person${n}`, registered: true };
        return [
          store.ghosts.put({ ...row, name: `person${n}` }),
          store.ghosts.setJoined(ghost, roomId(roomOf(n % rooms)), true),
        ];
      }),
    );
  }
  await store.close();
}

/** Resident set of a process, from the kernel. */
export function rssOf(pid: number): number {
  const kB = /VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kB) * 1_024;
}
