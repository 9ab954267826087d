/**
 * The page that HTML is read onto: what is open, and the blocks so far. It lays out as a browser would: text becomes paragraphs,
 * what is left open is closed, what was never open is not. It knows no tag names, and no depth of nesting can hurt it.
 */
import type { Block, HeadingLevel, RichText, Run, RunStyle } from "@trestle/richtext";
import { fromRuns } from "@trestle/richtext";
import { safeStart } from "./clean.ts";
import { collapseSpaces, createInlineStack, type InlineStack, mergePills } from "./inline.ts";
import { canonicalRuns } from "./shape.ts";

type FrameKind = "quote" | "bullets" | "numbers" | "item";

const framesMax = 80;

interface Frame {
  readonly kind: FrameKind | "root";
  readonly start: number | undefined;
  /** Of a list: one document per item. Of anything else: the first holds its blocks. */
  readonly items: Block[][];
  /** How many inline tags were open when this frame was: those above are closed with it. */
  readonly inlineDepth: number;
}

/** A paragraph whose place is kept until all pills are known. */
interface Waiting {
  readonly heading: HeadingLevel | undefined;
  readonly runs: Run[];
  readonly into: Block[];
  readonly at: number;
}

/** Mutable; only the functions of this file touch it. */
export interface Page {
  readonly inline: InlineStack;
  readonly frames: Frame[];
  /** Frames beyond the bound that are open in name only. */
  readonly unframed: Map<FrameKind, number>;
  readonly waiting: Waiting[];
  runs: Run[];
  heading: HeadingLevel | undefined;
  pre: { readonly texts: string[]; language: string | undefined; seen: boolean } | undefined;
  tables: number;
  cells: number;
  inCell: boolean;
}

/** An empty page. */
export const createPage = (): Page => ({
  inline: createInlineStack(),
  frames: [{ kind: "root", start: undefined, items: [[]], inlineDepth: 0 }],
  unframed: new Map(),
  waiting: [],
  runs: [],
  heading: undefined,
  pre: undefined,
  tables: 0,
  cells: 0,
  inCell: false,
});

const top = (page: Page): Frame => page.frames.at(-1) as Frame;

const holdsItems = (frame: Frame): boolean => frame.kind === "bullets" || frame.kind === "numbers";

/** Where the next block goes; between the items of a list that is an item of its own. */
function blocksHere(page: Page): Block[] {
  const frame = top(page);
  if (!holdsItems(frame)) return frame.items[0] as Block[];
  const item: Block[] = [];
  frame.items.push(item);
  return item;
}

function append(page: Page, text: string): void {
  if (text !== "") page.runs.push({ text, style: page.inline.style() });
}

/** Text as it stands between tags. */
export function addText(page: Page, text: string): void {
  if (page.pre === undefined) {
    append(page, text.replace(/[ \t\n\f]+/g, " "));
    return;
  }
  // The line end directly after the opening tag is not part of it.
  page.pre.texts.push(page.pre.seen ? text : text.replace(/^\n/, ""));
  page.pre.seen ||= text !== "";
}

export function addBreak(page: Page): void {
  if (page.pre !== undefined) page.pre.texts.push("\n");
  else append(page, page.inCell ? " " : "\n");
}

export function addRule(page: Page): void {
  endParagraph(page);
  if (page.pre === undefined && !page.inCell) blocksHere(page).push({ kind: "rule" });
}

/** What follows starts a new paragraph. In a cell that is only a space, so that a row stays one line. */
export function endParagraph(page: Page): void {
  if (page.pre !== undefined) return;
  if (page.inCell) {
    append(page, " ");
    return;
  }
  const runs = canonicalRuns(collapseSpaces(mergePills(page.runs)));
  page.runs = [];
  if (runs.length === 0) return;
  const into = blocksHere(page);
  page.waiting.push({ heading: page.heading, runs, into, at: into.length });
  into.push({ kind: "rule" });
}

export function openInline(page: Page, tag: string, style: RunStyle): void {
  if (page.pre === undefined) page.inline.open(tag, style);
  else page.pre.seen = true;
}

export function closeInline(page: Page, tag: string): void {
  if (page.pre === undefined) page.inline.close(tag);
}

export function openHeading(page: Page, level: HeadingLevel): void {
  endParagraph(page);
  if (page.pre === undefined && !page.inCell) page.heading = level;
}

export function closeHeading(page: Page): void {
  endParagraph(page);
  if (page.pre === undefined && !page.inCell) page.heading = undefined;
}

