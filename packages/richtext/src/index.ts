// nodes

// making documents
export type { InlineLike } from "./builders.ts";
export {
  code,
  codeBlock,
  color,
  doc,
  inlines,
  link,
  list,
  mention,
  paragraph,
  quote,
  spoiler,
  styled,
  text,
} from "./builders.ts";
export type { Block, HeadingLevel, Inline, InlineStyle, Mention, RichText } from "./nodes.ts";
// reading and rewriting
export { inlineText, plainText } from "./plain-text.ts";
// runs
export type { Run, RunStyle } from "./runs.ts";
export { fromRuns, normalRuns, sameStyle, toRuns } from "./runs.ts";
export { type SplitLimit, split } from "./split.ts";
// cutting to a limit
export type { Unit } from "./split-text.ts";
export { measure, splitRuns, splitText } from "./split-text.ts";
export { boundDepth, depthMax, mapInlines, mentionsOf, walk } from "./walk.ts";
