/// <reference types="jest" />
/** The part of the store's contract that is about people: what is kept of their words, their accounts and reactions. */
import {
  type AccountRow,
  eventId,
  networkId,
  portalId,
  type ReactionRow,
  remoteChatId,
  remoteMessageId,
  remoteUserId,
  roomId,
  userId,
} from "@trestle/core";
import { aRow, eachWithStore, hostileStrings, type OpenStore, writeRows } from "./store-trial.ts";

const one = portalId(1);
const two = portalId(2);
const aLink = {
  chat: remoteChatId("#chat"),
  state: "active",
  origin: "plumbed",
  requestedBy: "local admin",
  createdAtMs: 1_790_000_000_000,
  settings: "{}",
} as const;

export function describeWords(open: OpenStore): void {
  describe("somebody's words", () => {
    const trial = eachWithStore(open);

    test("[R3] a message is found under the id it was first said by, in whichever lane, every part", async () => {
      const outward = [aRow("$e", "r2", { part: 1 }), aRow("$e", "r1", { text: "hi" })];
      const inward = [aRow("$g1", "far", { lane: "inward", origin: "far" })];
      await writeRows(trial.store, [...outward, ...inward, aRow("$e", "elsewhere", { portal: two })]);
      const { messages } = await trial.reopen();
      expect(await messages.findByOrigin(one, "$e")).toStrictEqual([outward[1], outward[0]]);
      expect(await messages.findByOrigin(one, "far")).toStrictEqual(inward);
      for (const id of ["r1", "$g1", "nothing"]) expect(await messages.findByOrigin(one, id)).toEqual([]);
      expect(await messages.findByOrigin(portalId(9), "$e")).toEqual([]);
    });

    test("the same id in both lanes is both messages", async () => {
      const out = aRow("same", "r1", { text: "out" });
      const into = aRow("$x", "same", { lane: "inward", origin: "same", text: "in" });
      await writeRows(trial.store, [out, into]);
      expect(await trial.store.messages.findByOrigin(one, "same")).toStrictEqual([into, out]);
    });

    test("[P5] are counted, and erased: name and texts go, the pairs of ids stay", async () => {
      const alice = [
        aRow("$a", "r1", { text: "secret" }),
        aRow("$a", "r2", { part: 1 }),
        aRow("$b", "r3", { portal: two, text: "more" }),
      ];
      const bob = aRow("$c", "r4", { author: "@bob:test", authorName: "Bob", text: "kept" });
      await writeRows(trial.store, [...alice, bob]);
      const { messages } = trial.store;
      expect(await messages.ofAuthor("@alice:test")).toStrictEqual({ messages: 3, texts: 2 });
      expect(await messages.ofAuthor("@ALICE:test")).toStrictEqual({ messages: 0, texts: 0 });
      expect(await messages.eraseAuthor("@alice:test")).toBe(3);
      expect(await messages.eraseAuthor("@nobody:test")).toBe(0);
      const store = await trial.reopen();
      expect(await store.messages.ofAuthor("@alice:test")).toStrictEqual({ messages: 3, texts: 0 });
      const left = await store.messages.findByRemote(one, remoteMessageId("r1"));
      expect(left).toStrictEqual([aRow("$a", "r1", { authorName: "" }), aRow("$a", "r2", { part: 1, authorName: "" })]);
      expect(await store.messages.findByEvent(one, eventId("$c"))).toStrictEqual([bob]);
    });

    test("[P5] of one network are not those of its namesake on another", async () => {
      const { portals } = trial.store;
      const rows = [];
      for (const network of ["here", "there"]) {
        const room = roomId(`!${network}:test`);
        rows.push(await portals.add({ ...aLink, network: networkId(network), room }));
      }
      const [here, there] = rows.map(({ id }) => id);
      const carol = { lane: "inward", author: "carol", text: "words" } as const;
      await writeRows(trial.store, [
        aRow("$h", "h", { ...carol, origin: "h", portal: here ?? one }),
        aRow("$t", "t", { ...carol, origin: "t", portal: there ?? one }),
      ]);
      const { messages } = trial.store;
      expect(await messages.ofAuthor("carol", networkId("here"))).toStrictEqual({ messages: 1, texts: 1 });
      expect(await messages.eraseAuthor("carol", networkId("here"))).toBe(1);
      expect(await messages.ofAuthor("carol", networkId("here"))).toStrictEqual({ messages: 1, texts: 0 });
      expect(await messages.ofAuthor("carol", networkId("there"))).toStrictEqual({ messages: 1, texts: 1 });
      expect(await messages.ofAuthor("carol")).toStrictEqual({ messages: 2, texts: 1 });
    });

    test("[S1] erasing takes an author's name for a name, whatever stands in it", async () => {
      await writeRows(
        trial.store,
        hostileStrings.map((author, index) => aRow(`$${index}`, `r${index}`, { author, text: "words" })),
      );
      const { messages } = trial.store;
      for (const author of hostileStrings) expect(await messages.eraseAuthor(author)).toBe(1);
    });
  });
}

