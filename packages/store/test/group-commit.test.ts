/** Grouping: nobody waits on an idle disk, what comes during a commit shares the next, order is kept. */
import { BridgeError } from "@trestle/core";
import type { Statement, Write, Written } from "../src/engine.ts";
import { createGroupCommit } from "../src/group-commit.ts";

const statement: Statement = { id: 1, sql: "", paramCount: 1, bind: () => [] };
const write = (...values: number[]): Write => values.map((value) => ({ statement, params: [value] }));
const valuesOf = (group: readonly Write[]) => group.map((steps) => steps.map(({ params }) => params[0]));
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

/** A disk whose commits end when the test says so. */
function createDisk() {
  const commits: { readonly group: unknown[][]; readonly end: (outcome?: Error) => void }[] = [];
  const commit = (group: readonly Write[]): Promise<Written[]> =>
    new Promise((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve(group.map((steps) => steps.map(() => 1))));
      commits.push({ group: valuesOf(group), end });
    });
  return { commits, commit };
}

describe("the group commit", () => {
  test("commits at once when idle, and groups what arrives while it is busy", async () => {
    const { commits, commit } = createDisk();
    const group = createGroupCommit(commit, { rowsMax: 256, windowMs: 0 });
    const first = group.write(write(1));
    await turn();
    expect(commits.map((one) => one.group)).toEqual([[[1]]]);
    const later = [group.write(write(2, 3)), group.write(write(4))];
    await turn();
    expect(commits).toHaveLength(1);
    commits[0]?.end();
    expect(await first).toEqual([1]);
    await turn();
    expect(commits[1]?.group).toEqual([[2, 3], [4]]);
    commits[1]?.end();
    expect(await Promise.all(later)).toEqual([[1, 1], [1]]);
  });

  test("groups what one turn of the loop asks for, never more than the bound, never splitting a write", async () => {
    const { commits, commit } = createDisk();
    const group = createGroupCommit(commit, { rowsMax: 3, windowMs: 0 });
    const all = Promise.all([write(1, 2), write(3), write(4, 5, 6, 7), write(8)].map(group.write));
    for (let index = 0; index < 3; index += 1) {
      await turn();
      commits[index]?.end();
    }
    await all;
    expect(commits.map((one) => one.group)).toEqual([[[1, 2], [3]], [[4, 5, 6, 7]], [[8]]]);
  });

  test("fails those of a failed commit and goes on with the next", async () => {
    const { commits, commit } = createDisk();
    const group = createGroupCommit(commit, { rowsMax: 1, windowMs: 0 });
    const [first, second] = [group.write(write(1)), group.write(write(2))];
    await turn();
    commits[0]?.end(new BridgeError("database-failed", "no space"));
    await expect(first).rejects.toMatchObject({ code: "database-failed" });
    await turn();
    commits[1]?.end();
    expect(await second).toEqual([1]);
  });

  test("fails one write alone where the engine says so", async () => {
    const bad = new BridgeError("internal", "constraint");
    const group = createGroupCommit(async () => [[1], bad, [1]], { rowsMax: 256, windowMs: 0 });
    const all = await Promise.allSettled([write(1), write(2), write(3)].map(group.write));
    expect(all.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  test("draining ends when the last commit does, and refuses what comes after", async () => {
    const { commits, commit } = createDisk();
    const group = createGroupCommit(commit, { rowsMax: 1, windowMs: 0 });
    const writes = [group.write(write(1)), group.write(write(2))];
    let drained = false;
    const drain = group.drain().then(() => {
      drained = true;
    });
    await expect(group.write(write(3))).rejects.toMatchObject({ code: "database-failed" });
    await turn();
    commits[0]?.end();
    await turn();
    expect(drained).toBe(false);
    commits[1]?.end();
    await drain;
    await Promise.all(writes);
  });

  test("waits for company as long as it is told, on an idle disk", async () => {
    const { commits, commit } = createDisk();
    const group = createGroupCommit(commit, { rowsMax: 256, windowMs: 2 });
    void group.write(write(1));
    await turn();
    void group.write(write(2));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(commits.map((one) => one.group)).toEqual([[[1], [2]]]);
  });
});
