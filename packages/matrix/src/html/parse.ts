/**
 * HTML as people's clients send it, token by token onto a page (html-page.ts). It owns which tags mean what; unknown tags are dropped and
 * their text kept, scripts and styles are dropped whole. Nothing recurses, so no nesting can hurt.
 */
import type { HeadingLevel, RichText, Run, RunStyle } from "@trestle/richtext";
import { Tokenizer } from "htmlparser2";
import { cleanLabel, cleanText, safeColor, safeLanguage, safeUrl } from "./clean.ts";
import { mentionOfUrl } from "./mentions.ts";
import {
  addBreak,
  addRule,
  addText,
  closeCell,
  closeFrame,
  closeHeading,
  closeInline,
  closePre,
  closeTable,
  createPage,
  endParagraph,
  finishPage,
  openCell,
  openFrame,
  openHeading,
  openInline,
  openItem,
  openPre,
  openRow,
  openTable,
  type Page,
  setLanguage,
} from "./page.ts";

type Attributes = Readonly<Record<string, string>>;

/** Tags after which nothing is read any more are ignored: no honest message has so many. */
const tagsMax = 10_000;

const inlineStyles: Readonly<Record<string, RunStyle>> = {
  b: { bold: true },
  strong: { bold: true },
  i: { italic: true },
  em: { italic: true },
  u: { underline: true },
  ins: { underline: true },
  s: { strike: true },
  del: { strike: true },
  strike: { strike: true },
  sup: { superscript: true },
  sub: { subscript: true },
  tt: { code: true },
  kbd: { code: true },
  samp: { code: true },
};

/** Their text starts and ends a paragraph, no more. */
const boundaries: readonly string[] = (
  "p div details caption center section article header footer main aside nav figure figcaption address dl dt dd " +
  "form fieldset"
).split(" ");
const headingLevels: readonly HeadingLevel[] = [1, 2, 3, 4, 5, 6];
const dropped = new Set(["script", "style", "title", "textarea"]);

/** The document that this HTML shows; `mark` may turn words of a paragraph into mentions. */
export function parseHtml(
  html: string,
  mark: (runs: readonly Run[], pilled: ReadonlySet<string>) => readonly Run[],
): RichText {
  const page = createPage();
  readTokens(html, createReader(html, page));
  return finishPage(page, mark);
}

interface Reader {
  open(tag: string, attributes: Attributes, at: number): void;
  close(tag: string): void;
  text(text: string): void;
}

function createReader(html: string, page: Page): Reader {
  // A reply fallback that is never closed would hide the whole message; then it is no fallback.
  const lastReplyEnd = html.toLowerCase().lastIndexOf("</mx-reply");
  let tags = 0;
  let replies = 0;
  let skipping: string | undefined;
  return {
    open(tag, attributes, at) {
      tags += 1;
      if (dropped.has(tag)) skipping = tag;
      if (tag === "mx-reply" && at < lastReplyEnd) replies += 1;
      if (skipping === undefined && replies === 0 && tags <= tagsMax) openTag(page, tag, attributes);
    },
    close(tag) {
      if (tag === skipping) skipping = undefined;
      else if (tag === "mx-reply" && replies > 0) replies -= 1;
      else if (skipping === undefined && replies === 0) closeTag(page, tag);
    },
    text(text) {
      if (skipping === undefined && replies === 0) addText(page, cleanText(text));
    },
  };
}

type Open = (page: Page, attributes: Attributes) => void;
type Close = (page: Page) => void;

const openers: Readonly<Record<string, Open>> = {
  br: (page) => addBreak(page),
  hr: (page) => addRule(page),
  img: (page, attributes) => addText(page, cleanLabel(attributes["alt"] || attributes["title"] || "")),
  a: (page, attributes) => openInline(page, "a", linkStyle(attributes["href"] ?? "")),
  span: (page, attributes) => openInline(page, "span", spanStyle(attributes)),
  font: (page, attributes) => openInline(page, "font", spanStyle(attributes)),
  code(page, attributes) {
    setLanguage(page, languageOf(attributes["class"] ?? ""));
    openInline(page, "code", { code: true });
  },
  summary(page) {
    endParagraph(page);
    openInline(page, "summary", { bold: true });
  },
  blockquote: (page) => openFrame(page, "quote"),
  ul: (page) => openFrame(page, "bullets"),
  ol: (page, attributes) => openFrame(page, "numbers", Number.parseInt(attributes["start"] ?? "1", 10)),
  li: (page) => openItem(page),
  pre: (page) => openPre(page),
  table: (page) => openTable(page),
  tr: (page) => openRow(page),
  td: (page) => openCell(page),
  th: (page) => openCell(page),
  ...Object.fromEntries(headingLevels.map((level) => [`h${level}`, (page: Page) => openHeading(page, level)])),
  ...Object.fromEntries(boundaries.map((tag) => [tag, endParagraph])),
};

