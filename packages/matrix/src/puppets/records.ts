/**
 * What we hold of each person for whom we act, sealed in the store under `puppet/<user>` and in memory while we run. A token that
 * was refused is forgotten at once, but not that it was: so a self-check can say it, and no start tells it a second time.
 */
import { type Log, type SecretStore, type UserId, userId } from "@trestle/core";

export type PuppetRecord =
  | { readonly way: "token"; readonly token: string }
  | OAuthRecord
  | { readonly way: "lost"; readonly why: string }
  /** He wants nobody to act for him, though the registration would allow it. */
  | { readonly way: "declined" };

export interface OAuthRecord {
  readonly way: "oauth";
  readonly token: string;
  readonly refresh?: string;
  readonly expiresAtMs?: number;
  readonly tokenEndpoint: string;
  readonly clientId: string;
}

export interface PuppetRecords {
  /** Those whose secrets do not open any more count as lost; the store's other failures reject. */
  load(): Promise<void>;
  get(user: UserId): PuppetRecord | undefined;
  /** In memory at once; resolves when it is stored. */
  put(user: UserId, record: PuppetRecord): Promise<void>;
  remove(user: UserId): Promise<void>;
  /** Who has a token. */
  holders(): readonly UserId[];
}

const prefix = "puppet/";

export function createPuppetRecords(store: SecretStore, log: Log): PuppetRecords {
  const records = new Map<UserId, PuppetRecord>();

  async function read(name: string): Promise<PuppetRecord | undefined> {
    try {
      return parse(await store.get(name));
    } catch (error) {
      log.error({ name, error }, "a person's login does not open with any key we have");
      return { way: "lost", why: "the bridge's secret key was changed" };
    }
  }

  return {
    async load() {
      for (const name of await store.list(prefix)) {
        const user = userId(name.slice(prefix.length));
        const record = await read(name);
        if (record !== undefined && !records.has(user)) records.set(user, record);
      }
    },
    get: (user) => records.get(user),
    async put(user, record) {
      records.set(user, record);
      await store.put(prefix + user, JSON.stringify(record));
    },
    async remove(user) {
      records.delete(user);
      await store.remove(prefix + user);
    },
    holders: () => [...records].flatMap(([user, { way }]) => (way === "token" || way === "oauth" ? [user] : [])),
  };
}

function parse(text: string | undefined): PuppetRecord | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as PuppetRecord);
}