/** Opens a quote or a list. Cells and code hold none. */
export function openFrame(page: Page, kind: FrameKind, start?: number): void {
  endParagraph(page);
  if (page.pre !== undefined || page.inCell) return;
  page.heading = undefined;
  if (page.frames.length > framesMax) {
    page.unframed.set(kind, (page.unframed.get(kind) ?? 0) + 1);
    return;
  }
  const items: Block[][] = kind === "bullets" || kind === "numbers" ? [] : [[]];
  page.frames.push({ kind, start, items, inlineDepth: page.inline.depth() });
}

/** Opens an item, closing the one before it; outside a list it only starts a paragraph. */
export function openItem(page: Page): void {
  endParagraph(page);
  if (page.pre !== undefined || page.inCell) return;
  if (top(page).kind === "item") popFrame(page);
  if (holdsItems(top(page))) openFrame(page, "item");
}

/** Closes the nearest frame of this kind and all inside it; an item's end never reaches out of its list. */
export function closeFrame(page: Page, kind: FrameKind): void {
  endParagraph(page);
  if (page.pre !== undefined || page.inCell) return;
  const unframed = page.unframed.get(kind) ?? 0;
  if (unframed > 0) {
    page.unframed.set(kind, unframed - 1);
    return;
  }
  const at = page.frames.findLastIndex((frame) => frame.kind === kind);
  const edge = kind === "item" ? page.frames.findLastIndex(holdsItems) : 0;
  if (at <= 0 || at < edge) return;
  while (page.frames.length > at) popFrame(page);
}

function popFrame(page: Page): void {
  endParagraph(page);
  const frame = page.frames.pop() as Frame;
  page.inline.closeAbove(frame.inlineDepth);
  page.heading = undefined;
  const items = frame.items.filter((item) => item.length > 0);
  const [first] = items;
  if (first === undefined) return;
  if (frame.kind === "item") top(page).items.push(first);
  else blocksHere(page).push(frame.kind === "quote" ? { kind: "quote", children: first } : listOf(frame, items));
}

function listOf(frame: Frame, items: readonly RichText[]): Block {
  const start = frame.kind === "numbers" && frame.start !== undefined ? safeStart(frame.start) : undefined;
  return { kind: "list", ordered: frame.kind === "numbers", ...(start === undefined ? {} : { start }), items };
}

export function openPre(page: Page): void {
  endParagraph(page);
  if (!page.inCell) page.pre ??= { texts: [], language: undefined, seen: false };
}

export function setLanguage(page: Page, language: string | undefined): void {
  if (page.pre !== undefined) page.pre.language ??= language;
}

export function closePre(page: Page): void {
  if (page.pre === undefined) return;
  const { texts, language } = page.pre;
  page.pre = undefined;
  const text = texts.join("").replace(/\n$/, "");
  if (text.trim() === "") return;
  blocksHere(page).push({ kind: "code-block", ...(language === undefined ? {} : { language }), text });
}

/** A table becomes one paragraph, a line for each row. */
export function openTable(page: Page): void {
  endParagraph(page);
  if (page.pre === undefined) page.tables += 1;
}

export function closeTable(page: Page): void {
  if (page.tables === 0 || page.pre !== undefined) return;
  page.tables -= 1;
  page.inCell &&= page.tables > 0;
  endParagraph(page);
}

export function openRow(page: Page): void {
  if (page.tables === 0 || page.pre !== undefined) return;
  page.inCell = false;
  page.cells = 0;
  append(page, "\n");
}

export function openCell(page: Page): void {
  if (page.tables === 0 || page.pre !== undefined) return;
  if (page.cells > 0) append(page, " | ");
  page.cells += 1;
  page.inCell = true;
}

export function closeCell(page: Page): void {
  if (page.tables > 0 && page.pre === undefined) page.inCell = false;
}

/** Closes whatever is open. `mark` may turn words of a paragraph into mentions, knowing who has a pill anywhere. */
export function finishPage(
  page: Page,
  mark: (runs: readonly Run[], pilled: ReadonlySet<string>) => readonly Run[],
): RichText {
  closePre(page);
  page.inCell = false;
  while (page.frames.length > 1) popFrame(page);
  endParagraph(page);
  const mentions = page.waiting.flatMap(({ runs }) => runs.flatMap((run) => run.style.mention ?? []));
  const pilled = new Set(mentions.map((mention) => mention.id));
  for (const { heading, runs, into, at } of page.waiting) {
    const children = fromRuns(mark(runs, pilled));
    into[at] = heading === undefined ? { kind: "paragraph", children } : { kind: "heading", level: heading, children };
  }
  return (page.frames[0] as Frame).items[0] as Block[];
}
