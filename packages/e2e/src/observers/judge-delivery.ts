/**
 * Judges over numbered messages: what is missing, what came twice, what came out of order; and, for IRC without history,
 * whether every hole was announced where it is. Pure; they know lists of labels and nothing of protocols.
 */

export interface DeliveryVerdict {
  readonly missing: readonly string[];
  readonly doubled: readonly string[];
  /** Came after one that had been said later. */
  readonly disordered: readonly string[];
  /** Seen, but never said. */
  readonly invented: readonly string[];
}

/** Holds what was seen against what was said, both in order. */
export function judgeDelivery(expected: readonly string[], seen: readonly string[]): DeliveryVerdict {
  const place = new Map(expected.map((label, at) => [label, at]));
  const counts = new Map<string, number>();
  const disordered: string[] = [];
  const invented: string[] = [];
  let latest = -1;
  for (const label of seen) {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    const at = place.get(label);
    if (at === undefined) invented.push(label);
    // a second copy is a double, not a disorder
    else if (count === 1) {
      if (at < latest) disordered.push(label);
      latest = Math.max(latest, at);
    }
  }
  return {
    missing: expected.filter((label) => !counts.has(label)),
    doubled: [...counts].filter(([label, count]) => count > 1 && place.has(label)).map(([label]) => label),
    disordered,
    invented,
  };
}

export interface HoleVerdict {
  /** Runs of missing messages, first and last label. */
  readonly holes: readonly { readonly first: string; readonly last: string; readonly count: number }[];
  /** Holes with no notice between their neighbours. */
  readonly unannounced: readonly string[];
}

/** What the room shows, in order: a message, or the notice that something is missing. */
export type Shown = { readonly label: string } | { readonly gap: true };

/** Every hole must have a notice (each window has its own), standing between the messages around it. */
export function judgeHoles(expected: readonly string[], shown: readonly Shown[]): HoleVerdict {
  const places = new Map<string, number>();
  for (const [at, entry] of shown.entries())
    if ("label" in entry && !places.has(entry.label)) places.set(entry.label, at);
  const holes: { first: string; last: string; count: number }[] = [];
  const unannounced: string[] = [];
  let before = -1;
  let open: { first: string; last: string; count: number } | undefined;
  const close = (after: number): void => {
    if (!open) return;
    const notices = shown.slice(before + 1, after).filter((entry) => "gap" in entry).length;
    const name = open.first === open.last ? open.first : `${open.first} to ${open.last}`;
    holes.push(open);
    if (notices === 0) unannounced.push(name);
    open = undefined;
  };
  for (const label of expected) {
    const at = places.get(label);
    if (at === undefined) {
      open = open ? { ...open, last: label, count: open.count + 1 } : { first: label, last: label, count: 1 };
      continue;
    }
    close(at);
    before = Math.max(before, at);
  }
  close(shown.length);
  return { holes, unannounced };
}

/** Labels such as `i2m 0001` found in texts, in order. */
export function labelsIn(texts: readonly string[], prefix: string): string[] {
  const pattern = new RegExp(`\\b${prefix} \\d{4,}\\b`);
  return texts.map((text) => pattern.exec(text)?.[0]).filter((label) => label !== undefined);
}

/** `prefix 0001` and so on. */
export const labels = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix} ${String(at + 1).padStart(4, "0")}`);
