/** The contract of every codec, on lines as fluent and hostile IRC people write them. */
import type { Lookup } from "@trestle/core";
import { describeCodec, hostileSnippets } from "@trestle/testing";
import fc from "fast-check";
import { ircCodec } from "../src/markup.ts";
import { lineComplaints } from "./line-check.ts";

const number = fc
  .integer({ min: 0, max: 99 })
  .chain((value) => fc.constantFrom(`${value}`, `${value}`.padStart(2, "0")));
const hex = fc.stringMatching(/^[0-9a-fA-F]{6}$/);
const formatCode = fc.oneof(
  fc.constantFrom("\x02", "\x0f", "\x11", "\x16", "\x1d", "\x1e", "\x1f", "\x03", "\x04", "\x03,", "\x04,"),
  number.map((front) => `\x03${front}`),
  fc.tuple(number, number).map(([front, back]) => `\x03${front},${back}`),
  number.map((front) => `\x03${front},`),
  hex.map((front) => `\x04${front}`),
  fc.tuple(hex, hex).map(([front, back]) => `\x04${front},${back}`),
  hex.map((front) => `\x04${front.slice(0, 5)}`),
);
const words = fc.constantFrom(
  "hello",
  "alice",
  "alice: ",
  "@bob",
  " ",
  ", ",
  ",1",
  "2",
  "https://a.example/b_(c)?d=e",
  "<https://b.example>.",
  "日本語",
  "👨‍👩‍👧‍👦",
  "e\u0301\u0302",
  "#channel",
  "> ",
  "\n",
  "\r\n",
);
const wires = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: words },
      { weight: 5, arbitrary: formatCode },
      { weight: 1, arbitrary: fc.constantFrom(...hostileSnippets) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(""));

const lookup: Lookup = {
  // Names as they were said: where codes parted a name from its neighbours, printing may join them again.
  nameOf: () => undefined,
  findByName: (name) =>
    ["alice", "bob"].includes(name.toLowerCase())
      ? { side: "remote", what: "user", id: name.toLowerCase() }
      : undefined,
};

describeCodec<string>({
  name: "irc",
  codec: ircCodec,
  lookup,
  wires,
  // The examples of https://modern.ircdocs.horse/formatting#examples, and lines as they are said.
  corpus: [
    "I love \x033IRC! \x03It is the \x037best protocol ever!",
    "This is a \x1d\x0313,9cool \x03message",
    "IRC \x02is \x034,12so \x16great\x0f!",
    "Rules: Don't spam 5\x0313,8,6\x03,7,8, and especially not \x029\x02\x1d!",
    "alice: did you see https://en.example/wiki/Trestle_(bridge)?",
    "\x02\x0304[CI]\x0f build \x1f#123\x1f \x0303passed\x03 (https://ci.example/123)",
    "\x0301,01the butler did it\x0f",
    "\x11let a = 1;\x11 vs \x1elet\x1e \x11const\x11",
    "\x0300,04\x030,1\x03\x0399,99x",
    "ordinary words and nothing else, as most lines are",
    "ｗｉｄｅ ĺ̷̰e̶t̸t̴e̵r̷s and 日本語",
  ],
  textOf: (wire) => wire,
  withText: (_, text) => text,
  sizeOf: (wire) => Buffer.byteLength(wire),
  limits: [
    { max: 4_000, unit: "bytes", partsMax: 40 },
    { max: 400, unit: "bytes", partsMax: 5 },
    { max: 37, unit: "bytes", partsMax: 7 },
    { max: 9, unit: "bytes", partsMax: 3 },
  ],
  complaints: lineComplaints,
});
