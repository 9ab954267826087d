/**
 * Which accounts of the network are which Matrix people, by proof from the network's own side: a code that only the Matrix
 * person was given is said to the bridge by the account itself, where the network vouches for it. One account has one person.
 */
import type { Clock } from "./ambient.ts";
import type { RemoteAuthor } from "./author.ts";
import type { NetworkId, RemoteUserId, UserId } from "./ids.ts";
import type { AccountRow, AccountStore, KeyValueStore } from "./store.ts";

/** A code that ties whoever says it to the Matrix person who asked for it. */
export interface TieCode {
  readonly code: string;
  readonly expiresAtMs: number;
}

export type Proof =
  /** What was said is no code at all. */
  | { readonly kind: "none" }
  | { readonly kind: "unproven" }
  | { readonly kind: "wrong" }
  | { readonly kind: "too-many" }
  | { readonly kind: "tied"; readonly tie: Tie };

/** A tie that was just made, until both sides have been told. */
export interface Tie {
  readonly account: AccountRow;
  /** Whom the account was tied to before, when that is somebody else. */
  readonly was?: UserId;
  /** By which event it was asked for. */
  readonly asked: string;
}

export interface Accounts {
  load(): Promise<void>;
  ofUser(user: UserId): readonly AccountRow[];
  ownerOf(network: NetworkId, account: RemoteUserId): UserId | undefined;
  /** Who this person is over there: the account proven last. */
  accountOf(user: UserId, network: NetworkId): RemoteUserId | undefined;
  /** The same code again for the same `asked` (the event he asked by): a command done twice gives one code. */
  offer(user: UserId, network: NetworkId, asked: string): Promise<TieCode>;
  /** What somebody of the network said, taken as a code. */
  prove(by: RemoteAuthor, text: string, proven: boolean): Promise<Proof>;
  /** Everybody concerned was told: the code is over. */
  finish(tie: Tie): Promise<void>;
  /** Ties that a former process made, or was about to make, when it ended. */
  unfinished(): readonly Tie[];
  forget(row: Pick<AccountRow, "network" | "remoteUser">): Promise<void>;
  /** Codes that he asked for and that nobody has said. */
  withdraw(user: UserId): Promise<void>;
}

const codeMs = 10 * 60_000;
/** 32 signs that nobody mistakes for each other, so 5 bits each (Crockford's base 32). */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 80 bits. */
const codeLength = 16;
const wrongMax = 5;
const guessersMax = 10_000;

interface Pending extends TieCode {
  readonly user: UserId;
  readonly network: NetworkId;
  readonly asked: string;
  /** Set before the tie is written: after a kill in between it is made and told all the same, and the code is nobody else's. */
  readonly tie?: Tie;
}

const pendingPrefix = "tie/";
const pendingKey = ({ network, user }: Pick<Pending, "network" | "user">) => `${pendingPrefix}${network}/${user}`;
const accountKey = (network: NetworkId, account: RemoteUserId) => `${network}\u001f${account}`;

export interface AccountsOptions {
  readonly store: AccountStore;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
}

