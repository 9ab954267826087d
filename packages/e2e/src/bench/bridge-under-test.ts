/** The span of the bench: the production entry on the far side's two worlds, with as many links stored as wanted. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { networkId, remoteChatId, roomId } from "@trestle/core";
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
  });
  const registered = await span.register();
  if (registered.code !== 0) throw new Error(registered.err);
  const { hs_token: hsToken } = parse(readFileSync(span.registration, "utf8")) as { hs_token: string };
  const url = `http://127.0.0.1:${span.appservicePort}`;
  await far.know({ appservice: { url, hsToken }, bot: `@${span.botLocalpart}:${serverName}` });
  await storeLinks(join(span.folder, "irc.db"), options.portals);
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

/** Resident set of a process, from the kernel. */
export function rssOf(pid: number): number {
  const kB = /VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kB) * 1_024;
}
