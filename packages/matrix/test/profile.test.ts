import { remoteUserId } from "@trestle/core";
import { displayNameOf } from "../src/ghosts/profile.ts";

const shown = (name: string, id = "id") => displayNameOf({ name, id: remoteUserId(id) });

test.each([
  ["Ann", "Ann"],
  ["  a \n b\t", "a b"],
  ["a\u202eb\u0000\u200bc", "abc"],
  ["", "id"],
  ["\u200b", "id"],
  ["@admin:hs.test", "admin:hs.test"],
  ["\ud800x", "\ufffdx"],
])("[P1] [S1 matrix] the name %j is shown as %j", (name, expected) => {
  expect(shown(name)).toBe(expected);
});

test("[P1] a name is at most 100 letters, and there always is one", () => {
  expect([...shown("😀".repeat(500))]).toHaveLength(100);
  expect(shown("", "\u0000")).toBe("?");
});
