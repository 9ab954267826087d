/**
 * What we hold of each person for whom we act, in memory while we run. His token is sealed in the store under `puppet/<user>`.
 * That he has none any more, and why, is no secret: it stands in plain under `matrix/puppet/<user>`, where a lost key does not
 * take it away. A token that was refused is forgotten at once, but not that it was: no start tells it a second time.
 */
import { type KeyValueStore, type Log, type SecretStore, type UserId, userId } from "@trestle/core";

export type PuppetRecord =
  | { readonly way: "token"; readonly token: string }
  | OAuthRecord
  /** `sealed`: his token is still there, and no key that we have opens it. */
  | { readonly way: "lost"; readonly why: string; readonly sealed?: true }
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
  /** Whose token does not open, as long as `told` was not called for it. */
  untold(): readonly { readonly user: UserId; readonly why: string }[];
  /** Stored. */
  told(user: UserId): Promise<void>;
}

const sealedPrefix = "puppet/";
const plainPrefix = "matrix/puppet/";
const unopened: PuppetRecord = { way: "lost", why: "the bridge's secret key was changed", sealed: true };

const isToken = ({ way }: PuppetRecord): boolean => way === "token" || way === "oauth";

export function createPuppetRecords(
  { secrets, kv }: { readonly secrets: SecretStore; readonly kv: KeyValueStore },
  log: Log,
): PuppetRecords {
  const records = new Map<UserId, PuppetRecord>();
  const told = new Set<UserId>();

  async function readSealed(user: UserId): Promise<PuppetRecord | undefined> {
    try {
      return parse(await secrets.get(sealedPrefix + user));
    } catch (error) {
      log.error({ user, error }, "a person's login does not open with any key we have");
      return unopened;
    }
  }

  /** One after the other: two rows of one person must not be written from two sides. */
  let writes: Promise<void> = Promise.resolve();
  function inTurn(write: () => Promise<void>): Promise<void> {
    const done = writes.then(write);
    writes = done.catch(() => undefined);
    return done;
  }

  /** The new row first: of two that a kill left, the plain one counts. */
  const store = (user: UserId, record: PuppetRecord): Promise<void> =>
    inTurn(async () => {
      const text = JSON.stringify(record);
      if (isToken(record)) {
        await secrets.put(sealedPrefix + user, text);
        await kv.remove(plainPrefix + user);
      } else {
        await kv.put(plainPrefix + user, text);
        await secrets.remove(sealedPrefix + user);
      }
    });

  async function loadSealed(user: UserId): Promise<void> {
    const plain = records.get(user);
    if (plain !== undefined && !told.has(user)) return secrets.remove(sealedPrefix + user);
    const record = await readSealed(user);
    if (record === undefined || record === unopened) return void (record && records.set(user, record));
    records.set(user, record);
    told.delete(user);
    // Before, everything was sealed; and what opens again can be lost again.
    if (!isToken(record)) await store(user, record);
    else if (plain !== undefined) await kv.remove(plainPrefix + user);
  }

  return {
    async load() {
      for (const { key, value } of await kv.list(plainPrefix)) {
        const user = userId(key.slice(plainPrefix.length));
        const record = parse(value);
        if (record === undefined) continue;
        records.set(user, record);
        if (record.way === "lost" && record.sealed === true) told.add(user);
      }
      for (const name of await secrets.list(sealedPrefix)) await loadSealed(userId(name.slice(sealedPrefix.length)));
    },
    get: (user) => records.get(user),
    async put(user, record) {
      records.set(user, record);
      told.delete(user);
      await store(user, record);
    },
    async remove(user) {
      records.delete(user);
      told.delete(user);
      await inTurn(async () => {
        await secrets.remove(sealedPrefix + user);
        await kv.remove(plainPrefix + user);
      });
    },
    holders: () => [...records].flatMap(([user, record]) => (isToken(record) ? [user] : [])),
    untold: () =>
      [...records].flatMap(([user, record]) =>
        record.way === "lost" && record.sealed === true && !told.has(user) ? [{ user, why: record.why }] : [],
      ),
    async told(user) {
      told.add(user);
      await inTurn(async () => {
        // He may have logged in or declined meanwhile.
        if (records.get(user) === unopened) await kv.put(plainPrefix + user, JSON.stringify(unopened));
      });
    },
  };
}

function parse(text: string | undefined): PuppetRecord | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as PuppetRecord);
}
