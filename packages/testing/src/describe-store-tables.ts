/// <reference types="jest" />
/** The part of the store's contract that is about messages, portals, ghosts and the key-value table. */
import {
  eventId,
  type GhostRow,
  networkId,
  type PortalRow,
  portalId,
  remoteChatId,
  remoteMessageId,
  roomId,
  userId,
} from "@trestle/core";
import { aJob } from "./builders.ts";
import { aRow, eachWithStore, hostileStrings, type OpenStore, writeRows } from "./store-trial.ts";

const one = portalId(1);
const two = portalId(2);

export function describeMessages(open: OpenStore): void {
  describe("messages", () => {
    const trial = eachWithStore(open);

    test("[C8] finds every part of a message by any of its ids, first part first", async () => {
      const outward = [
        aRow("$e", "r2", { part: 1 }),
        aRow("$e", "r1", { text: "hi" }),
        aRow("$e", "r3", { part: 2, eventId: eventId("$edit") }),
      ];
      const inward = [
        aRow("$g1", "far", { lane: "inward", origin: "far" }),
        aRow("$g2", "far", { lane: "inward", origin: "far", part: 1 }),
      ];
      await writeRows(trial.store, [...outward, ...inward, aRow("$other", "other")]);
      const { messages } = await trial.reopen();
      const sorted = [outward[1], outward[0], outward[2]];
      for (const id of ["$e", "$edit"]) expect(await messages.findByEvent(one, eventId(id))).toStrictEqual(sorted);
      for (const id of ["r1", "r2", "r3"]) {
        expect(await messages.findByRemote(one, remoteMessageId(id))).toStrictEqual(sorted);
      }
      for (const id of ["$g1", "$g2"]) expect(await messages.findByEvent(one, eventId(id))).toStrictEqual(inward);
      expect(await messages.findByRemote(one, remoteMessageId("far"))).toStrictEqual(inward);
    });

    test("[S1] of another portal are not found", async () => {
      await writeRows(trial.store, [aRow("$e", "r1", { portal: two })]);
      expect(await trial.store.messages.findByEvent(one, eventId("$e"))).toEqual([]);
      expect(await trial.store.messages.findByRemote(one, remoteMessageId("r1"))).toEqual([]);
      expect(await trial.store.messages.findByEvent(two, eventId("$nothing"))).toEqual([]);
    });

    test("written again replace themselves and keep their place", async () => {
      await writeRows(trial.store, [aRow("$a", "r1"), aRow("$b", "r2")]);
      await writeRows(trial.store, [aRow("$a", "r9", { authorName: "Al" })]);
      const { messages } = trial.store;
      expect(await messages.findByEvent(one, eventId("$a"))).toStrictEqual([aRow("$a", "r9", { authorName: "Al" })]);
      expect(await messages.findByRemote(one, remoteMessageId("r1"))).toEqual([]);
      expect((await messages.recent(one, "outward", 9)).map((row) => row.origin)).toEqual(["$b", "$a"]);
    });

    test("an id in one lane does not shadow the same id in the other", async () => {
      const out = aRow("same", "r1", { text: "out" });
      const into = aRow("$x", "same", { lane: "inward", origin: "same", text: "in" });
      await writeRows(trial.store, [out, into]);
      expect(await trial.store.messages.findByEvent(one, eventId("same"))).toStrictEqual([out]);
      expect(await trial.store.messages.findByRemote(one, remoteMessageId("same"))).toStrictEqual([into]);
    });

    test("recent are the newest of a portal and lane, newest first", async () => {
      const rows = Array.from({ length: 20 }, (_, index) => aRow(`$${index}`, `r${index}`, { sentAtMs: 100 - index }));
      await writeRows(trial.store, rows);
      await writeRows(trial.store, [
        aRow("$in", "rin", { lane: "inward", origin: "rin" }),
        aRow("$p", "p", { portal: two }),
      ]);
      const recent = await trial.store.messages.recent(one, "outward", 3);
      expect(recent.map((row) => row.origin)).toEqual(["$19", "$18", "$17"]);
      expect(await trial.store.messages.recent(portalId(9), "inward", 3)).toEqual([]);
    });

    test("texts change, go at a redaction, and are wiped by age without the map", async () => {
      const rows = [100, 200, 300].map((sentAtMs) =>
        aRow(`$${sentAtMs}`, `r${sentAtMs}`, { sentAtMs, text: "secret" }),
      );
      await writeRows(trial.store, [...rows, aRow("$100", "second", { part: 1, sentAtMs: 100 })]);
      const { journal, messages } = trial.store;
      const [job] = await journal.append([aJob()]);
      const texts = [
        { portal: one, origin: "$200", text: undefined },
        { portal: one, origin: "$300", text: "edited" },
        { portal: two, origin: "$100", text: "not mine" },
        { portal: one, origin: "$unknown", text: "nobody's" },
      ];
      await journal.settle(job?.seq ?? 0, { state: "done", atMs: 1, texts });
      const textOf = async (event: string) => (await messages.findByEvent(one, eventId(event))).map((row) => row.text);
      expect(await textOf("$100")).toEqual(["secret", undefined]);
      expect(await textOf("$200")).toEqual([undefined]);
      expect(await textOf("$300")).toEqual(["edited"]);
      expect(await messages.wipeTexts(300)).toBe(1);
      expect(await messages.wipeTexts(300)).toBe(0);
      expect([await textOf("$100"), await textOf("$300")]).toEqual([[undefined, undefined], ["edited"]]);
    });

    test("[S1] keep hostile ids, names and texts exactly", async () => {
      const rows = hostileStrings.map((text, index) =>
        aRow(`$${index}${text}`, `r${index}${text}`, { author: text, authorName: text, text }),
      );
      await writeRows(trial.store, rows);
      const { messages } = await trial.reopen();
      for (const row of rows) {
        expect(await messages.findByEvent(one, row.eventId)).toStrictEqual([row]);
        expect(await messages.findByRemote(one, row.remoteId)).toStrictEqual([row]);
      }
    });
  });
}

