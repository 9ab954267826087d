/**
 * One shape for every document that says the same: clean strings, no empty blocks, white space that HTML can carry, styles
 * nested as fromRuns nests them. Printing starts from it, so that what was printed and read again prints as the same.
 */
import type { Lookup } from "@trestle/core";
import type { Block, Inline, RichText, Run, RunStyle } from "@trestle/richtext";
import { boundDepth, fromRuns, normalRuns, toRuns } from "@trestle/richtext";
import { cleanLabel, cleanText, safeColor, safeLanguage, safeStart, safeUrl } from "./clean.ts";
import { isMatrixMention } from "./mentions.ts";

// A list is two tags deep, and clients show at most 50 levels of tags.
const nestingMax = 24;

/** A document as it is printed: nothing in it is empty, unsafe or of another side than Matrix. */
export function canonical(doc: RichText, lookup: Lookup): RichText {
  const bounded = boundDepth(doc, nestingMax);
  const tabs = isPlain(bounded);
  return shapeBlocks(bounded, (children) => {
    const runs = toRuns(children).map((run) => shapeRun(run, lookup, tabs));
    return fromRuns(canonicalRuns(runs));
  });
}

type ShapeInlines = (children: readonly Inline[]) => Inline[];

function shapeBlocks(blocks: RichText, shape: ShapeInlines): Block[] {
  return blocks.flatMap((block) => shapeBlock(block, shape));
}

function shapeBlock(block: Block, shape: ShapeInlines): Block[] {
  switch (block.kind) {
    case "paragraph":
    case "heading": {
      const children = shape(block.children);
      return children.length === 0 ? [] : [{ ...block, children }];
    }
    case "code-block": {
      const text = cleanText(block.text);
      const language = block.language === undefined ? undefined : safeLanguage(block.language);
      if (text.trim() === "") return [];
      return [{ kind: "code-block", ...(language === undefined ? {} : { language }), text }];
    }
    case "quote": {
      const children = shapeBlocks(block.children, shape);
      return children.length === 0 ? [] : [{ kind: "quote", children }];
    }
    case "list": {
      const items = block.items.map((item) => shapeBlocks(item, shape)).filter((item) => item.length > 0);
      const start = block.ordered && block.start !== undefined ? safeStart(block.start) : undefined;
      if (items.length === 0) return [];
      return [{ kind: "list", ordered: block.ordered, ...(start === undefined ? {} : { start }), items }];
    }
    case "rule":
      return [block];
  }
}

function shapeRun(run: Run, lookup: Lookup, tabs: boolean): Run {
  const { mention, url, foreground, background, spoilerReason, ...rest } = run.style;
  const reason = spoilerReason === undefined ? "" : cleanLabel(spoilerReason);
  const colors = { foreground: safeColor(foreground ?? ""), background: safeColor(background ?? "") };
  const style: RunStyle = {
    ...rest,
    ...(reason === "" || !rest.spoiler ? {} : { spoilerReason: reason }),
    ...(colors.foreground === undefined ? {} : { foreground: colors.foreground }),
    ...(colors.background === undefined ? {} : { background: colors.background }),
  };
  if (mention !== undefined) {
    const label = cleanLabel(lookup.nameOf(mention) ?? run.text) || cleanLabel(run.text) || cleanLabel(mention.id);
    if (!isMatrixMention(mention)) return { text: label, style };
    return { text: mention.what === "everyone" ? "@room" : label, style: { ...style, mention } };
  }
  const safe = url === undefined ? undefined : safeUrl(url);
  const text = cleanText(run.text);
  return {
    text: tabs ? text : text.replaceAll("\t", "    "),
    style: safe === undefined ? style : { ...style, url: safe },
  };
}

/**
 * Merged, without line breaks at either end, and with no-break spaces only where they are meant: at the edges of a line and
 * next to other spaces they stand for plain ones that HTML would have swallowed.
 */
export function canonicalRuns(runs: readonly Run[]): Run[] {
  const merged = normalRuns(runs);
  const whole = merged.map((run) => run.text).join("");
  let from = 0;
  let to = whole.length;
  while (from < to && whole[from] === "\n") from += 1;
  while (to > from && whole[to - 1] === "\n") to -= 1;
  if (whole.slice(from, to).trim() === "") return [];
  const spaced = respace(whole.slice(from, to), (spaces, edge) =>
    edge || spaces.length > 1 ? " ".repeat(spaces.length) : spaces,
  );
  return normalRuns(sliceAs(merged, "\n".repeat(from) + spaced, from));
}

/** With no-break spaces where HTML would swallow plain ones. The text keeps its length. */
export function guardSpaces(runs: readonly Run[]): Run[] {
  const whole = runs.map((run) => run.text).join("");
  const guarded = respace(whole, (spaces, edge) => {
    if (edge) return "\u00a0".repeat(spaces.length);
    return "\u00a0".repeat(spaces.length - 1) + spaces.slice(-1);
  });
  return sliceAs(runs, guarded, 0);
}

function respace(text: string, fn: (spaces: string, edge: boolean) => string): string {
  return text.replace(/[ \u00a0]+/g, (spaces, offset: number) => {
    const end = offset + spaces.length;
    const edge = offset === 0 || text[offset - 1] === "\n" || end === text.length || text[end] === "\n";
    return fn(spaces, edge);
  });
}

/** The runs with their texts taken from `text` (as long as theirs together, less what is missing at its end), without the first `from`. */
function sliceAs(runs: readonly Run[], text: string, from: number): Run[] {
  let at = 0;
  return runs.map((run) => {
    const end = at + run.text.length;
    const part = text.slice(Math.max(at, from), end);
    at = end;
    return { text: part, style: run.style };
  });
}

/** A document of one paragraph, or the empty one. */
export const paragraphOf = (runs: readonly Run[]): RichText =>
  runs.length === 0 ? [] : [{ kind: "paragraph", children: fromRuns(runs) }];

/** Whether a plain body says all of it: text and breaks in paragraphs, links that show their own address, no pill. */
export function isPlain(doc: RichText): boolean {
  return doc.every((block) => block.kind === "paragraph" && block.children.every(isPlainInline));
}

function isPlainInline(inline: Inline): boolean {
  switch (inline.kind) {
    case "text":
    case "break":
      return true;
    case "mention":
      return !isMatrixMention(inline.mention) || inline.mention.what === "everyone";
    case "link": {
      const [only, ...more] = inline.children;
      return only?.kind === "text" && more.length === 0 && only.text === inline.url;
    }
    default:
      return false;
  }
}
