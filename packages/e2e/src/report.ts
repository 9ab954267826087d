/**
 * One line per check, with its time, and the sum at the end. What cannot run for want of a program is skipped with the way
 * to get it, or fails when `CI=true`. It knows nothing of what is checked.
 */
import { MissingProgram } from "./servers/irc-server.ts";

export interface Report {
  /** Runs one check; a rejection is its failure. Resolves with whether it passed. */
  check(name: string, run: () => Promise<unknown>): Promise<boolean>;
  /** Runs something whose failure fails a check of this name; without one it leaves no line. */
  guard(name: string, run: () => Promise<void>): Promise<void>;
  skip(name: string, reason: string): void;
  /** A line that is no check. */
  note(text: string): void;
  readonly sums: { readonly passed: number; readonly failed: number; readonly skipped: number };
  /** Prints the sum. */
  finish(): void;
}

export interface ReportOptions {
  readonly write?: (text: string) => void;
  /** Missing programs fail. Default: whether CI=true. */
  readonly strict?: boolean;
  /** Only checks whose full name fits. */
  readonly only?: RegExp;
}

export function createReport(options: ReportOptions = {}): Report {
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const strict = options.strict ?? process.env["CI"] === "true";
  const sums = { passed: 0, failed: 0, skipped: 0 };
  const began = Date.now();
  const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`.padStart(7);
  const failures: string[] = [];
  const fail = (name: string, since: number, error: unknown): void => {
    sums.failed++;
    failures.push(name);
    const cause = error instanceof Error && error.cause !== undefined ? `\ncaused by ${String(error.cause)}` : "";
    const text = (error instanceof Error ? (error.stack ?? error.message) : String(error)) + cause;
    write(`FAIL ${seconds(since)}  ${name}\n${text.replace(/^/gm, "       ")}\n`);
  };
  const missing = (name: string, since: number, error: MissingProgram): void => {
    if (strict) {
      fail(name, since, error.message);
      return;
    }
    sums.skipped++;
    write(`skip ${seconds(since)}  ${name}: ${error.message}\n`);
  };
  return {
    async check(name, run) {
      if (options.only && !options.only.test(name)) return true;
      const since = Date.now();
      try {
        await run();
      } catch (error) {
        if (error instanceof MissingProgram) missing(name, since, error);
        else fail(name, since, error);
        return false;
      }
      sums.passed++;
      write(`ok   ${seconds(since)}  ${name}\n`);
      return true;
    },
    async guard(name, run) {
      const since = Date.now();
      try {
        await run();
      } catch (error) {
        if (error instanceof MissingProgram) missing(name, since, error);
        else fail(name, since, error);
      }
    },
    skip(name, reason) {
      if (strict) {
        fail(name, Date.now(), reason);
        return;
      }
      sums.skipped++;
      write(`skip           ${name}: ${reason}\n`);
    },
    note: (text) => write(`               ${text}\n`),
    sums,
    finish() {
      const skipped = sums.skipped > 0 ? `, ${sums.skipped} skipped` : "";
      for (const name of failures) write(`failed: ${name}\n`);
      write(
        `${sums.passed} passed, ${sums.failed} failed${skipped} in ${((Date.now() - began) / 1000).toFixed(0)} s\n`,
      );
    },
  };
}
