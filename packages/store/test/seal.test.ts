/** Secrets at rest: nothing readable in the file, nothing that opens where it does not belong, and a key that can be changed. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openStore, type StoreOptions } from "../src/index.ts";
import { createSealer } from "../src/seal.ts";
import { aKey } from "./kept-store.ts";
import { createSqliteFile, type SqliteFile } from "./sqlite-file.ts";

const token = "syt_YWxpY2U_verysecrettokenindeed_0aB1c2";

describe("[S4] the sealer", () => {
  const sealer = createSealer([aKey(1)]);
  const sealed = sealer.seal("token/a", token);

  test("opens what it sealed, and seals the same twice differently", () => {
    expect(sealer.open("token/a", sealed)).toBe(token);
    const again = sealer.seal("token/a", token);
    expect(again.nonce).not.toBe(sealed.nonce);
    expect(again.sealed).not.toBe(sealed.sealed);
  });

  test("opens with any key it has, and seals with the first", () => {
    const both = createSealer([aKey(2), aKey(1)]);
    expect(both.open("token/a", sealed)).toBe(token);
    expect(both.isNewest(sealed)).toBe(false);
    expect(both.isNewest(both.seal("token/a", token))).toBe(true);
  });

  const bytes = Buffer.from(sealed.sealed, "base64url");
  const flipped = Buffer.from(bytes).fill((bytes[3] ?? 0) ^ 1, 3, 4);
  const base64 = (of: Buffer) => of.toString("base64url");
  test.each([
    ["a row copied to another name", "token/b", sealed],
    ["a text with its end cut off", "token/a", { ...sealed, sealed: base64(bytes.subarray(0, -1)) }],
    ["a text cut inside its tag", "token/a", { ...sealed, sealed: base64(bytes.subarray(0, 12)) }],
    ["a tag alone, of another length", "token/a", { ...sealed, sealed: base64(bytes.subarray(-4)) }],
    ["nothing at all", "token/a", { ...sealed, sealed: "" }],
    ["one bit changed", "token/a", { ...sealed, sealed: base64(flipped) }],
    ["another nonce", "token/a", { ...sealed, nonce: base64(Buffer.alloc(12)) }],
    ["a nonce of another length", "token/a", { ...sealed, nonce: base64(Buffer.alloc(16)) }],
    ["what is no base64", "token/a", { ...sealed, sealed: "!!!" }],
    [
      "a row of another key under this key's id",
      "token/a",
      { ...createSealer([aKey(2)]).seal("token/a", token), keyId: sealed.keyId },
    ],
  ])("refuses %s and says so", (_what, name, row) => {
    expect(() => sealer.open(name, row)).toThrow(
      expect.objectContaining({ code: "database-failed", message: expect.stringContaining("was changed") }),
    );
  });

  test("says which file holds the wrong key", () => {
    const other = createSealer([aKey(2, "/etc/trestle/irc.key")]);
    expect(() => other.open("token/a", sealed)).toThrow(
      /"token\/a" is sealed with another key .* \/etc\/trestle\/irc\.key/,
    );
  });

  test("without a key neither seals nor opens, and says what to do", () => {
    const none = createSealer([]);
    const says = (words: string) =>
      expect.objectContaining({
        message: expect.stringContaining(words),
        cause: { mend: expect.stringContaining("secrets.keyFile") },
      });
    expect(() => none.seal("token/a", token)).toThrow(says("no key to seal it with"));
    expect(() => none.open("token/a", sealed)).toThrow(says("no key to open it"));
  });

  test("takes no short key", () => {
    expect(() => createSealer([{ secret: new Uint8Array(31), from: "a.key" }])).toThrow(
      expect.objectContaining({ code: "config-invalid", message: expect.stringContaining("a.key") }),
    );
  });
});

describe("[S4] secrets in a database", () => {
  let file: SqliteFile;
  beforeEach(() => {
    file = createSqliteFile();
  });
  afterEach(() => file.remove());

  const withStore = async <T>(
    keys: NonNullable<StoreOptions["keys"]>,
    use: (store: Awaited<ReturnType<typeof openStore>>) => Promise<T>,
  ): Promise<T> => {
    const store = await openStore({ url: file.url, keys });
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  };
  const bytesOnDisk = (): string => {
    const folder = dirname(file.path);
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name)).toString("latin1"))
      .join("");
  };

  test("stand nowhere in its files in the open, neither while they are written nor when they are gone", async () => {
    await withStore([aKey()], async ({ secrets, kv }) => {
      await secrets.put("token/@alice:test", token);
      await secrets.put("token/@alice:test", `${token}2`);
      await kv.put("beside", "to-be-seen-here");
      await secrets.reseal();
      // the log is still a file of its own now
      expect(bytesOnDisk()).toContain("to-be-seen-here");
      for (const shape of [token, Buffer.from(token).toString("base64url"), Buffer.from(token).toString("hex")]) {
        expect(bytesOnDisk()).not.toContain(shape.slice(0, 20));
      }
      await secrets.remove("token/@alice:test");
    });
    expect(bytesOnDisk()).not.toContain(token.slice(0, 20));
  });

  test("swapped between two rows do not open, and say which", async () => {
    await withStore([aKey()], async ({ secrets }) => {
      await secrets.put("token/a", token);
      await secrets.put("token/b", "other");
    });
    await file.outside((database) => {
      database.exec("update secrets set name = 'token/c' where name = 'token/a'");
      database.exec("update secrets set name = 'token/a' where name = 'token/b'");
    });
    await withStore([aKey()], async ({ secrets }) => {
      for (const name of ["token/a", "token/c"]) {
        await expect(secrets.get(name)).rejects.toMatchObject({
          code: "database-failed",
          message: expect.stringContaining(`"${name}" does not open`),
        });
      }
    });
  });

  test("are sealed anew with the newest key, after which the old one can go", async () => {
    await withStore([aKey(1)], ({ secrets }) =>
      Promise.all(["a", "b", "c"].map((name) => secrets.put(name, `${name} ${token}`))),
    );
    await withStore([aKey(2), aKey(1)], async ({ secrets }) => {
      await secrets.put("d", "new already");
      expect(await secrets.get("a")).toBe(`a ${token}`);
      expect(await secrets.reseal()).toBe(3);
      expect(await secrets.reseal()).toBe(0);
    });
    await withStore([aKey(2)], async ({ secrets }) => {
      expect(await Promise.all(["a", "b", "c", "d"].map((name) => secrets.get(name)))).toEqual([
        `a ${token}`,
        `b ${token}`,
        `c ${token}`,
        "new already",
      ]);
    });
    await withStore([aKey(1)], ({ secrets }) =>
      expect(secrets.get("a")).rejects.toMatchObject({ message: expect.stringContaining("key-1") }),
    );
  });

  test("put while others are sealed anew are not lost", async () => {
    await withStore([aKey(1)], ({ secrets }) => secrets.put("a", "old"));
    await withStore([aKey(2), aKey(1)], async ({ secrets }) => {
      await Promise.all([secrets.reseal(), secrets.put("a", "new"), secrets.put("b", "more")]);
      expect([await secrets.get("a"), await secrets.get("b")]).toEqual(["new", "more"]);
    });
  });

  test("are sealed anew all or none: one that no key opens changes nothing", async () => {
    await withStore([aKey(3)], ({ secrets }) => secrets.put("lost", token));
    await withStore([aKey(1)], ({ secrets }) => secrets.put("a", token));
    await withStore([aKey(2), aKey(1)], ({ secrets }) =>
      expect(secrets.reseal()).rejects.toMatchObject({ message: expect.stringContaining('"lost"') }),
    );
    await withStore([aKey(1)], async ({ secrets }) => expect(await secrets.get("a")).toBe(token));
  });

  test("without a key can still be listed and removed, and everything else goes on", async () => {
    await withStore([aKey()], ({ secrets }) => secrets.put("token/a", token));
    await withStore([], async ({ secrets, kv }) => {
      await expect(secrets.get("token/a")).rejects.toMatchObject({ code: "database-failed" });
      await expect(secrets.put("token/b", token)).rejects.toMatchObject({ code: "database-failed" });
      await expect(secrets.reseal()).rejects.toMatchObject({ code: "database-failed" });
      expect(await secrets.get("token/none")).toBeUndefined();
      await kv.put("a", "1");
      expect(await secrets.list("")).toEqual(["token/a"]);
      await secrets.remove("token/a");
      expect(await secrets.reseal()).toBe(0);
    });
  });

  test("a key that cannot be used keeps the database shut, not locked", async () => {
    await expect(
      openStore({ url: file.url, keys: [{ secret: new Uint8Array(3), from: "a.key" }] }),
    ).rejects.toMatchObject({ code: "config-invalid" });
    await withStore([aKey()], ({ secrets }) => secrets.put("a", "x"));
  });
});
