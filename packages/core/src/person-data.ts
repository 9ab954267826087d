/** What the bridge keeps of a person, for him to see, and how it is erased: each step alone can be done again after a kill. */
import type { Accounts } from "./accounts.ts";
import type { Clock } from "./ambient.ts";
import type { RemoteAuthor } from "./author.ts";
import type { Homeserver } from "./homeserver.ts";
import type { NetworkId, UserId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { type NameBook, whoThere } from "./name-book.ts";
import type { People } from "./people.ts";
import type { Router } from "./router.ts";
import type { AccountRow, Job, Store } from "./store.ts";

export interface PersonData {
  readonly messages: number;
  readonly texts: number;
  readonly failed: number;
  readonly accounts: readonly AccountRow[];
  readonly puppet: boolean;
  /** Rooms where we noted when he came. */
  readonly joined: number;
  readonly directChats: number;
}

export interface PersonDataDesk {
  of(user: UserId): Promise<PersonData>;
  erase(user: UserId): Promise<void>;
  ofRemote(by: RemoteAuthor): Promise<{ readonly messages: number; readonly texts: number }>;
  eraseRemote(by: RemoteAuthor): Promise<void>;
}

export interface PersonDataOptions {
  readonly store: Store;
  readonly messages: MessageMap;
  readonly router: Router;
  readonly homeserver: Homeserver;
  readonly accounts: Accounts;
  readonly people: People;
  readonly book: NameBook;
  readonly clock: Clock;
}

/** Dead letters looked through; no bridge that is looked after has more. */
const deadMax = 10_000;

export function createPersonData(options: PersonDataOptions): PersonDataDesk {
  const { store, messages, router, homeserver, accounts, people, book, clock } = options;

  const failedOf = async (author: string, network?: NetworkId): Promise<Job[]> => {
    const isThere = ({ portal, lane }: Job) =>
      network === undefined || lane === "outward" || router.get(portal)?.network === network;
    return (await store.journal.dead({ limit: deadMax })).filter((job) => job.author === author && isThere(job));
  };
  const joinedOf = async (user: UserId) =>
    (await store.kv.list("joined/")).filter(({ key }) => key.endsWith(`/${user}`));

  /** `network`: of somebody of the network, whose id may be somebody else's on another one. */
  const eraseWords = async (author: string, network?: NetworkId): Promise<void> => {
    await store.messages.eraseAuthor(author, network);
    messages.forgetAuthor(author);
    for (const { seq } of await failedOf(author, network)) {
      await store.journal.settle(seq, { state: "cancelled", atMs: clock.now(), failure: "erased" });
    }
  };

  return {
    async of(user) {
      const direct = await store.kv.list("direct/");
      return {
        ...(await store.messages.ofAuthor(user)),
        failed: (await failedOf(user)).length,
        accounts: accounts.ofUser(user),
        puppet: homeserver.puppets.has(user),
        joined: (await joinedOf(user)).length,
        directChats: direct.filter(({ value }) => value === user).length,
      };
    },
    async erase(user) {
      // First what must not be lost with the marks that replace it: nothing from before can be quoted to him any more.
      const { out } = people.of(user);
      await people.put(user, { ...(out === true ? { out } : {}), erasedAtMs: clock.now() });
      for (const { key } of await joinedOf(user)) await store.kv.remove(key);
      await homeserver.puppets.logout(user);
      await eraseWords(user);
      await accounts.withdraw(user);
      // An account goes last: killed before, its words are found again through it.
      for (const row of accounts.ofUser(user)) {
        await eraseWords(row.remoteUser, row.network);
        book.forget(whoThere(row.network, row.remoteUser));
        await accounts.forget(row);
      }
      book.forget(user);
    },
    ofRemote: (by) => store.messages.ofAuthor(by.id, by.network),
    async eraseRemote(by) {
      await eraseWords(by.id, by.network);
      book.forget(whoThere(by.network, by.id));
    },
  };
}
