/** Characters, addresses and colours that may pass between Matrix and us, and what becomes of the others. */

/** No event holds more than 65,536 bytes; whoever sends more is not believed. */
export const textSizeMax = 65_536;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Only "\n" and "\t" of the control characters, line ends as "\n", and U+FFFD for half a surrogate pair (Synapse answers 500 to one). */
export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(controls, "").toWellFormed();
}

/** Marks that turn the direction of the text after them. */
const bidiControls = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One line that can be shown inside somebody else's sentence: a name, a reason. It cannot turn the text around it. */
export function cleanLabel(text: string): string {
  return cleanText(text)
    .replace(bidiControls, "")
    .replace(/[\s\u2028\u2029]+/g, " ")
    .replace(/^ | $/g, "");
}

/** The first `max` UTF-16 units. */
export const wellFormedPrefix = (text: string, max: number): string =>
  text.length <= max ? text : text.slice(0, max).toWellFormed();

const schemes = /^(?:https?|ftp):\/\/[^/]|^(?:mailto|magnet):./i;
const urlSizeMax = 4096;

/** The URL as it may stand in a link, or nothing: only the specification's schemes, absolute, no white space or control in it. */
export function safeUrl(url: string): string | undefined {
  const trimmed = url.trim();
  if (trimmed.length > urlSizeMax || !schemes.test(trimmed)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  if (/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(trimmed) || !trimmed.isWellFormed()) return undefined;
  return trimmed.replace(bidiControls, (mark) => encodeURIComponent(mark));
}

const colorNames: Readonly<Record<string, string>> = {
  aqua: "#00ffff",
  black: "#000000",
  blue: "#0000ff",
  brown: "#a52a2a",
  cyan: "#00ffff",
  fuchsia: "#ff00ff",
  gold: "#ffd700",
  gray: "#808080",
  green: "#008000",
  grey: "#808080",
  lightblue: "#add8e6",
  lightgreen: "#90ee90",
  lightgray: "#d3d3d3",
  lightgrey: "#d3d3d3",
  lime: "#00ff00",
  magenta: "#ff00ff",
  maroon: "#800000",
  navy: "#000080",
  olive: "#808000",
  orange: "#ffa500",
  pink: "#ffc0cb",
  purple: "#800080",
  red: "#ff0000",
  silver: "#c0c0c0",
  teal: "#008080",
  violet: "#ee82ee",
  white: "#ffffff",
  yellow: "#ffff00",
};

/** `#rrggbb` in lower case from `#RGB`, `#RRGGBB` or a common name; nothing from anything else. */
export function safeColor(value: string): string | undefined {
  const color = value.trim().toLowerCase();
  if (/^#[0-9a-f]{6}$/.test(color)) return color;
  if (/^#[0-9a-f]{3}$/.test(color)) return color.replace(/[0-9a-f]/g, "$&$&");
  return Object.hasOwn(colorNames, color) ? colorNames[color] : undefined;
}

/** A code block's language as it may stand in `class="language-..."`. */
export function safeLanguage(value: string): string | undefined {
  return /^[A-Za-z0-9_+#.-]{1,32}$/.test(value) ? value : undefined;
}

/** A list's first number, if it is one that people count with. */
export function safeStart(value: number): number | undefined {
  return Number.isInteger(value) && Math.abs(value) <= 1e9 && value !== 1 ? value + 0 : undefined;
}
