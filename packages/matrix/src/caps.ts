/**
 * What this homeserver can do: asked where it can be asked, else tried once and remembered. A verdict is kept with a
 * fingerprint of the server's own version list, so an upgraded server is asked anew. The server's name decides nothing, but
 * for one thing that no endpoint tells: Dendrite pays for every ghost in a room unless its push rules are muted.
 */
import { createHash } from "node:crypto";
import type { KeyValueStore, Log } from "@trestle/core";
import type { Client, JsonObject } from "./client.ts";
import { isUnrecognized } from "./errors.ts";

/** Endpoints that some servers lack or break, by the name under which the verdict is kept. */
const features = ["ping", "bare-messages", "bot-sync", "auth-media", "async-media"] as const;
export type Feature = (typeof features)[number];

export interface Caps {
  /** Asks the server; rejects when it is away. */
  probe(): Promise<void>;
  /** False only when it was tried on this very server and is not offered. */
  offers(feature: Feature): boolean;
  /** Remembers that this server does not offer it. */
  lacks(feature: Feature): Promise<void>;
  /** Whether a ghost should be muted once after it is registered. */
  readonly mutesGhosts: boolean;
  readonly versions: readonly string[];
}

export function createCaps(client: Client, kv: KeyValueStore, log: Log): Caps {
  let versions: readonly string[] = [];
  let fingerprint = "";
  let mutesGhosts = false;
  const missing = new Set<Feature>();
  const rowOf = (feature: Feature) => `matrix/lacks/${feature}`;

  async function isDendrite(newest: number): Promise<boolean> {
    // The federation endpoint is often not reachable on the client port; then the version list has to do.
    try {
      const answer = await client.call({ method: "GET", path: "/_matrix/federation/v1/version", as: undefined });
      const name = (answer["server"] as { name?: unknown } | undefined)?.name;
      if (typeof name === "string") return name.toLowerCase() === "dendrite";
    } catch {
      return newest <= 2;
    }
    return newest <= 2;
  }

  return {
    async probe() {
      const answer = await client.call({ method: "GET", path: "/_matrix/client/versions", as: undefined });
      versions = versionsOf(answer);
      fingerprint = createHash("sha256").update(JSON.stringify(answer)).digest("hex").slice(0, 16);
      mutesGhosts = await isDendrite(newestMinor(versions));
      missing.clear();
      for (const feature of features) {
        if ((await kv.get(rowOf(feature))) === fingerprint) missing.add(feature);
      }
      log.info({ versions: versions.at(-1), lacks: [...missing], mutesGhosts }, "asked the homeserver what it can do");
    },
    offers: (feature) => !missing.has(feature),
    async lacks(feature) {
      missing.add(feature);
      if (fingerprint !== "") await kv.put(rowOf(feature), fingerprint);
    },
    get mutesGhosts() {
      return mutesGhosts;
    },
    get versions() {
      return versions;
    },
  };
}

/** Runs `action`; when the endpoint turns out not to be offered, remembers that and gives undefined. */
export async function tryFeature<T>(caps: Caps, feature: Feature, action: () => Promise<T>): Promise<T | undefined> {
  if (!caps.offers(feature)) return undefined;
  try {
    return await action();
  } catch (error) {
    if (!isUnrecognized(error)) throw error;
    await caps.lacks(feature);
    return undefined;
  }
}

function versionsOf(answer: JsonObject): string[] {
  const list = answer["versions"];
  return Array.isArray(list) ? list.filter((entry): entry is string => typeof entry === "string") : [];
}

const newestMinor = (versions: readonly string[]): number =>
  versions.reduce((newest, version) => {
    const minor = /^v1\.(\d{1,4})$/.exec(version)?.[1];
    return minor === undefined ? newest : Math.max(newest, Number(minor));
  }, 0);
