/**
 * Ways through a document: look at every node, rewrite the inline ones, collect the mentions, bound the nesting. Documents
 * made by a codec are at most `depthMax` deep, so recursion is safe on them; `boundDepth` makes any other document so.
 */
import type { Block, Inline, Mention, RichText } from "./nodes.ts";

/** No codec makes a document nested deeper than this. */
export const depthMax = 100;

type Node = Block | Inline;

/** What stands directly inside a node. */
function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "list":
      return node.items.flat();
    case "text":
    case "break":
    case "code":
    case "mention":
    case "code-block":
    case "rule":
      return [];
    default:
      return node.children;
  }
}

/** Calls `visit` with every node in reading order, a parent before its children. Safe at any depth. */
export function walk(doc: RichText, visit: (node: Node) => void): void {
  const ahead: Node[] = doc.toReversed();
  for (let node = ahead.pop(); node !== undefined; node = ahead.pop()) {
    visit(node);
    for (const child of childrenOf(node).toReversed()) ahead.push(child);
  }
}

/** Rewrites inline nodes bottom-up: `fn` sees a node whose children are rewritten already and answers what stands there instead. */
export function mapInlines(doc: RichText, fn: (inline: Inline) => Inline | readonly Inline[]): RichText {
  const mapInline = (inline: Inline): Inline | readonly Inline[] =>
    fn("children" in inline ? { ...inline, children: inline.children.flatMap(mapInline) } : inline);
  const mapBlock = (block: Block): Block => {
    switch (block.kind) {
      case "paragraph":
      case "heading":
        return { ...block, children: block.children.flatMap(mapInline) };
      case "quote":
        return { ...block, children: block.children.map(mapBlock) };
      case "list":
        return { ...block, items: block.items.map((item) => item.map(mapBlock)) };
      case "code-block":
      case "rule":
        return block;
    }
  };
  return doc.map(mapBlock);
}

/** Every mention in reading order, each as often as it stands there. */
export function mentionsOf(doc: RichText): Mention[] {
  const mentions: Mention[] = [];
  walk(doc, (node) => {
    if (node.kind === "mention") mentions.push(node.mention);
  });
  return mentions;
}

/** The same document if it is at most `max` deep, else one whose deeper parts are flattened to their text. Never recurses deeper than `max`. */
export function boundDepth(doc: RichText, max: number = depthMax): RichText {
  return depthOf(doc) <= max ? doc : doc.map((block) => boundBlock(block, max - 1));
}

function depthOf(doc: RichText): number {
  let deepest = 0;
  const ahead: { readonly node: Node; readonly depth: number }[] = doc.map((node) => ({ node, depth: 1 }));
  for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
    deepest = Math.max(deepest, at.depth);
    for (const node of childrenOf(at.node)) ahead.push({ node, depth: at.depth + 1 });
  }
  return deepest;
}

function boundBlock(block: Block, left: number): Block {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return { ...block, children: boundInlines(block.children, left) };
    case "quote":
      // A quote holds a paragraph that holds text: with less room than that, only its words remain.
      return left < 2 ? flatBlock(block) : { ...block, children: block.children.map((b) => boundBlock(b, left - 1)) };
    case "list":
      return left < 2
        ? flatBlock(block)
        : { ...block, items: block.items.map((item) => item.map((b) => boundBlock(b, left - 1))) };
    case "code-block":
    case "rule":
      return block;
  }
}

function boundInlines(inlines: readonly Inline[], left: number): Inline[] {
  return inlines.map((inline) => {
    if (!("children" in inline)) return inline;
    return left < 2 ? flatText([inline]) : { ...inline, children: boundInlines(inline.children, left - 1) };
  });
}

const flatBlock = (block: Block): Block => ({ kind: "paragraph", children: [flatText([block])] });

function flatText(nodes: readonly Node[]): Inline {
  const words: string[] = [];
  const ahead: Node[] = nodes.toReversed();
  for (let node = ahead.pop(); node !== undefined; node = ahead.pop()) {
    if (node.kind === "text" || node.kind === "code") words.push(node.text);
    else if (node.kind === "code-block") words.push(node.text.replaceAll("\n", " "), " ");
    else if (node.kind === "mention") words.push(node.label);
    else if (node.kind === "break") words.push(" ");
    for (const child of childrenOf(node).toReversed()) ahead.push(child);
  }
  return { kind: "text", text: words.join("") };
}
