import { skeleton } from "@trestle/core";
import { hostileText } from "@trestle/testing";
import fc from "fast-check";
import { cutText, harmlessName, harmlessText, isVisible } from "../src/harmless-text.ts";
import { colorOfNumber, nearestNumber, readableOn } from "../src/palette.ts";

describe("[S5 irc] harmless text", () => {
  it.each<[string, string]>([
    ["plain, ünïcode, 日本 and 👨‍👩‍👧‍👦", "plain, ünïcode, 日本 and 👨‍👩‍👧‍👦"],
    ["a\r\nb", "a  b"],
    ["a\tb\u0085c\u2028d", "a b c d"],
    ["\0\x01\x02\x03\x1b\x1f\x7f\x80\x9f", ""],
    ["a\ud83db\ude00c", "abc"],
    ["\u202aa\u202eb\u2066c\u2069", "abc"],
    ["\ufeffa\ufffb", "a"],
    ["a\u200bb\u200dc", "a\u200bb\u200dc"],
  ])("%j", (text, harmless) => {
    expect(harmlessText(text)).toBe(harmless);
  });

  it("of a name has nothing invisible in it", () => {
    expect(harmlessName("\u2064a\u200b\u3164b\u00ad \u2003 c\u{e0041}")).toBe("ab c");
  });

  it.each(["", " \u00a0\u3000", "\u200b\u2060\ufeff", "\x02\x0f", "\u3164", "\u202e"])("cannot be seen: %j", (text) => {
    expect(isVisible(text)).toBe(false);
  });

  it("is cut exactly, between graphemes, and says so", () => {
    expect(cutText("abcdef", { graphemes: 6, bytes: 6 })).toBe("abcdef");
    expect(cutText("abcdef", { graphemes: 5, bytes: 100 })).toBe("abcd…");
    expect(cutText("abcdef", { graphemes: 100, bytes: 5 })).toBe("ab…");
    expect(cutText("abcdef", { graphemes: 100, bytes: 2 })).toBe("ab");
    expect(cutText("e\u0301".repeat(4), { graphemes: 3, bytes: 100 })).toBe("e\u0301e\u0301…");
    fc.assert(
      fc.property(
        hostileText(),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 60 }),
        (text, graphemes, bytes) => {
          const cut = cutText(harmlessText(text), { graphemes, bytes });
          expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(Math.max(bytes, 0));
          expect(cut.isWellFormed()).toBe(true);
        },
      ),
    );
  });
});

describe("[P6 irc] names that look the same", () => {
  it.each([
    ["Alice", "аlісе"],
    ["Alice", "ＡＬＩＣＥ"],
    ["Alice", "Àl1ce"],
    ["Bob", "B0b"],
    ["trestle", "Тrеѕtlе"],
    ["Nick Serv", "NickServ"],
    ["νick", "vlck"],
    ["Global", "G1obaI"],
  ])("%s and %s", (one, other) => {
    expect(skeleton(one)).toBe(skeleton(other));
  });

  it("are not all names", () => {
    const names = ["alice", "alicia", "bob", "robert", "日本", "日曜", "Ивана", "Петр"];
    expect(new Set(names.map(skeleton)).size).toBe(names.length);
  });
});

describe("colours (https://modern.ircdocs.horse/formatting#colors)", () => {
  it("of the sixteen are their own nearest", () => {
    for (let number = 0; number < 16; number += 1) expect(nearestNumber(colorOfNumber(number) ?? "")).toBe(number);
  });

  it("are 0 to 98; 99 and more are none", () => {
    expect(colorOfNumber(16)).toBe("#470000");
    expect(colorOfNumber(52)).toBe("#ff0000");
    expect(colorOfNumber(88)).toBe("#000000");
    expect(colorOfNumber(98)).toBe("#ffffff");
    expect(colorOfNumber(99)).toBeUndefined();
  });

  it.each(["red", "#ff", "#gggggg", "", "#ff0000 "])("are not %j", (color) => {
    expect(nearestNumber(color)).toBeUndefined();
  });

  it("of letters can be read on their ground", () => {
    expect(readableOn("#ffff00")).toBe("#000000");
    expect(readableOn("#00007f")).toBe("#ffffff");
  });
});
