/** The book of our own lines by itself: what it knows after a restart, what it forgets, and whose line it gives out. */
import { jobKey, type KeyValueStore, networkId, partKey } from "@trestle/core";
import { createTestLog } from "@trestle/testing";
import { createOwnLines, type OwnLine, type OwnLines } from "../src/own-lines.ts";

const chat = "#one";
const keyOf = (at: number) => partKey(jobKey(`job ${at}`), 0);
const line = (id: string, saidAtMs: number, text = "hello"): OwnLine => ({
  command: "PRIVMSG",
  nick: "trestle",
  text,
  id,
  saidAtMs,
});
const hello = { command: "PRIVMSG", nick: "trestle", text: "hello" };

async function open(disk = new Map<string, string>()): Promise<OwnLines> {
  const kv: KeyValueStore = {
    get: async (key) => disk.get(key),
    put: async (key, value) => void disk.set(key, value),
    remove: async (key) => void disk.delete(key),
    list: async (prefix) => [...disk].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
  };
  const book = createOwnLines({ network: networkId("net"), kv, log: createTestLog() });
  await book.load();
  return book;
}

describe("what was confirmed", () => {
  it("is known by its key after a restart, the last 64 of each chat", async () => {
    const disk = new Map<string, string>();
    const before = await open(disk);
    for (let at = 0; at < 100; at += 1) await before.confirmed(chat, keyOf(at), `id${at}`);
    await before.confirmed("#two", keyOf(200), "other");
    const after = await open(disk);
    for (const book of [before, after]) {
      expect(book.idOf(chat, keyOf(35))).toBeUndefined();
      expect(book.idOf(chat, keyOf(36))).toBe("id36");
      expect(book.idOf(chat, keyOf(99))).toBe("id99");
      expect(book.idOf(chat, keyOf(200))).toBeUndefined();
      expect(book.idOf("#two", keyOf(200))).toBe("other");
    }
    await after.confirmed(chat, keyOf(100), "id100");
    expect((await open(disk)).idOf(chat, keyOf(36))).toBeUndefined();
    expect((await open(disk)).idOf(chat, keyOf(37))).toBe("id37");
  });

  it("survives rows that are broken or of an earlier release", async () => {
    const rows = ["{", "null", "[]", '"x"', '{"number":"1"}', '{"number":-1.5,"key":"k","id":"i"}'];
    const disk = new Map(rows.map((value, at) => [`irc-own/net/#one ${at}`, value]));
    disk.set("irc-own/net/#one", "m1");
    const book = await open(disk);
    await book.confirmed(chat, keyOf(1), "id1");
    expect(book.idOf(chat, keyOf(1))).toBe("id1");
  });
});

describe("what is found in the history", () => {
  it("is given out once, in order, by command, nick and text", async () => {
    const book = await open();
    book.found(chat, 0, [line("a", 10), line("b", 20), line("c", 30, "other")]);
    expect(book.claim(chat, { ...hello, nick: "Trestle" }, 0)).toBeUndefined();
    expect(book.claim(chat, { ...hello, command: "NOTICE" }, 0)).toBeUndefined();
    expect(book.claim("#two", hello, 0)).toBeUndefined();
    expect([0, 1, 2].map(() => book.claim(chat, hello, 0))).toEqual(["a", "b", undefined]);
  });

  it("is nobody's that was said before the job", async () => {
    const book = await open();
    book.found(chat, 0, [line("a", 10), line("b", 20)]);
    expect(book.claim(chat, hello, 15)).toBe("b");
    expect(book.claim(chat, hello, 15)).toBeUndefined();
  });

  it("is another key's where that was confirmed, or may have been once", async () => {
    const book = await open();
    await book.confirmed(chat, keyOf(1), "a");
    book.found(chat, 0, [line("a", 10)]);
    expect(book.claim(chat, hello, 0)).toBeUndefined();
    for (let at = 2; at < 70; at += 1) await book.confirmed(chat, keyOf(at), `id${at}`);
    book.arrived(chat);
    book.found(chat, 0, [line("a", 10), line("id6", 20, "oldest kept"), line("z", 30)]);
    expect(book.claim(chat, hello, 0)).toBe("z");
    expect(book.claim(chat, hello, 0)).toBeUndefined();
  });

  it("a longer stretch adds to what is known of a shorter one; a new arrival starts anew", async () => {
    const book = await open();
    expect(book.covers(chat, 100)).toBe(false);
    book.found(chat, 50, [line("b", 60)]);
    expect([book.covers(chat, 100), book.covers(chat, 49)]).toEqual([true, false]);
    book.found(chat, 0, [line("a", 10)]);
    expect(book.covers(chat, 0)).toBe(true);
    expect([book.claim(chat, hello, 0), book.claim(chat, hello, 0)]).toEqual(["a", "b"]);
    book.arrived(chat);
    expect(book.covers(chat, 100)).toBe(false);
  });
});
