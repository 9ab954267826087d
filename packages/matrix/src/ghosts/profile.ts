/** Names of remote people made harmless as Matrix display names. Hostile text: it comes from anybody on the network. */
import type { RemoteAuthor } from "@trestle/core";

/** The strictest homeserver's limit, in code points so that none counts it differently. */
const nameMax = 100;
/** Control letters, and those that turn the writing direction or are not seen. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A display name on one line, never empty, never looking like a Matrix id. */
export function displayNameOf(author: Pick<RemoteAuthor, "name" | "id">): string {
  const clean = (text: string) =>
    [...text.toWellFormed().replace(unseen, "").replace(/\s+/g, " ").trim()].slice(0, nameMax).join("");
  const name = clean(author.name) || clean(author.id) || "?";
  // `@admin:server` as a name would pass for somebody else's id.
  return /^@[^\s]*:[^\s]*$/.test(name) ? name.slice(1) : name;
}
