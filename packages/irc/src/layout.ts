/**
 * A document as lines of IRC: how each construct looks where nothing but a line of text with format codes exists. It knows
 * no limits; wrap-lines.ts cuts. What it prints is harmless: text of people never reaches a line unfiltered.
 */
import type { Lookup } from "@trestle/core";
import { type Block, boundDepth, type Inline, inlineText, type Mention, type RichText } from "@trestle/richtext";
import { plainStyle, type WireStyle } from "./format-codes.ts";
import { cutText, harmlessName, harmlessText, isVisible, quiet } from "./harmless-text.ts";
import { hexOf, nearestNumber, readableOn } from "./palette.ts";
import type { StyledLine, WireRun } from "./wrap-lines.ts";

export interface LayoutOptions {
  /** The readers take `\x04rrggbb`; otherwise the nearest of the sixteen colours that everybody knows. */
  readonly hexColors: boolean;
  readonly lookup: Lookup;
}

/** Deeper quotes and lists are shown at this depth: margins must leave room for words. */
const marginDepthMax = 6;

/** What stands before the lines of a block: `first` before the first line that comes, `rest` before the others. */
interface Margin {
  readonly first: string;
  readonly rest: string;
  readonly outer?: Margin;
  readonly depth: number;
  used: boolean;
}

interface Page {
  readonly options: LayoutOptions;
  readonly lines: StyledLine[];
}

/** The lines of a document; blank ones are dropped, for IRC has none. */
export function layOut(doc: RichText, options: LayoutOptions): StyledLine[] {
  const page: Page = { options, lines: [] };
  layOutBlocks(page, boundDepth(doc), undefined);
  return page.lines;
}

function layOutBlocks(page: Page, blocks: readonly Block[], margin: Margin | undefined): void {
  for (const block of blocks) layOutBlock(page, block, margin);
}

function layOutBlock(page: Page, block: Block, margin: Margin | undefined): void {
  switch (block.kind) {
    case "paragraph":
      addInlines(page, block.children, plainStyle, margin);
      break;
    case "heading":
      addInlines(page, block.children, { bold: true }, margin);
      break;
    case "quote":
      layOutBlocks(page, block.children, within(margin, "> ", "> "));
      break;
    case "list":
      for (const [index, item] of block.items.entries()) {
        const marker = block.ordered ? `${(block.start ?? 1) + index}. ` : "- ";
        layOutBlocks(page, item, within(margin, marker, " ".repeat(marker.length)));
      }
      break;
    case "code-block":
      addCode(page, block.text, block.language, margin);
      break;
    case "rule":
      addLine(page, [{ text: "---", style: plainStyle }], margin);
      break;
  }
}

function within(outer: Margin | undefined, first: string, rest: string): Margin {
  const around = outer !== undefined && outer.depth >= marginDepthMax ? outer.outer : outer;
  const depth = (around?.depth ?? 0) + 1;
  return { first, rest, depth, used: false, ...(around === undefined ? {} : { outer: around }) };
}

function addLine(page: Page, runs: readonly WireRun[], margin: Margin | undefined): void {
  if (!runs.some(({ text }) => isVisible(text))) return;
  let [first, rest] = ["", ""];
  for (let at = margin; at !== undefined; at = at.outer) {
    first = (at.used ? at.rest : at.first) + first;
    rest = at.rest + rest;
    at.used = true;
  }
  page.lines.push({ first, rest, runs });
}

/** The language stands before the first line and not on a line of its own: lines are what a channel has too few of. */
function addCode(page: Page, code: string, language: string | undefined, margin: Margin | undefined): void {
  let label = language === undefined ? "" : cutText(harmlessName(language), { graphemes: 24, bytes: 48 });
  for (const line of code.split(/\r\n|[\n\r\u2028\u2029]/u)) {
    const text = harmlessText(line.replaceAll("\t", "    ")).trimEnd();
    if (!isVisible(text)) continue;
    const said: WireRun[] = isVisible(label) ? [{ text: `[${label}] `, style: plainStyle }] : [];
    label = "";
    addLine(page, [...said, { text, style: { monospace: true } }], margin);
  }
}

function addInlines(page: Page, inlines: readonly Inline[], style: WireStyle, margin: Margin | undefined): void {
  const collector: Collector = { options: page.options, lines: [[]] };
  collect(collector, inlines, style);
  for (const line of collector.lines) addLine(page, trimmed(line), margin);
}