const aPortal = (more: Partial<PortalRow> = {}): Omit<PortalRow, "id"> => ({
  network: networkId("fakenet"),
  chat: remoteChatId("#den"),
  room: roomId("!den:test"),
  state: "active",
  origin: "plumbed",
  requestedBy: "@admin:test",
  createdAtMs: 1_790_000_000_000,
  settings: "{}",
  ...more,
});

export function describePortals(open: OpenStore): void {
  describe("portals", () => {
    const trial = eachWithStore(open);

    test("[R8] are added under rising numbers, changed, and listed after a restart", async () => {
      const { portals } = trial.store;
      const first = await portals.add(aPortal());
      const more = { owner: userId("@a:test"), approvedBy: "ops", pauseReason: "asked", state: "paused" } as const;
      const second = await portals.add(aPortal(more));
      expect(second.id).toBeGreaterThan(first.id);
      expect(first.id).toBeGreaterThan(0);
      const changed: PortalRow = { ...aPortal(), id: second.id, room: roomId("!new:test"), settings: '{"a":1}' };
      await portals.update(changed);
      await portals.update({ ...changed, id: portalId(4711) });
      const store = await trial.reopen();
      expect(await store.portals.list()).toStrictEqual([first, changed]);
      expect((await store.portals.add(aPortal())).id).toBeGreaterThan(second.id);
    });

    test("many may share a room or a chat", async () => {
      await Promise.all(Array.from({ length: 20 }, () => trial.store.portals.add(aPortal())));
      const ids = (await trial.store.portals.list()).map((row) => row.id);
      expect(new Set(ids).size).toBe(20);
    });
  });
}

