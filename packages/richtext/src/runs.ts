/**
 * Inline nodes as a flat list of runs and back: the shared mechanism of IRC codes (which switch styles on and off as the line
 * goes) and Telegram entities (offset and length). A run says all that holds for its text; runs know no nesting.
 */
import type { Inline, InlineStyle, Mention } from "./nodes.ts";

/** A stretch of text under one style; "\n" in it is a break. */
export interface Run {
  readonly text: string;
  readonly style: RunStyle;
}

/** What holds for a run. Colours as `#rrggbb`; `mention`: the text is the label of this mention. */
export interface RunStyle {
  readonly bold?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly strike?: boolean;
  readonly superscript?: boolean;
  readonly subscript?: boolean;
  readonly code?: boolean;
  readonly spoiler?: boolean;
  readonly spoilerReason?: string;
  readonly foreground?: string;
  readonly background?: string;
  readonly url?: string;
  readonly mention?: Mention;
}

const styles: readonly InlineStyle[] = ["bold", "italic", "underline", "strike", "superscript", "subscript"];

/** Inline nodes as runs, equal neighbours merged. Of nested links and colours the inner one holds. */
export function toRuns(inlines: readonly Inline[]): Run[] {
  const runs: Run[] = [];
  collect(inlines, {}, runs);
  return normalRuns(runs);
}

function collect(inlines: readonly Inline[], style: RunStyle, into: Run[]): void {
  for (const inline of inlines) {
    switch (inline.kind) {
      case "text":
        into.push({ text: inline.text, style });
        break;
      case "break":
        into.push({ text: "\n", style });
        break;
      case "code":
        into.push({ text: inline.text, style: { ...style, code: true } });
        break;
      case "mention":
        into.push({ text: inline.label, style: { ...style, mention: inline.mention } });
        break;
      case "link":
        collect(inline.children, { ...style, url: inline.url }, into);
        break;
      case "styled":
        collect(inline.children, { ...style, [inline.style]: true }, into);
        break;
      case "spoiler":
        collect(inline.children, spoilerStyle(style, inline.reason), into);
        break;
      case "color":
        collect(inline.children, colorStyle(style, inline.foreground, inline.background), into);
        break;
    }
  }
}

const spoilerStyle = (style: RunStyle, reason: string | undefined): RunStyle => ({
  ...style,
  spoiler: true,
  ...(reason === undefined ? {} : { spoilerReason: reason }),
});

const colorStyle = (style: RunStyle, foreground?: string, background?: string): RunStyle => ({
  ...style,
  ...(foreground === undefined ? {} : { foreground }),
  ...(background === undefined ? {} : { background }),
});

/** Without empty runs, and equal neighbours merged. Two mentions next to each other stay two. */
export function normalRuns(runs: readonly Run[]): Run[] {
  const merged: { texts: string[]; style: RunStyle }[] = [];
  for (const run of runs) {
    if (run.text === "") continue;
    const last = merged.at(-1);
    if (last && run.style.mention === undefined && sameStyle(last.style, run.style)) last.texts.push(run.text);
    else merged.push({ texts: [run.text], style: run.style });
  }
  return merged.map(({ texts, style }) => ({ text: texts.join(""), style }));
}

/** Whether two styles say the same; absent and `false` are one. */
export function sameStyle(a: RunStyle, b: RunStyle): boolean {
  if (a === b) return true;
  return (
    styles.every((style) => !a[style] === !b[style]) &&
    !a.code === !b.code &&
    !a.spoiler === !b.spoiler &&
    a.spoilerReason === b.spoilerReason &&
    a.foreground === b.foreground &&
    a.background === b.background &&
    a.url === b.url &&
    sameMention(a.mention, b.mention)
  );
}

const sameMention = (a: Mention | undefined, b: Mention | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && a.side === b.side && a.what === b.what && a.id === b.id && a.room === b.room);

type Layer = "url" | "spoiler" | "foreground" | "background" | InlineStyle;
// Outermost first among layers that reach equally far.
const layers: readonly Layer[] = ["url", "spoiler", "foreground", "background", ...styles];

/** Runs as inline nodes: the style that reaches furthest is the outer one, so nothing is opened more often than it must. */
export function fromRuns(runs: readonly Run[]): Inline[] {
  return nest(normalRuns(runs), 0, Number.POSITIVE_INFINITY, new Set());
}

function nest(runs: readonly Run[], from: number, to: number, open: ReadonlySet<Layer>): Inline[] {
  const inlines: Inline[] = [];
  const end = Math.min(to, runs.length);
  let at = from;
  while (at < end) {
    const run = runs[at] as Run;
    let outer: Layer | undefined;
    let reach = at;
    for (const layer of layers) {
      if (open.has(layer) || !run.style[layer]) continue;
      const until = reachOf(runs, at, end, layer);
      if (until > reach) [outer, reach] = [layer, until];
    }
    if (outer === undefined) {
      leaf(run, inlines);
      at += 1;
      continue;
    }
    const wrapped = new Set(open).add(outer);
    const both = outer === "foreground" && !open.has("background") && run.style.background !== undefined;
    const background = both && reachOf(runs, at, end, "background") === reach;
    if (background) wrapped.add("background");
    inlines.push(wrap(outer, run.style, background, nest(runs, at, reach, wrapped)));
    at = reach;
  }
  return inlines;
}

function reachOf(runs: readonly Run[], from: number, end: number, layer: Layer): number {
  const value = runs[from]?.style[layer];
  const reason = runs[from]?.style.spoilerReason;
  let until = from + 1;
  while (until < end) {
    const style = (runs[until] as Run).style;
    if (style[layer] !== value || (layer === "spoiler" && style.spoilerReason !== reason)) break;
    until += 1;
  }
  return until;
}

function wrap(layer: Layer, style: RunStyle, withBackground: boolean, children: Inline[]): Inline {
  switch (layer) {
    case "url":
      return { kind: "link", url: style.url ?? "", children };
    case "spoiler":
      return {
        kind: "spoiler",
        ...(style.spoilerReason === undefined ? {} : { reason: style.spoilerReason }),
        children,
      };
    case "foreground":
    case "background": {
      const { foreground, background } = style;
      return {
        kind: "color",
        ...(layer === "foreground" && foreground !== undefined ? { foreground } : {}),
        ...((layer === "background" || withBackground) && background !== undefined ? { background } : {}),
        children,
      };
    }
    default:
      return { kind: "styled", style: layer, children };
  }
}

function leaf(run: Run, into: Inline[]): void {
  const { mention } = run.style;
  if (mention !== undefined) {
    into.push({ kind: "mention", mention, label: run.text.replaceAll("\n", " ") });
    return;
  }
  for (const [index, line] of run.text.split("\n").entries()) {
    if (index > 0) into.push({ kind: "break" });
    if (line === "") continue;
    into.push(run.style.code ? { kind: "code", text: line } : { kind: "text", text: line });
  }
}
