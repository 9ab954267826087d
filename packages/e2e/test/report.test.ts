import { createReport } from "../src/report.ts";
import { MissingProgram } from "../src/servers/irc-server.ts";

const collect = (options: { strict?: boolean; only?: RegExp } = {}) => {
  const written: string[] = [];
  return { written, report: createReport({ strict: false, ...options, write: (text) => written.push(text) }) };
};

it("prints a line with its time for each check, and the sum", async () => {
  const { written, report } = collect();
  await report.check("one goes well", async () => undefined);
  await report.check("one does not", async () => {
    throw new Error("because of this");
  });
  report.finish();
  expect(written[0]).toMatch(/^ok +\d+\.\d s {2}one goes well\n$/);
  expect(written[1]).toMatch(/^FAIL +\d+\.\d s {2}one does not\n.*because of this/);
  expect(written.at(-1)).toMatch(/^1 passed, 1 failed in \d+ s\n$/);
  expect(report.sums).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

it("skips what lacks a program and says how to get it, and fails it where it must be there", async () => {
  const missing = async (): Promise<void> => {
    throw new MissingProgram("ngircd", "ngircd");
  };
  const lenient = collect();
  await lenient.report.guard("a stage", missing);
  lenient.report.skip("another", "no database here");
  expect(lenient.written.join("")).toMatch(/skip .*a stage: .*apt-get install ngircd/);
  expect(lenient.report.sums).toEqual({ passed: 0, failed: 0, skipped: 2 });
  const strict = collect({ strict: true });
  await strict.report.guard("a stage", missing);
  strict.report.skip("another", "no database here");
  expect(strict.report.sums).toEqual({ passed: 0, failed: 2, skipped: 0 });
});

it("runs only what is asked for", async () => {
  const { report } = collect({ only: /this/ });
  let ran = 0;
  await report.check("this one", async () => ran++);
  await report.check("that one", async () => ran++);
  expect(ran).toBe(1);
});
