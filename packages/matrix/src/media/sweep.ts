/**
 * Dead pieces of files are collected while a file streams. Each piece is a buffer outside of the engine's own heap, which counts
 * for little there, so that left alone a fast file piles up 40 to 60 MB of them before anybody looks. A collection of the young
 * ones takes about a millisecond (docs/decisions/0012-media-memory.md).
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const everyBytes = 8 * 1024 * 1024;

type Collect = (options: { readonly type: "minor" }) => void;

/** To be told of every piece that passed. */
export function createSweep(): (bytes: number) => void {
  let passed = 0;
  let collect: Collect | undefined;
  return (bytes) => {
    passed += bytes;
    if (passed < everyBytes) return;
    passed = 0;
    collect ??= findCollect();
    collect({ type: "minor" });
  };
}

/** Nothing is collected by hand where the engine does not offer it. */
function findCollect(): Collect {
  try {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("globalThis.gc");
    return typeof found === "function" ? (found as Collect) : () => undefined;
  } catch {
    return () => undefined;
  }
}
