/** How often a file failed in a row: one that always fails must not hold up the messages behind it until they are too old. */
import { BridgeError } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";

export interface Tries {
  /** The error as it is, or the final one when it was the last try. */
  failed(source: string, error: unknown): unknown;
  worked(source: string): void;
}

/** With a lane's back-off about a minute. */
export const triesMax = 8;

export function createTries(): Tries {
  const failures = boundedMap<string, number>(1_000);
  return {
    failed(source, error) {
      if (error instanceof BridgeError && error.code !== "media-failed" && error.code !== "internal") return error;
      const count = (failures.get(source) ?? 0) + 1;
      failures.set(source, count);
      const reason = error instanceof Error ? error.message.slice(0, 200) : "it broke off";
      if (count < triesMax) {
        const failed = error instanceof BridgeError && error.code === "media-failed";
        return failed ? error : new BridgeError("media-failed", reason, { cause: error });
      }
      failures.delete(source);
      return new BridgeError("media-gone", `given up after ${count} tries: ${reason}`, { cause: error });
    },
    worked: (source) => void failures.delete(source),
  };
}