export function describeGhosts(open: OpenStore): void {
  describe("ghosts", () => {
    const trial = eachWithStore(open);
    const bob: GhostRow = {
      userId: userId("@_fake_bob:test"),
      network: networkId("fakenet"),
      remoteUser: "bob",
      registered: true,
      name: "Bob",
    };

    test("[P1] are put, put again, and got", async () => {
      const { ghosts } = trial.store;
      expect(await ghosts.get(bob.userId)).toBeUndefined();
      await ghosts.put(bob);
      const { name: _, ...nameless } = bob;
      const other: GhostRow = { ...nameless, userId: userId("@_fake_eve:test"), registered: false };
      await ghosts.put(other);
      const renamed = { ...bob, name: "Robert\0'", avatar: '{"sha256":"\0"}' };
      await ghosts.put(renamed);
      const store = await trial.reopen();
      expect(await store.ghosts.get(bob.userId)).toStrictEqual(renamed);
      await store.ghosts.put(bob);
      expect(await store.ghosts.get(bob.userId)).toStrictEqual(bob);
      expect(await store.ghosts.get(other.userId)).toStrictEqual(other);
    });

    test("[R5] joins and leaves are remembered both ways", async () => {
      const { ghosts } = trial.store;
      const [a, b] = [roomId("!a:test"), roomId("!b:test")];
      const eve = userId("@_fake_eve:test");
      await Promise.all([
        ghosts.setJoined(bob.userId, b, true),
        ghosts.setJoined(bob.userId, a, true),
        ghosts.setJoined(bob.userId, a, true),
        ghosts.setJoined(eve, a, true),
      ]);
      expect(await ghosts.joinedRooms(bob.userId)).toEqual([a, b]);
      expect(await ghosts.inRoom(a)).toEqual([bob.userId, eve]);
      await ghosts.setJoined(bob.userId, a, false);
      await ghosts.setJoined(bob.userId, a, false);
      const store = await trial.reopen();
      expect(await store.ghosts.joinedRooms(bob.userId)).toEqual([b]);
      expect(await store.ghosts.inRoom(a)).toEqual([eve]);
      expect(await store.ghosts.inRoom(roomId("!none:test"))).toEqual([]);
    });
  });
}

export function describeKeyValues(open: OpenStore): void {
  describe("key-value", () => {
    const trial = eachWithStore(open);

    test("puts, replaces, gets and removes", async () => {
      const { kv } = trial.store;
      await Promise.all([kv.put("a", "1"), kv.put("a", "2"), kv.put("b", "")]);
      expect([await kv.get("a"), await kv.get("b"), await kv.get("c")]).toEqual(["2", "", undefined]);
      await kv.remove("a");
      await kv.remove("c");
      const store = await trial.reopen();
      expect(await store.kv.list("")).toEqual([{ key: "b", value: "" }]);
    });

    test("lists by prefix: letter case, wildcards and other alphabets are no patterns", async () => {
      const { kv } = trial.store;
      const keys = ["mark/a", "mark/b", "Mark/c", "mark", "mar%", "mark_x", "märk/d", "mark/💩", "mark/\0", "zz"];
      for (const key of keys) await kv.put(key, key);
      const list = async (prefix: string) => (await kv.list(prefix)).map(({ key }) => key);
      expect(await list("mark/")).toEqual(["mark/\0", "mark/a", "mark/b", "mark/💩"]);
      expect(await list("mar%")).toEqual(["mar%"]);
      expect(await list("mark_")).toEqual(["mark_x"]);
      expect(await list("mark/💩")).toEqual(["mark/💩"]);
      expect(await list("mark/\ud83d")).toEqual(["mark/💩"]);
      expect(await list("mark/\0")).toEqual(["mark/\0"]);
      expect(await list("")).toEqual([...keys].sort());
    });

    test("[S1] keeps hostile keys and values exactly, and refuses a key no index could hold", async () => {
      const { kv } = trial.store;
      for (const text of hostileStrings) await kv.put(text, text);
      for (const text of hostileStrings) expect(await kv.get(text)).toBe(text);
      expect(await kv.list("")).toHaveLength(new Set(hostileStrings).size);
      await expect(kv.put("k".repeat(1001), "")).rejects.toMatchObject({ code: "event-too-large" });
      await kv.put("é".repeat(500), "fits");
      expect(await kv.get("é".repeat(500))).toBe("fits");
    });
  });
}
