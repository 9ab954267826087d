/**
 * Groups what is asked for while the disk is busy into the next commit: nobody waits when nothing is under way, and under load
 * one sync carries hundreds of writes. Each promise settles after the commit that carried it.
 */
import { BridgeError } from "@trestle/core";
import type { Engine, Write } from "./engine.ts";

export interface GroupCommit {
  /** How many rows each step of this write changed, once it is on disk. */
  write(steps: Write): Promise<readonly number[]>;
  /** Takes nothing more and resolves when everything asked for is settled. */
  drain(): Promise<void>;
}

export interface GroupCommitOptions {
  /** Most steps of one commit; a single write may be larger. */
  readonly rowsMax: number;
  /** How long the first write of a group waits for company when the disk is idle. */
  readonly windowMs: number;
}

interface Waiting {
  readonly steps: Write;
  readonly resolve: (changes: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createGroupCommit(commit: Engine["commit"], options: GroupCommitOptions): GroupCommit {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const takeGroup = (): Waiting[] => {
    let rows = 0;
    let count = 0;
    for (const { steps } of waiting) {
      if (count > 0 && rows + steps.length > options.rowsMax) break;
      rows += steps.length;
      count += 1;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return group;
  };

  const run = async (): Promise<void> => {
    // a turn of the loop lets everything that is ready now join the first commit
    await new Promise<void>((resolve) => {
      if (options.windowMs > 0) setTimeout(resolve, options.windowMs);
      else setImmediate(resolve);
    });
    while (waiting.length > 0) {
      const group = takeGroup();
      try {
        const written = await commit(group.map(({ steps }) => steps));
        group.forEach(({ resolve, reject }, index) => {
          const outcome = written[index];
          if (outcome === undefined) reject(new BridgeError("internal", "a write without an outcome"));
          else if (outcome instanceof BridgeError) reject(outcome);
          else resolve(outcome);
        });
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    running = undefined;
  };

  return {
    write: (steps) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new BridgeError("database-failed", "the store is closed"));
        if (steps.length === 0) return resolve([]);
        waiting.push({ steps, resolve, reject });
        running ??= run();
      }),
    drain: async () => {
      closed = true;
      await running;
    },
  };
}
