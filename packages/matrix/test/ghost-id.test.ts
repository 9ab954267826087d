import { networkId, remoteUserId } from "@trestle/core";
import fc from "fast-check";
import { createGhostIds, decodeLocalpart, encodeLocalpart } from "../src/ghosts/ghost-id.ts";

const ids = createGhostIds("_irc_", "hs.test");
const of = (id: string, network = "libera") => ids.of({ network: networkId(network), id: remoteUserId(id) });

test.each([
  ["alice", "@_irc_libera_alice:hs.test"],
  ["a_b-c.d/e", "@_irc_libera_a_b-c.d/e:hs.test"],
  ["[x]", "@_irc_libera_=5bx=5d:hs.test"],
  ["Alice", "@_irc_libera_=41lice:hs.test"],
  ["ä", "@_irc_libera_=c3=a4:hs.test"],
  ["=41", "@_irc_libera_=3d41:hs.test"],
  ["a+b", "@_irc_libera_a=2bb:hs.test"],
])("[P1] the remote id %j becomes %s", (id, user) => {
  expect(of(id)).toBe(user);
  expect(ids.read(user)).toEqual({ network: "libera", id });
});

test("[P1] every id has letters that the strictest homeserver takes, fits 255 bytes and reads back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 300 }), (id) => {
      const user = of(id);
      expect(user).toMatch(/^@[a-z0-9._=/-]+:hs\.test$/);
      expect(Buffer.byteLength(user)).toBeLessThanOrEqual(255);
      if (!user.includes("==")) expect(ids.read(user)?.id).toBe(id.toWellFormed());
    }),
    { numRuns: 300 },
  );
});

test("[P1] two long ids that begin alike stay two ghosts", () => {
  const long = "x".repeat(400);
  expect(of(`${long}a`)).not.toBe(of(`${long}b`));
  expect(of(`${long}a`)).toBe(of(`${long}a`));
  expect(ids.read(of(`${long}a`))).toBeUndefined();
  expect(ids.isGhost(of(`${long}a`))).toBe(true);
});

test.each([
  "@alice:hs.test",
  "@_irc_libera_alice:evil.test",
  "@_irc_libera:hs.test",
  "@_irc__alice:hs.test",
  "@_irc_libera_:hs.test",
  "@_irc_libera_=61lice:hs.test",
  "@_irc_libera_=C3:hs.test",
  "@_irc_libera_=ff:hs.test",
  "@_irc_libera_a=4:hs.test",
  "",
])("%j is no ghost that we made", (user) => {
  expect(ids.read(user)).toBeUndefined();
});

test("encoding is one to one", () => {
  expect(decodeLocalpart(encodeLocalpart("a=b c"))).toBe("a=b c");
  expect(decodeLocalpart("a=62")).toBeUndefined();
});
