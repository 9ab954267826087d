import { hostileText } from "@trestle/testing";
import fc from "fast-check";
import { describeEdit, diffEdit, editedMark } from "../src/edit-diff.ts";

describe("[C8 irc] what an edit changed", () => {
  it.each<[string, string, string, string]>([
    ["one word", "let us meet at noon tomorrow", "let us meet at one tomorrow", "* … meet at [noon → one] tomorrow"],
    ["the first word", "Lets meet at noon tomorrow", "Let's meet at noon tomorrow", "* [Lets → Let's] meet at …"],
    ["the last word", "we meet tomorrow at noom", "we meet tomorrow at noon", "* … tomorrow at [noom → noon]"],
    ["an added word", "I do know what you mean", "I do not know what you mean", "* I do [+not] know what …"],
    ["a removed word", "I do not know what you mean", "I do know what you mean", "* I do [-not] know what …"],
    [
      "two words far apart",
      "the quick brown fox of old always jumps over the lazy dog today",
      "the slow brown fox of old always jumps over the lazy cat today",
      "* the [quick → slow] brown fox … the lazy [dog → cat] today",
    ],
    [
      "neighbouring words are one change",
      "would you please send me the red book by mail",
      "would you please send me a blue book by mail",
      "* … send me [the red → a blue] book by mail",
    ],
    [
      "a number",
      "the meeting starts at 10:30 in room 5",
      "the meeting starts at 10:45 in room 5",
      "* … at 10:[30 → 45] in room 5",
    ],
    [
      "a line break is a space",
      "first line of it\nsecond lime of it",
      "first line of it\nsecond line of it",
      "* … it second [lime → line] of it",
    ],
    ["an added end", "see you at the station", "see you at the station, platform 4", "* … the station[+, platform 4]"],
  ])("is shown short: %s", (_, before, after, line) => {
    expect(describeEdit(before, after)).toBe(line);
    expect(line.length).toBeLessThan(editedMark.length + after.length);
  });

  it.each<[string, string | undefined, string]>([
    ["the old text is not known", undefined, "let us meet at one tomorrow"],
    ["it is short anyway", "helo", "hello"],
    ["nothing is left of the old one", "one two three four five six", "sieben acht neun zehn elf zwölf"],
    ["too much changed", "a b c d e f g h i j k l", "a 1 c 2 e 3 g 4 i 5 k l"],
    ["only the formatting changed", "let us meet at noon tomorrow", "let us meet at noon tomorrow"],
    ["only spaces changed", "let us meet at noon tomorrow", "let us  meet at noon tomorrow"],
    ["the old one is endless", "x ".repeat(5_000), "let us meet at one tomorrow"],
  ])("is the whole text, marked, when %s", (_, before, after) => {
    expect(describeEdit(before, after)).toBe(`${editedMark}${after.replace(/\s+/g, " ")}`);
    expect(diffEdit(before, after)).toBeUndefined();
  });

  it("[S1 irc] is one harmless line, whatever the texts", () => {
    expect(describeEdit("let us meet at noon tomorrow", "let us meet at \r\nQUIT :x\0\x01 tomorrow")).toBe(
      "* … meet at [noon → QUIT :x] tomorrow",
    );
    fc.assert(
      fc.property(hostileText(), hostileText(), (before, after) => {
        const line = describeEdit(before, after);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        expect(line.isWellFormed()).toBe(true);
      }),
    );
  });

  it("is shorter than the text and true: what is in the brackets stood in the old and stands in the new one", () => {
    const word = fc.constantFrom<string[]>(
      "one",
      "two",
      "three",
      "four",
      "five",
      "six",
      "seven",
      "it's",
      "10:30",
      "und",
      "so,",
    );
    const text = fc.array(word, { minLength: 6, maxLength: 20 });
    const edit = fc.array(fc.record({ at: fc.nat(19), word: fc.option(word, { nil: "" }) }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(text, edit, (words, changes) => {
        const changed = [...words];
        for (const { at, word: now } of changes) changed[at % changed.length] = now;
        const [before, after] = [words, changed].map((all) => all.filter((one) => one !== "").join(" ")) as [
          string,
          string,
        ];
        const line = diffEdit(before, after);
        if (line === undefined) return;
        expect(line.length).toBeLessThan(editedMark.length + after.length);
        for (const [, inside = ""] of line.matchAll(/\[(.*?)\]/g)) {
          const [old, now] = inside.startsWith("+")
            ? ["", inside.slice(1)]
            : inside.startsWith("-")
              ? [inside.slice(1), ""]
              : inside.split(" → ");
          expect(before).toContain(old);
          expect(after).toContain(now);
        }
        // With the changes taken as new, every word of the line stands in the new text in this order.
        const asNew = line
          .slice(2)
          .replace(/\[\+(.*?)\]/g, "$1")
          .replace(/\[-(.*?)\]/g, "")
          .replace(/\[.*? → (.*?)\]/g, "$1");
        let from = 0;
        for (const piece of asNew.split("…").map((part) => part.replace(/\s+/g, " ").trim())) {
          const found = after.indexOf(piece, from);
          expect(found).toBeGreaterThanOrEqual(0);
          from = found + piece.length;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes little time, however long and different the texts are", () => {
    const words = (from: number) => Array.from({ length: 60_000 }, (_, at) => `w${at * from}`).join(" ");
    const dense = (char: string) =>
      Array.from({ length: 999 }, (_, at) => `${char}${at % 7}`)
        .join(" ")
        .slice(0, 2_000);
    const started = process.cpuUsage();
    describeEdit(words(1), words(3));
    describeEdit(dense("a"), dense("b"));
    describeEdit("!?".repeat(1_000), "?!".repeat(1_000));
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(500);
  });
});
