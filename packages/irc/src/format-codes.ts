/**
 * IRC's format codes (https://modern.ircdocs.horse/formatting): reading a line into runs, and the codes that lead from one style
 * to the next. It knows single lines of text only: no documents, no limits.
 */
import type { Run, RunStyle } from "@trestle/richtext";
import { harmlessText } from "./harmless-text.ts";
import { colorOfNumber } from "./palette.ts";

const bold = "\x02";
const color = "\x03";
const hexColor = "\x04";
const reset = "\x0f";
const monospace = "\x11";
const reverse = "\x16";
const italic = "\x1d";
const strike = "\x1e";
const underline = "\x1f";

type Toggle = "bold" | "italic" | "underline" | "strike" | "monospace";

const toggles: readonly (readonly [Toggle, string])[] = [
  ["bold", bold],
  ["italic", italic],
  ["underline", underline],
  ["strike", strike],
  ["monospace", monospace],
];

interface ReadState {
  readonly on: ReadonlySet<Toggle>;
  readonly reversed: boolean;
  readonly foreground?: string | undefined;
  readonly background?: string | undefined;
}

const fresh: ReadState = { on: new Set(), reversed: false };

// A code with its digits; `,` belongs to it only when a second colour follows.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the codes
const code = /[\x02\x0f\x11\x16\x1d-\x1f]|\x03(?:(\d{1,2})(?:,(\d{1,2}))?)?|\x04(?:([\da-f]{6})(?:,([\da-f]{6}))?)?/gi;

/** One line as runs; codes that mean nothing (bare, unknown, incomplete) leave no trace, and no control byte is left. */
export function readRuns(line: string): Run[] {
  const runs: Run[] = [];
  let state = fresh;
  let at = 0;
  const take = (text: string) => {
    const clean = harmlessText(text);
    if (clean !== "") runs.push({ text: clean, style: styleOf(state) });
  };
  for (const match of line.matchAll(code)) {
    take(line.slice(at, match.index));
    at = match.index + match[0].length;
    state = after(state, match);
  }
  take(line.slice(at));
  return runs;
}

function after(state: ReadState, [whole, foreground, background, hex, hexBack]: RegExpMatchArray): ReadState {
  switch (whole[0]) {
    case reset:
      return fresh;
    case reverse:
      return { ...state, reversed: !state.reversed };
    case color:
      if (foreground === undefined) return { on: state.on, reversed: state.reversed };
      return {
        ...state,
        foreground: colorOfNumber(Number(foreground)),
        ...(background === undefined ? {} : { background: colorOfNumber(Number(background)) }),
      };
    case hexColor:
      if (hex === undefined) return { on: state.on, reversed: state.reversed };
      return {
        ...state,
        foreground: `#${hex.toLowerCase()}`,
        ...(hexBack === undefined ? {} : { background: `#${hexBack.toLowerCase()}` }),
      };
    default: {
      const toggle = toggles.find(([, byte]) => byte === whole)?.[0];
      return toggle === undefined ? state : { ...state, on: switched(state.on, toggle) };
    }
  }
}

function switched(on: ReadonlySet<Toggle>, toggle: Toggle): ReadonlySet<Toggle> {
  const now = new Set(on);
  if (!now.delete(toggle)) now.add(toggle);
  return now;
}

function styleOf({ on, reversed, foreground, background }: ReadState): RunStyle {
  const shown = colorsOf(reversed, foreground, background);
  return {
    ...(on.has("bold") ? { bold: true } : {}),
    ...(on.has("italic") ? { italic: true } : {}),
    ...(on.has("underline") ? { underline: true } : {}),
    ...(on.has("strike") ? { strike: true } : {}),
    ...(on.has("monospace") ? { code: true } : {}),
    ...shown,
  };
}

/** Text in the colour of its background is how IRC hides a spoiler. Reversed defaults are shown as white on black. */
function colorsOf(reversed: boolean, foreground?: string, background?: string): RunStyle {
  if (foreground !== undefined && foreground === background) return { spoiler: true };
  const [front, back] = reversed ? [background ?? "#ffffff", foreground ?? "#000000"] : [foreground, background];
  return {
    ...(front === undefined ? {} : { foreground: front }),
    ...(back === undefined ? {} : { background: back }),
  };
}

/** What holds for a stretch of a line that is written. Colours are two digits, or six where the reader takes hex. */
export interface WireStyle {
  readonly bold?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly strike?: boolean;
  readonly monospace?: boolean;
  readonly foreground?: string;
  /** Never without a foreground: there is no code for a background alone. */
  readonly background?: string;
}

export const plainStyle: WireStyle = {};

export function sameWireStyle(a: WireStyle, b: WireStyle): boolean {
  if (a === b) return true;
  return (
    toggles.every(([name]) => !a[name] === !b[name]) && a.foreground === b.foreground && a.background === b.background
  );
}

/**
 * The codes between two stretches. `next` is the text that follows: colour numbers always have two digits, and where the
 * text itself could be read as a part of the code, a pair of toggles stands between.
 */
export function codesBetween(from: WireStyle, to: WireStyle, next: string): string {
  if (sameWireStyle(from, to)) return "";
  const colored = from.foreground !== to.foreground || from.background !== to.background;
  // A colour is taken back by a full reset: a bare colour code would swallow digits after it, and 99 is not known everywhere.
  const undo =
    colored &&
    ((from.foreground !== undefined && to.foreground === undefined) ||
      (from.background !== undefined && to.background === undefined));
  const base = undo ? plainStyle : from;
  const toggled = toggles.filter(([name]) => !base[name] !== !to[name]).map(([, byte]) => byte);
  let codes = undo ? reset : "";
  if (colored && to.foreground !== undefined) {
    codes += colorCode(to.foreground, to.background);
    if (toggled.length === 0 && to.background === undefined && next.startsWith(",")) toggled.push(bold, bold);
  }
  return codes + toggled.join("");
}

function colorCode(foreground: string, background: string | undefined): string {
  const byte = foreground.length === 2 ? color : hexColor;
  return background === undefined ? `${byte}${foreground}` : `${byte}${foreground},${background}`;
}

/** What ends a line so that nothing is left on: at most one byte. */
export function closingCode(style: WireStyle): string {
  const on = toggles.filter(([name]) => style[name]);
  if (style.foreground === undefined && on.length === 1) return on[0]?.[1] ?? "";
  return style.foreground === undefined && on.length === 0 ? "" : reset;
}
