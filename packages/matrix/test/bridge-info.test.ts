import fc from "fast-check";
import { stateKeyOf } from "../src/rooms/bridge-info.ts";

test.each([
  ["libera", "#trestle", "trestle-irc/libera/%23trestle"],
  ["a/b", "c", "trestle-irc/a%2Fb/c"],
  ["a", "b/c", "trestle-irc/a/b%2Fc"],
])("[R11] the link of %s and %s is %s", (network, channel, key) => {
  expect(stateKeyOf("irc", { network, channel })).toBe(key);
});

test("[R11] [S1 matrix] no two links have one state key, and each is short enough, whatever a channel is called", () => {
  const word = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.constantFrom("#a", "#a/", "%2F", "x".repeat(300)),
  );
  fc.assert(
    fc.property(word, word, word, word, (a, b, c, d) => {
      const [one, two] = [
        { network: a.toWellFormed(), channel: b.toWellFormed() },
        { network: c.toWellFormed(), channel: d.toWellFormed() },
      ];
      const keys = [stateKeyOf("irc", one), stateKeyOf("irc", two)];
      for (const key of keys) expect(key).toMatch(/^trestle-irc\/[ -~]{0,243}$/);
      expect(keys[0] === keys[1]).toBe(one.network === two.network && one.channel === two.channel);
    }),
  );
});
