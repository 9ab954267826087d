export type { Block, HeadingLevel, Inline, InlineStyle, Mention, RichText } from "./nodes.ts";
