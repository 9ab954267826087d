import { BridgeError, networkId } from "@trestle/core";
import { createFakeFiles, createMemoryStore, createTestClock, createTestMeter, type FakeFiles } from "@trestle/testing";
import { createAvatars } from "../src/ghosts/avatars.ts";
import { createMediaBudget } from "../src/media/budget.ts";

const net = networkId("libera");

function scene(store = createMemoryStore()) {
  const files: FakeFiles = createFakeFiles("far:");
  const uploads: { readonly bytes: string; readonly mimeType: string }[] = [];
  const budget = createMediaBudget(createTestMeter());
  let failing: Error | undefined;
  const takeOver = createAvatars({
    store: store.media,
    open: ({ source }) => files.open(source),
    budget,
    async upload(bytes, mimeType) {
      if (failing !== undefined) throw failing;
      uploads.push({ bytes: Buffer.from(bytes).toString(), mimeType });
      return `mxc://hs.test/m${uploads.length}`;
    },
    clock: createTestClock(),
  });
  const take = (source: string, mimeType = "image/png", network = net) => takeOver({ source, mimeType }, network);
  return {
    files,
    uploads,
    budget,
    store,
    take,
    fail: (error: Error | undefined) => {
      failing = error;
    },
  };
}

test("[P1] one source is opened and uploaded once, also at one time and after a restart", async () => {
  const one = scene();
  const source = one.files.put("picture", { mimeType: "image/png" });
  expect(await Promise.all([one.take(source), one.take(source)])).toEqual(["mxc://hs.test/m1", "mxc://hs.test/m1"]);
  expect(await one.take(source)).toBe("mxc://hs.test/m1");
  expect(one.files.opened).toHaveLength(1);
  const again = scene(one.store);
  expect(await again.take(source)).toBe("mxc://hs.test/m1");
  expect(again.files.opened).toHaveLength(0);
  expect(one.budget.reservedBytes).toBe(0);
});

test("[P1] the same content under another source, or of another network, is not uploaded again", async () => {
  const { files, uploads, take } = scene();
  const [a, b] = [files.put("same", { mimeType: "image/png" }), files.put("same", { mimeType: "image/png" })];
  const c = files.put("other", { mimeType: "image/png" });
  expect(await take(a)).toBe(await take(b));
  expect(await take(a, "image/png", networkId("oftc"))).toBe(await take(a));
  expect(await take(c)).not.toBe(await take(a));
  expect(uploads.map(({ bytes }) => bytes)).toEqual(["same", "other"]);
});

test("[P1] an address of Matrix is used as it is; what only looks like one is not", async () => {
  const { files, take } = scene();
  expect(await take("mxc://hs.test/abc")).toBe("mxc://hs.test/abc");
  expect(await take("mxc://hs.test/../x")).toBeUndefined();
  expect(await take("mxc:nonsense")).toBeUndefined();
  expect(files.opened).toEqual([]);
});

test.each([
  ["a page", "text/html", "x"],
  ["a drawing that may hold a script", "image/svg+xml", "<svg/>"],
  ["no type at all", "", "x"],
  ["nothing", "image/png", ""],
  ["more than a picture of a person has", "image/png", "x".repeat(4 * 1024 * 1024 + 1)],
])("[P1] [S1 matrix] %s is no picture", async (_what, mimeType, bytes) => {
  const { files, uploads, budget, take } = scene();
  expect(await take(files.put(bytes, { mimeType, unknownLength: true }), "image/png")).toBeUndefined();
  expect(uploads).toEqual([]);
  expect(budget.reservedBytes).toBe(0);
});

test("[P1] what is gone is never asked for in vain again by who knows; what broke off is", async () => {
  const { files, uploads, take, fail, store } = scene();
  expect(await take("far:gone")).toBeUndefined();
  const source = files.put("picture".repeat(50_000), { mimeType: "image/png" });
  files.breakNext();
  await expect(take(source)).rejects.toThrow();
  fail(new BridgeError("homeserver-unreachable"));
  await expect(take(source)).rejects.toMatchObject({ code: "homeserver-unreachable" });
  expect(store.disk.media.size).toBe(0);
  fail(undefined);
  expect(await take(source)).toBe("mxc://hs.test/m1");
  expect(uploads).toHaveLength(1);
});
