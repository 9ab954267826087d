/** Text inside a paragraph as a browser shows it: which styles hold where, one space for many, one label for each pill. */
import type { Run, RunStyle } from "@trestle/richtext";
import { cleanLabel } from "./clean.ts";

const depthMax = 100;

/** The inline tags that are open. They may close in any order; what is opened beyond the bound changes nothing. */
export interface InlineStack {
  depth(): number;
  /** What the open tags say together. */
  style(): RunStyle;
  open(tag: string, style: RunStyle): void;
  close(tag: string): void;
  closeAbove(depth: number): void;
}

/** No tag open. */
export function createInlineStack(): InlineStack {
  let stack: { readonly tag: string; readonly style: RunStyle }[] = [];
  let current: RunStyle | undefined = {};
  let ignored = 0;
  return {
    depth: () => stack.length,
    style() {
      current ??= Object.assign({}, ...stack.map((entry) => entry.style)) as RunStyle;
      return current;
    },
    open(tag, style) {
      if (stack.length >= depthMax) {
        ignored += 1;
        return;
      }
      stack.push({ tag, style });
      current = undefined;
    },
    close(tag) {
      if (ignored > 0) {
        ignored -= 1;
        return;
      }
      const at = stack.findLastIndex((entry) => entry.tag === tag);
      if (at < 0) return;
      stack = stack.toSpliced(at, 1);
      current = undefined;
    },
    closeAbove(depth) {
      if (stack.length <= depth) return;
      stack = stack.slice(0, depth);
      ignored = 0;
      current = undefined;
    },
  };
}

/** One run per pill, however many tags stand inside it; its label is one clean line. */
export function mergePills(runs: readonly Run[]): Run[] {
  const merged: { texts: string[]; style: RunStyle }[] = [];
  for (const { text, style } of runs) {
    const last = merged.at(-1);
    if (style.mention !== undefined && last?.style.mention === style.mention) last.texts.push(text);
    else merged.push({ texts: [text], style });
  }
  return merged.flatMap(({ texts, style }) => {
    const text = texts.join("");
    if (style.mention === undefined) return [{ text, style }];
    const { mention, url: _, code: __, ...around } = style;
    const pill = { text: cleanLabel(text) || cleanLabel(mention.id), style: { ...around, mention } };
    const space = { text: " ", style: around };
    return [...(/^[ \n]/.test(text) ? [space] : []), pill, ...(/[ \n]$/.test(text) ? [space] : [])];
  });
}

/** White space as browsers show it: one space for many, none at the ends of a line. */
export function collapseSpaces(runs: readonly Run[]): Run[] {
  const texts = runs.map(() => "");
  let owed: number | undefined;
  let edge = true;
  for (const [index, run] of runs.entries()) {
    for (const [token] of run.text.matchAll(/[ \n]|[^ \n]+/g)) {
      if (token === " ") {
        if (!edge) owed ??= index;
        continue;
      }
      if (owed !== undefined && token !== "\n") texts[owed] += " ";
      owed = undefined;
      edge = token === "\n";
      texts[index] += token;
    }
  }
  return runs.map((run, index) => ({ text: texts[index] as string, style: run.style }));
}
