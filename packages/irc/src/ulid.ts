/**
 * Ids for lines that the network gave none (https://github.com/ulid/spec): sortable by time, rising within a millisecond. The
 * time is passed in.
 */
import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A generator of its own: ids of one generator rise strictly, also when the clock stands or goes back. */
export function createUlids(): (nowMs: number) => string {
  let lastMs = 0;
  let tail: number[] = [];
  return (nowMs) => {
    if (nowMs > lastMs) {
      lastMs = nowMs;
      tail = [...randomBytes(16)].map((byte) => byte & 31);
    } else {
      increment(tail);
    }
    let time = lastMs;
    let head = "";
    for (let at = 0; at < 10; at += 1) {
      head = `${alphabet[time % 32]}${head}`;
      time = Math.floor(time / 32);
    }
    return head + tail.map((digit) => alphabet[digit]).join("");
  };
}

function increment(digits: number[]): void {
  for (let at = digits.length - 1; at >= 0; at -= 1) {
    const next = ((digits[at] ?? 0) + 1) % 32;
    digits[at] = next;
    if (next !== 0) return;
  }
}