export function describeAccounts(open: OpenStore): void {
  describe("accounts", () => {
    const trial = eachWithStore(open);
    const al: AccountRow = {
      user: userId("@alice:test"),
      network: networkId("fakenet"),
      remoteUser: remoteUserId("al"),
      name: "Al",
      provenAtMs: 1_790_000_000_000,
    };

    test("[P3] one account has one person, the last who proved it; a person may have several", async () => {
      const { accounts } = trial.store;
      expect(await accounts.list()).toEqual([]);
      const second = { ...al, remoteUser: remoteUserId("al-at-work"), name: "" };
      const elsewhere = { ...al, network: networkId("othernet") };
      for (const row of [elsewhere, al, second]) await accounts.put(row);
      const taken = { ...al, user: userId("@bob:test"), name: "Bob", provenAtMs: 1_790_000_000_001 };
      await accounts.put(taken);
      const store = await trial.reopen();
      expect(await store.accounts.list()).toStrictEqual([taken, second, elsewhere]);
    });

    test("[P3] are untied one by one", async () => {
      const { accounts } = trial.store;
      const other = { ...al, network: networkId("othernet") };
      await Promise.all([accounts.put(al), accounts.put(other)]);
      await accounts.remove(al.network, al.remoteUser);
      await accounts.remove(al.network, remoteUserId("nobody"));
      expect(await accounts.list()).toStrictEqual([other]);
    });

    test("[S1] keep hostile ids and names exactly, and no id that no index could hold", async () => {
      const { accounts } = trial.store;
      for (const text of hostileStrings) await accounts.put({ ...al, remoteUser: remoteUserId(text), name: text });
      const names = (await accounts.list()).map(({ remoteUser, name }) => [remoteUser, name]);
      expect(new Set(names.map(([id]) => id))).toEqual(new Set(hostileStrings));
      for (const [id, name] of names) expect(name).toBe(id);
      const tooLong = { ...al, remoteUser: remoteUserId("a".repeat(1001)) };
      await expect(accounts.put(tooLong)).rejects.toMatchObject({ code: "event-too-large" });
    });
  });
}

export function describeReactions(open: OpenStore): void {
  describe("reactions", () => {
    const trial = eachWithStore(open);
    const liked: ReactionRow = {
      portal: one,
      event: eventId("$like"),
      target: eventId("$said"),
      key: "👍",
      author: "@alice:test",
      atMs: 1_790_000_000_000,
    };

    test("[C7] are found again by their event, in their own portal only, until removed", async () => {
      const { reactions } = trial.store;
      await reactions.put(liked);
      await reactions.put({ ...liked, key: "👎" });
      const store = await trial.reopen();
      expect(await store.reactions.get(one, liked.event)).toStrictEqual({ ...liked, key: "👎" });
      expect(await store.reactions.get(two, liked.event)).toBeUndefined();
      expect(await store.reactions.get(one, liked.target)).toBeUndefined();
      await store.reactions.remove(two, liked.event);
      await store.reactions.remove(one, liked.event);
      await store.reactions.remove(one, liked.event);
      expect(await store.reactions.get(one, liked.event)).toBeUndefined();
    });

    test("older than a time are forgotten", async () => {
      const { reactions } = trial.store;
      for (const atMs of [100, 200, 300]) await reactions.put({ ...liked, event: eventId(`$${atMs}`), atMs });
      expect(await reactions.prune(200)).toBe(1);
      expect(await reactions.prune(200)).toBe(0);
      expect(await reactions.get(one, eventId("$100"))).toBeUndefined();
      expect(await reactions.get(one, eventId("$200"))).toMatchObject({ atMs: 200 });
    });

    test("[S1] keep hostile keys and ids exactly, and no id that no index could hold", async () => {
      const { reactions } = trial.store;
      for (const text of hostileStrings) {
        const row = { ...liked, event: eventId(text), target: eventId(text), key: text, author: text };
        await reactions.put(row);
        expect(await reactions.get(one, row.event)).toStrictEqual(row);
      }
      const tooLong = { ...liked, event: eventId(`$${"e".repeat(1000)}`) };
      await expect(reactions.put(tooLong)).rejects.toMatchObject({ code: "event-too-large" });
    });
  });
}