const closers: Readonly<Record<string, Close>> = {
  br: (page) => addBreak(page),
  summary(page) {
    endParagraph(page);
    closeInline(page, "summary");
  },
  blockquote: (page) => closeFrame(page, "quote"),
  ul: (page) => closeFrame(page, "bullets"),
  ol: (page) => closeFrame(page, "numbers"),
  li: (page) => closeFrame(page, "item"),
  pre: (page) => closePre(page),
  table: (page) => closeTable(page),
  td: (page) => closeCell(page),
  th: (page) => closeCell(page),
  ...Object.fromEntries(headingLevels.map((level) => [`h${level}`, closeHeading])),
  ...Object.fromEntries(boundaries.map((tag) => [tag, endParagraph])),
};

function openTag(page: Page, tag: string, attributes: Attributes): void {
  const opener = Object.hasOwn(openers, tag) ? openers[tag] : undefined;
  const style = Object.hasOwn(inlineStyles, tag) ? inlineStyles[tag] : undefined;
  if (opener !== undefined) opener(page, attributes);
  else if (style !== undefined) openInline(page, tag, style);
}

function closeTag(page: Page, tag: string): void {
  const closer = Object.hasOwn(closers, tag) ? closers[tag] : undefined;
  if (closer !== undefined) closer(page);
  else closeInline(page, tag);
}

function linkStyle(href: string): RunStyle {
  const mention = mentionOfUrl(href);
  if (mention !== undefined) return { mention };
  const url = safeUrl(href);
  return url === undefined ? {} : { url };
}

function spanStyle(attributes: Attributes): RunStyle {
  const foreground = safeColor(attributes["data-mx-color"] ?? attributes["color"] ?? "");
  const background = safeColor(attributes["data-mx-bg-color"] ?? "");
  const spoiler = attributes["data-mx-spoiler"];
  const reason = cleanLabel(spoiler ?? "");
  return {
    ...(foreground === undefined ? {} : { foreground }),
    ...(background === undefined ? {} : { background }),
    ...(spoiler === undefined ? {} : { spoiler: true }),
    ...(reason === "" ? {} : { spoilerReason: reason }),
  };
}

const languageOf = (classes: string): string | undefined =>
  classes
    .split(/\s+/)
    .filter((name) => name.startsWith("language-"))
    .map((name) => safeLanguage(name.slice("language-".length)))[0];

function readTokens(html: string, reader: Reader): void {
  let tag = "";
  let tagAt = 0;
  let attributes: Record<string, string> = {};
  let name = "";
  let value = "";
  const opened = () => reader.open(tag, attributes, tagAt);
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      ontext: (start, end) => reader.text(html.slice(start, end)),
      ontextentity: (point) => reader.text(String.fromCodePoint(point)),
      onopentagname(start, end) {
        tag = html.slice(start, end).toLowerCase();
        tagAt = start;
        attributes = {};
      },
      onattribname(start, end) {
        name = html.slice(start, end).toLowerCase();
        value = "";
      },
      onattribdata(start, end) {
        value += html.slice(start, end);
      },
      onattribentity(point) {
        value += String.fromCodePoint(point);
      },
      onattribend() {
        // The first of two equal attributes counts, as in browsers.
        if (!Object.hasOwn(attributes, name) && name !== "__proto__") attributes[name] = value;
      },
      onopentagend: opened,
      onselfclosingtag: opened,
      onclosetag: (start, end) => reader.close(html.slice(start, end).toLowerCase()),
      oncomment() {},
      oncdata() {},
      ondeclaration() {},
      onprocessinginstruction() {},
      onend() {},
    },
  );
  tokenizer.write(html);
  tokenizer.end();
}
