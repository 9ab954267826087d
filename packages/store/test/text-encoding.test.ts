/** Any JavaScript string survives, and two that differ stay different. */
import { hostileStrings } from "@trestle/testing";
import { decodeText, encodeText } from "../src/text-encoding.ts";

const units = [
  "",
  "a",
  "0",
  "1",
  "d83d",
  "\0",
  "\ufdd0",
  "\ufdd00",
  "\ufdd01",
  "\ufdd0d83d",
  "\ud83d",
  "\udca9",
  "💩",
  "\ufffd",
];
/** Every sequence of three units: marks, what could follow one, halves that meet and make a whole. */
const texts = new Set([...units.flatMap((a) => units.flatMap((b) => units.map((c) => a + b + c))), ...hostileStrings]);

describe("the encoding of text", () => {
  test("[S1] brings every string back", () => {
    expect([...texts].filter((text) => decodeText(encodeText(text)) !== text)).toEqual([]);
    expect(texts.size).toBeGreaterThan(1_000);
  });

  test("[S1] leaves no NUL and no lone surrogate, and keeps what differs apart", () => {
    const stored = new Set([...texts].map(encodeText));
    expect(stored.size).toBe(texts.size);
    expect([...stored].filter((text) => text.includes("\0") || !text.isWellFormed())).toEqual([]);
  });

  test("does not touch ordinary text, nor foreign text that was never encoded", () => {
    const plain = "Grüße, 世界 👋🏽 – 'quoted' \\n";
    expect(encodeText(plain)).toBe(plain);
    expect(decodeText("\ufdd0zz")).toBe("\ufdd0zz");
  });
});