export function createAccounts({ store, kv, clock }: AccountsOptions): Accounts {
  const rows = new Map<string, AccountRow>();
  const pending = new Map<string, Pending>();
  const guesses = createGuesses(clock);

  const forgetCode = async (offer: Pick<Pending, "network" | "user">) => {
    pending.delete(pendingKey(offer));
    await kv.remove(pendingKey(offer));
  };

  const make = async ({ account }: Tie) => {
    await store.put(account);
    rows.set(accountKey(account.network, account.remoteUser), account);
  };

  const find = (by: RemoteAuthor, said: string): Pending | undefined => {
    let found: Pending | undefined;
    // every one is compared, whole: how long it takes tells nothing
    for (const offer of pending.values()) {
      const isOpen =
        offer.network === by.network &&
        offer.expiresAtMs > clock.now() &&
        (offer.tie === undefined || offer.tie.account.remoteUser === by.id);
      if (sameText(offer.code, said) && isOpen) found = offer;
    }
    return found;
  };

  return {
    async load() {
      for (const row of await store.list()) rows.set(accountKey(row.network, row.remoteUser), row);
      for (const { value } of await kv.list(pendingPrefix)) {
        const offer = JSON.parse(value) as Pending;
        if (offer.tie !== undefined) await make(offer.tie);
        if (offer.tie !== undefined || offer.expiresAtMs > clock.now()) pending.set(pendingKey(offer), offer);
        else await forgetCode(offer);
      }
    },
    ofUser: (user) => [...rows.values()].filter((row) => row.user === user),
    ownerOf: (network, account) => rows.get(accountKey(network, account))?.user,
    accountOf: (user, network) =>
      newest([...rows.values()].filter((row) => row.user === user && row.network === network))?.remoteUser,
    async offer(user, network, asked) {
      const known = pending.get(pendingKey({ network, user }));
      if (known !== undefined && known.asked === asked && known.tie === undefined) return known;
      const offer: Pending = { user, network, asked, code: newCode(), expiresAtMs: clock.now() + codeMs };
      await kv.put(pendingKey(offer), JSON.stringify(offer));
      pending.set(pendingKey(offer), offer);
      return offer;
    },
    async prove(by, text, proven) {
      const said = codeIn(text);
      if (said === undefined) return { kind: "none" };
      if (!proven) return { kind: "unproven" };
      const who = accountKey(by.network, by.id);
      if (guesses.areOver(who)) return { kind: "too-many" };
      const offer = find(by, said);
      if (offer === undefined) {
        guesses.wrong(who);
        return { kind: "wrong" };
      }
      const was = rows.get(who)?.user;
      const account: AccountRow = {
        user: offer.user,
        network: by.network,
        remoteUser: by.id,
        name: by.name,
        provenAtMs: clock.now(),
      };
      const former = was === undefined || was === offer.user ? {} : { was };
      const tie: Tie = offer.tie ?? { account, asked: offer.asked, ...former };
      const used: Pending = { ...offer, tie };
      pending.set(pendingKey(used), used);
      await kv.put(pendingKey(used), JSON.stringify(used));
      await make(tie);
      return { kind: "tied", tie };
    },
    finish: ({ account }) => forgetCode(account),
    unfinished: () => [...pending.values()].flatMap(({ tie }) => (tie === undefined ? [] : [tie])),
    async forget({ network, remoteUser }) {
      rows.delete(accountKey(network, remoteUser));
      await store.remove(network, remoteUser);
    },
    async withdraw(user) {
      for (const offer of [...pending.values()]) if (offer.user === user) await forgetCode(offer);
    },
  };
}

const newest = (rows: readonly AccountRow[]): AccountRow | undefined =>
  rows.reduce<AccountRow | undefined>(
    (last, row) => (row.provenAtMs >= (last?.provenAtMs ?? 0) ? row : last),
    undefined,
  );

/** Wrong codes by account: a few, then none for as long as a code lives. */
function createGuesses(clock: Clock) {
  const wrong = new Map<string, { count: number; untilMs: number }>();
  return {
    areOver(who: string): boolean {
      const known = wrong.get(who);
      return known !== undefined && known.untilMs > clock.now() && known.count >= wrongMax;
    },
    wrong(who: string): void {
      const known = wrong.get(who);
      const isOld = known === undefined || known.untilMs <= clock.now();
      wrong.delete(who);
      wrong.set(who, { count: isOld ? 1 : known.count + 1, untilMs: clock.now() + codeMs });
      if (wrong.size > guessersMax) wrong.delete(wrong.keys().next().value as string);
    },
  };
}

function newCode(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(codeLength));
  const signs = Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join("");
  return signs.replace(/(.{4})(?!$)/gu, "$1-");
}

/** The code in what somebody said, as we write it; undefined when it is none. */
function codeIn(text: string): string | undefined {
  const said = text
    .slice(0, 200)
    .trim()
    .toUpperCase()
    .replace(/^TIE\s+/u, "");
  const signs = said.replace(/[\s-]/gu, "").replaceAll("O", "0").replace(/[IL]/gu, "1");
  if (!/^[0-9A-HJKMNP-TV-Z]{16}$/u.test(signs)) return undefined;
  return signs.replace(/(.{4})(?!$)/gu, "$1-");
}

/** In a time that depends on the lengths alone. */
function sameText(one: string, other: string): boolean {
  let differs = one.length ^ other.length;
  for (let index = 0; index < one.length; index++) differs |= one.charCodeAt(index) ^ (other.charCodeAt(index) || 0);
  return differs === 0;
}
