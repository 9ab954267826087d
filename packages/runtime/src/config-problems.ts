/**
 * A mistake in a config file as its admin is told: where it stands, what is wrong and what to write instead. Turns the
 * validator's findings into such words; knows nothing of files.
 */
import type { z } from "zod";
import { nearestName } from "./nearest-name.ts";

export interface ConfigProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** `file.yaml:12:3` or `environment variable X`; filled in by who knows the file. */
  readonly place?: string;
}

/** One or more mistakes in a config. Its message is ready for a person; the stack is nobody's business. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  /** The file is not there or cannot be read at all. */
  readonly missing: boolean;

  constructor(problems: readonly ConfigProblem[], missing = false) {
    super(problems.map(printProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
    this.missing = missing;
  }
}

export const pathText = (path: readonly (string | number)[]): string =>
  path.map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${key}`)).join("");

function printProblem({ path, message, place }: ConfigProblem): string {
  const subject = path.length === 0 ? message : `${pathText(path)} ${message}`;
  return place === undefined ? subject : `${place}: ${subject}`;
}

/** Our words for the validator's plain findings; a schema's own `error` wins over these. */
export const configWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === "invalid_type") {
    if (issue.input === undefined) return "is missing";
    return `must be ${article(String(issue.expected))}, not ${kindOf(issue.input)}`;
  }
  if (issue.code === "invalid_value") return `must be ${issue.values.map(String).join(" or ")}`;
  if (issue.code === "too_small") return `is too small: at least ${String(issue.minimum)}`;
  if (issue.code === "too_big") return `is too large: at most ${String(issue.maximum)}`;
  return undefined;
};

function article(kind: string): string {
  const words: Record<string, string> = {
    string: "a text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a section with keys of its own",
    record: "a section with keys of its own",
  };
  return words[kind] ?? kind;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a section";
  return `${typeof value === "string" ? "the text" : `the ${typeof value}`} ${JSON.stringify(value)}`;
}

/** Every problem of one finding; an unknown key is one problem each. `knownAt` names the keys that may stand at a path. */
export function problemsOf(
  issue: z.core.$ZodIssue,
  knownAt: (path: readonly (string | number)[]) => readonly string[],
): ConfigProblem[] {
  const path = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, knownAt(path)) }));
  }
  if (issue.code === "invalid_key") {
    return issue.issues.map((inner) => ({ path, message: `cannot be called that: ${inner.message}` }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The alternative that came nearest has its mistake deepest inside, or the fewest of them.
    const depth = (branch: readonly z.core.$ZodIssue[]) => Math.max(...branch.map((one) => one.path.length));
    const [nearest] = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
    if (nearest !== undefined && depth(nearest) > 0) {
      return nearest.flatMap((one) => problemsOf({ ...one, path: [...issue.path, ...one.path] }, knownAt));
    }
  }
  return [{ path, message: issue.message }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  if (nearest !== undefined) return `is not a key of this section. Did you mean "${nearest}"?`;
  return `is not a key of this section. It may have: ${known.join(", ")}`;
}
