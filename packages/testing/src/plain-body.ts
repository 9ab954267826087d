/** The fakes' only markup: RichText as plain lines and back. Lossy on purpose; real markup belongs to the codecs. */
import { emptyLookup, type Lookup } from "@trestle/core";
import type { Block, Inline, RichText } from "@trestle/richtext";

/** A document of one paragraph a line; `""` is the empty document. */
export function plainToRich(text: string): RichText {
  if (text === "") return [];
  const children = text
    .split("\n")
    .flatMap((line, index): Inline[] => [
      ...(index === 0 ? [] : [{ kind: "break" } as const]),
      ...(line === "" ? [] : [{ kind: "text", text: line } as const]),
    ]);
  return [{ kind: "paragraph", children }];
}

/** The document as people would read it aloud: mentions as `@name`, everything else bare. */
export function richToPlain(doc: RichText, lookup: Lookup = emptyLookup): string {
  const inline = (node: Inline): string => {
    switch (node.kind) {
      case "text":
      case "code":
        return node.text;
      case "break":
        return "\n";
      case "mention":
        return `@${lookup.nameOf(node.mention) ?? node.label}`;
      default:
        return node.children.map(inline).join("");
    }
  };
  const block = (node: Block): string => {
    switch (node.kind) {
      case "paragraph":
      case "heading":
        return node.children.map(inline).join("");
      case "quote":
        return node.children.map((child) => `> ${block(child)}`).join("\n");
      case "list":
        return node.items.map((item) => `- ${item.map(block).join("\n")}`).join("\n");
      case "code-block":
        return node.text;
      case "rule":
        return "---";
    }
  };
  return doc.map(block).join("\n");
}

/** Pieces of at most `unitsMax` UTF-16 units that never cut a surrogate pair; the last of `partsMax` says that it was cut. */
export function cutPlain(text: string, unitsMax: number, partsMax: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const char of text) {
    if (piece.length + char.length > unitsMax) {
      pieces.push(piece);
      piece = "";
    }
    piece += char;
  }
  if (piece !== "") pieces.push(piece);
  if (pieces.length <= partsMax) return pieces;
  const mark = "[cut]";
  return [...pieces.slice(0, partsMax - 1), `${(pieces[partsMax - 1] ?? "").slice(0, unitsMax - mark.length)}${mark}`];
}
