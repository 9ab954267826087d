/// <reference types="jest" />
/** The part of the store's contract that is about what expires and what is secret. */
import { eachWithStore, hostileStrings, type OpenStore } from "./store-trial.ts";

export function describeExpiring(open: OpenStore): void {
  describe("what expires", () => {
    const trial = eachWithStore(open);

    test("[S2] is put, replaced with a new end, got and removed", async () => {
      const { media } = trial.store;
      await media.put("a", "1", 100);
      await media.put("a", "2", 900);
      await media.put("b", "", 500);
      expect([await media.get("a"), await media.get("b"), await media.get("c")]).toEqual(["2", "", undefined]);
      await media.remove("b");
      await media.remove("c");
      const store = await trial.reopen();
      expect(await store.media.prune(899)).toBe(0);
      expect([await store.media.get("a"), await store.media.get("b")]).toEqual(["2", undefined]);
    });

    test("is there until it is pruned, and goes with the moment its time is over", async () => {
      const { media } = trial.store;
      for (const end of [100, 200, 300]) await media.put(`until ${end}`, "x", end);
      expect(await media.get("until 100")).toBe("x");
      expect(await media.prune(200)).toBe(2);
      expect(await media.prune(200)).toBe(0);
      expect(await Promise.all([100, 200, 300].map((end) => media.get(`until ${end}`)))).toEqual([
        undefined,
        undefined,
        "x",
      ]);
    });

    test("[S1] keeps hostile keys and values exactly, and no key that no index could hold", async () => {
      const { media } = trial.store;
      for (const text of hostileStrings) await media.put(text, text, 1);
      for (const text of hostileStrings) expect(await media.get(text)).toBe(text);
      await expect(media.put("k".repeat(1001), "", 1)).rejects.toMatchObject({ code: "event-too-large" });
    });
  });
}

export function describeSecrets(open: OpenStore): void {
  describe("secrets", () => {
    const trial = eachWithStore(open);

    test("[S4] are put, replaced, got after a restart, and removed", async () => {
      const { secrets } = trial.store;
      expect(await secrets.get("token/a")).toBeUndefined();
      await secrets.put("token/a", "first");
      await secrets.put("token/a", "second");
      await secrets.put("token/b", "");
      const store = await trial.reopen();
      expect([await store.secrets.get("token/a"), await store.secrets.get("token/b")]).toEqual(["second", ""]);
      await store.secrets.remove("token/a");
      await store.secrets.remove("token/none");
      expect(await store.secrets.get("token/a")).toBeUndefined();
    });

    test("[S4] are listed by name alone, by prefix", async () => {
      const { secrets } = trial.store;
      for (const name of ["token/b", "token/a", "Token/c", "toke%", "grant/a"]) await secrets.put(name, "x");
      expect(await secrets.list("token/")).toEqual(["token/a", "token/b"]);
      expect(await secrets.list("toke%")).toEqual(["toke%"]);
      expect(await secrets.list("")).toHaveLength(5);
    });

    test("[S4] sealed with the newest key have nothing to be sealed anew", async () => {
      const { secrets } = trial.store;
      expect(await secrets.reseal()).toBe(0);
      await secrets.put("a", "x");
      expect(await secrets.reseal()).toBe(0);
      expect(await secrets.get("a")).toBe("x");
    });

    test("[S1] keep hostile names and texts exactly, long ones too, and no name that no index could hold", async () => {
      const { secrets } = trial.store;
      const long = "s".repeat(100_000);
      for (const text of hostileStrings) await secrets.put(text, text);
      await secrets.put("long", long);
      for (const text of hostileStrings) expect(await secrets.get(text)).toBe(text);
      expect(await secrets.get("long")).toBe(long);
      await expect(secrets.put("n".repeat(1001), "")).rejects.toMatchObject({ code: "event-too-large" });
    });
  });
}
