/**
 * A codec turns one wire format into RichText and back: synchronous, pure, total (it never throws, on any input). What it
 * needs to know of people was prefetched into the Lookup.
 */
import type { Mention, RichText } from "@trestle/richtext";
import type { TextLimit } from "./capabilities.ts";

export interface Codec<Wire> {
  parse(wire: Wire, lookup: Lookup): RichText;
  /** One wire per part; never empty lines or parts; at most `limits.partsMax`, the last one saying that it was cut. */
  print(doc: RichText, limits: TextLimit, lookup: Lookup): Wire[];
}

export interface Lookup {
  /** How to show this mention on the receiving side: its name there, and its address if it has one (a matrix.to URL is the codec's own matter). */
  nameOf(mention: Mention): string | undefined;
  /** A word or nick in plain text that names somebody in this chat. Only consulted by codecs whose wire has no mentions (IRC). */
  findByName(name: string): Mention | undefined;
}

export const emptyLookup: Lookup = { nameOf: () => undefined, findByName: () => undefined };