/** Without spaces at the end, which nobody sees and which would count. */
function trimmed(runs: readonly WireRun[]): WireRun[] {
  const kept = [...runs];
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    const text = last.text.trimEnd();
    if (text !== "") return [...kept, { ...last, text }];
  }
  return kept;
}

interface Collector {
  readonly options: LayoutOptions;
  readonly lines: WireRun[][];
}

function collect(to: Collector, inlines: readonly Inline[], style: WireStyle): void {
  for (const inline of inlines) collectOne(to, inline, style);
}

function collectOne(to: Collector, inline: Inline, style: WireStyle): void {
  switch (inline.kind) {
    case "text":
      addText(to, inline.text, style);
      break;
    case "break":
      to.lines.push([]);
      break;
    case "code":
      addText(to, inline.text, { ...style, monospace: true });
      break;
    case "styled":
      collectStyled(to, inline, style);
      break;
    case "spoiler":
      collectSpoiler(to, inline, style);
      break;
    case "color":
      collect(to, inline.children, colored(inline, style, to.options.hexColors));
      break;
    case "link":
      collectLink(to, inline, style);
      break;
    case "mention":
      addText(to, mentionText(inline.mention, inline.label, to.options.lookup), style);
      break;
  }
}

/** Said, not hidden: black on black cannot be read by everybody (terminals, screen readers, channels that strip colours). */
function collectSpoiler(
  to: Collector,
  { reason, children }: Extract<Inline, { kind: "spoiler" }>,
  style: WireStyle,
): void {
  const why = reason === undefined ? "" : harmlessText(reason).trim();
  addText(to, why === "" ? "[spoiler: " : `[spoiler (${why}): `, style);
  collect(to, children, style);
  addText(to, "]", style);
}

function addText(to: Collector, text: string, style: WireStyle): void {
  const clean = harmlessText(text);
  if (clean !== "") to.lines.at(-1)?.push({ text: clean, style });
}

function collectStyled(
  to: Collector,
  { style: name, children }: Extract<Inline, { kind: "styled" }>,
  style: WireStyle,
) {
  if (name !== "superscript" && name !== "subscript") {
    collect(to, children, { ...style, [name]: true });
    return;
  }
  // There is no code for these; `x^2` and `x^(a + b)` are what people write.
  const single = /^[\p{L}\p{N}]*$/u.test(inlineText(children));
  addText(to, (name === "superscript" ? "^" : "_") + (single ? "" : "("), style);
  collect(to, children, style);
  if (!single) addText(to, ")", style);
}

function colored(
  { foreground, background }: Extract<Inline, { kind: "color" }>,
  style: WireStyle,
  hex: boolean,
): WireStyle {
  const back = colorDigits(background, hex) ?? style.background;
  // A background alone has no code: the letters on it get the colour that can be read there.
  const contrast = style.foreground === undefined && background !== undefined ? readableOn(background) : undefined;
  const front = colorDigits(foreground, hex) ?? style.foreground ?? (back && colorDigits(contrast, hex));
  const { background: _, ...rest } = style;
  if (front === undefined) return rest;
  // Two colours that become the same number would hide the text.
  return { ...rest, foreground: front, ...(back === undefined || back === front ? {} : { background: back }) };
}

function colorDigits(color: string | undefined, hex: boolean): string | undefined {
  if (color === undefined) return undefined;
  return hex ? hexOf(color) : nearestNumber(color)?.toString().padStart(2, "0");
}

function collectLink(to: Collector, { url, children }: Extract<Inline, { kind: "link" }>, style: WireStyle): void {
  const address = harmlessText(url).trim().replace(/\s/gu, "%20");
  const label = harmlessText(inlineText(children)).trim();
  if (!isVisible(label)) {
    addText(to, address, style);
    return;
  }
  collect(to, children, style);
  if (address !== "" && !sayTheSame(label, address)) addText(to, ` (${address})`, style);
}

/** Whether reading the label is reading the address: a label that shows another address never is. */
function sayTheSame(label: string, address: string): boolean {
  const bare = (text: string) => text.replace(/^mailto:/i, "").replace(/\/$/, "");
  return bare(label) === bare(address) || bare(label) === bare(address).replace(/^https?:\/\//i, "");
}

function mentionText(mention: Mention, label: string, lookup: Lookup): string {
  if (mention.what === "everyone") return quiet(label.trim() === "" ? "@room" : label);
  const name = lookup.nameOf(mention) ?? label;
  return harmlessText(name).trim() === "" ? harmlessText(mention.id) : name;
}
