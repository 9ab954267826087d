/// <reference types="jest" />
/**
 * The contract suite of a Codec: total, bounded, clean and stable on generated wires, on mutated real ones and on documents of
 * any shape. It knows no wire: the codec's own test tells it how to make, measure and judge one. Call it at the top level of a
 * test file. `TRESTLE_FUZZ_RUNS` sets the inputs for each codec (10,000 by default), `TRESTLE_FUZZ_SEED` repeats a run.
 */
import type { Codec, Lookup, TextLimit, TextUnit } from "@trestle/core";
import { emptyLookup } from "@trestle/core";
import type { RichText } from "@trestle/richtext";
import fc from "fast-check";
import { hostileDocuments, hostileSnippets } from "./hostile-text.ts";

export interface CodecContract<Wire> {
  /** Its network as the feature rows name it (`irc`, `matrix`). */
  readonly name: string;
  readonly codec: Codec<Wire>;
  readonly lookup?: Lookup;
  /** Grammar-aware: wires that a hostile but fluent speaker would send. */
  readonly wires: fc.Arbitrary<Wire>;
  /** Wires as they are met in the wild; each is tried as it is and mutated. */
  readonly corpus: readonly Wire[];
  /** The text in a wire that mutations change, and a wire with another text in its place. */
  readonly textOf: (wire: Wire) => string;
  readonly withText: (wire: Wire, text: string) => Wire;
  /** What of a printed wire counts against a limit. */
  readonly sizeOf: (wire: Wire, unit: TextUnit) => number;
  /** Limits to print under, the first of them roomy: under it, print(parse(x)) is asked to be stable. */
  readonly limits: readonly [TextLimit, ...TextLimit[]];
  /** What is wrong with a printed wire, for people; empty when nothing is (see `strayControls`). */
  readonly complaints: (wire: Wire) => readonly string[];
  /** Whether printing, parsing and printing this printed wire must give itself again; always, when absent. */
  readonly stable?: (wire: Wire) => boolean;
}

/** Control bytes below 0x20 (but `allowed`) and halves of surrogate pairs in a printed text, as complaints. */
export function strayControls(text: string, allowed = ""): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 && !allowed.includes(text[at] as string))
      found.push(`control byte 0x${unit.toString(16)} at ${at}`);
  }
  if (!text.isWellFormed()) found.push("half of a surrogate pair");
  return found;
}

/** Runs the contract; the tests carry [S5] and [C2] of this codec. */
export function describeCodec<Wire>(contract: CodecContract<Wire>): void {
  const runs = Number(process.env["TRESTLE_FUZZ_RUNS"] ?? 10_000);
  const seed = Number(process.env["TRESTLE_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  // Half of the inputs are generated wires, a quarter each mutated ones and documents.
  const timeLimitMs = 30_000 + runs * 4;
  const share = (part: number) => ({
    seed,
    numRuns: Math.max(1, Math.floor(runs * part)),
    interruptAfterTimeLimit: timeLimitMs,
    markInterruptAsFailure: true,
  });
  const timeoutMs = timeLimitMs + 10_000;
  const judge = createJudge(contract);

  describe(`the ${contract.name} codec's contract`, () => {
    beforeAll(() => {
      process.stderr.write(`${contract.name} codec: seed ${seed}, ${runs} inputs\n`);
    });

    it(`[S5 ${contract.name}] takes every wire of the corpus and prints it clean, bounded and stable`, () => {
      for (const wire of contract.corpus) judge.wire(wire);
    });

    it(
      `[S5 ${contract.name}] takes whatever the grammar allows and prints it clean, bounded and stable`,
      () => fc.assert(fc.property(contract.wires, judge.wire), share(0.5)),
      timeoutMs,
    );

    it(
      `[S5 ${contract.name}] takes damaged wires of the corpus and prints them clean, bounded and stable`,
      () => fc.assert(fc.property(mutations(contract), judge.wire), share(0.25)),
      timeoutMs,
    );

    it(
      `[C2 ${contract.name}] prints any document clean and within its limits`,
      () => fc.assert(fc.property(hostileDocuments(), judge.document), share(0.25)),
      timeoutMs,
    );
  });
}

function createJudge<Wire>(contract: CodecContract<Wire>) {
  const { codec, limits } = contract;
  const lookup = contract.lookup ?? emptyLookup;

  function printed(doc: RichText, limit: TextLimit): Wire[] {
    const wires = codec.print(doc, limit, lookup);
    if (wires.length > limit.partsMax) throw new Error(`${wires.length} parts, ${limit.partsMax} allowed`);
    for (const wire of wires) {
      const size = contract.sizeOf(wire, limit.unit);
      if (size > limit.max) throw new Error(`${size} ${limit.unit} in a part, ${limit.max} allowed: ${show(wire)}`);
      if (contract.textOf(wire) === "") throw new Error(`an empty part: ${show(wire)}`);
      const complaints = contract.complaints(wire);
      if (complaints.length > 0) throw new Error(`${complaints.join("; ")}: ${show(wire)}`);
    }
    return wires;
  }

  function document(doc: RichText): void {
    printed(doc, limits[0]);
    // One of the tighter limits for each document, the same one whenever it comes again.
    const tighter = limits.slice(1);
    const limit = tighter[JSON.stringify(doc).length % tighter.length];
    if (limit !== undefined) printed(doc, limit);
  }

  function wire(input: Wire): void {
    const doc = codec.parse(input, lookup);
    document(doc);
    const [roomy] = limits;
    const once = printed(doc, roomy);
    const [only] = once;
    if (once.length !== 1 || only === undefined || contract.stable?.(only) === false) return;
    const again = printed(codec.parse(only, lookup), roomy);
    expect(again).toEqual(once);
  }

  return { document, wire };
}

const show = (wire: unknown): string => JSON.stringify(wire)?.slice(0, 500) ?? String(wire);

/** A wire of the corpus after a few cuts, doublings, exchanges and insertions. */
function mutations<Wire>(contract: CodecContract<Wire>): fc.Arbitrary<Wire> {
  const edit = fc.record({
    kind: fc.constantFrom("insert", "delete", "double", "swap", "splice", "flip"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 24 }),
    snippet: fc.constantFrom(...hostileSnippets),
    other: fc.nat({ max: Math.max(0, contract.corpus.length - 1) }),
  });
  const source = fc.constantFrom(...contract.corpus);
  return fc.tuple(source, fc.array(edit, { minLength: 1, maxLength: 5 })).map(([wire, edits]) => {
    let text = contract.textOf(wire);
    for (const { kind, at, length, snippet, other } of edits) {
      const from = Math.floor(at * text.length);
      const [before, middle, after] = [text.slice(0, from), text.slice(from, from + length), text.slice(from + length)];
      if (kind === "insert") text = before + snippet + middle + after;
      else if (kind === "delete") text = before + after;
      else if (kind === "double") text = before + middle + middle + after;
      else if (kind === "swap") text = after + middle + before;
      else if (kind === "flip")
        text = before + String.fromCharCode((middle.charCodeAt(0) || 0) ^ length) + middle.slice(1) + after;
      else text = before + contract.textOf(contract.corpus[other] as Wire).slice(from) + after;
    }
    return contract.withText(wire, text);
  });
}
