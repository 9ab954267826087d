/**
 * Reads a span's YAML file: syntax, environment overrides, validation, paths made absolute; and rewrites single values with the
 * admin's comments kept. Every mistake comes out as a ConfigError with its place. What the keys mean is config-shape.ts.
 */
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type Document, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { networkProblems } from "./config-networks.ts";
import { ConfigError, type ConfigProblem, configWords, problemsOf } from "./config-problems.ts";
import { type SharedConfig, sharedShape } from "./config-shape.ts";
import { applyOverrides, type Override, readOverrides, type SchemaNode } from "./environment.ts";

type Path = readonly (string | number)[];

export interface LoadedConfig<C> {
  /** Absolute path of the file. */
  readonly file: string;
  readonly shared: SharedConfig;
  readonly span: C;
  /** Values that must never be seen in a log or an error. */
  readonly secrets: readonly string[];
}

export interface ConfigSource<C> {
  /** The span's name: the key of its own section. */
  readonly name: string;
  readonly schema: z.ZodType<C>;
  /** The networks that its section makes; without it their names are not looked at. */
  networks?(config: C): readonly string[];
}

/** Reads and validates. Throws ConfigError; a file that is not there is one too (`missing`). */
export function loadConfig<C>(
  path: string,
  source: ConfigSource<C>,
  env: Readonly<Record<string, string | undefined>>,
): LoadedConfig<C> {
  const file = resolve(path);
  return parseConfig(readText(path, file), file, source, env);
}

function readText(shown: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT"
        ? "there is no such file. `trestle example SPAN > FILE` writes one to begin with"
        : code === "EACCES"
          ? "this user may not read it"
          : `it cannot be read (${code ?? String(error)})`;
    throw new ConfigError([{ path: [], place: shown, message: why }], true);
  }
}

export function parseConfig<C>(
  text: string,
  file: string,
  source: ConfigSource<C>,
  env: Readonly<Record<string, string | undefined>>,
): LoadedConfig<C> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    throw new ConfigError(
      syntax.map(({ pos, message }) => {
        const { line, col } = lines.linePos(pos[0]);
        return { path: [], place: `${file}:${line}:${col}`, message: syntaxWords(message, text.split("\n")[line - 1]) };
      }),
    );
  }

  const schema = z.strictObject({ ...sharedShape(source.name), [source.name]: source.schema });
  const known = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as SchemaNode;
  const folder = dirname(file);
  const standing = plainValues(document, file);
  const { found, problems } = readOverrides(env, known, standing, folder);
  const values = applyOverrides(standing ?? {}, found);
  const parsed = schema.safeParse(values, { error: configWords });
  if (!parsed.success || problems.length > 0) {
    const mistakes = (parsed.error?.issues ?? []).flatMap((issue) => problemsOf(issue, (at) => keysAt(known, at)));
    throw new ConfigError([...problems, ...mistakes.map((problem) => place(problem, file, document, lines, found))]);
  }
  const { [source.name]: section, ...rest } = parsed.data as SharedConfig & Record<string, unknown>;
  const span = section as C;
  const shared = rest as SharedConfig;
  const networks = source.networks?.(span);
  const misnamed = [
    ...(networks === undefined ? [] : networkProblems(source.name, networks, shared)),
    ...listenProblems(shared),
  ];
  if (misnamed.length > 0) {
    throw new ConfigError(misnamed.map((problem) => place(problem, file, document, lines, found)));
  }
  return {
    file,
    shared: withAbsolutePaths(shared, folder),
    span,
    secrets: secretsIn(values),
  };
}

/** Each of our servers needs a port of its own; the system would only say that one is taken. */
function listenProblems({ appservice, admin, media }: SharedConfig): ConfigProblem[] {
  const listens = Object.entries({ appservice, admin, media }).flatMap(([section, at]) =>
    at === undefined || at.listen.endsWith(":0") ? [] : [{ section, listen: at.listen }],
  );
  return listens.flatMap(({ section, listen }, index) => {
    const earlier = listens.slice(0, index).find((one) => one.listen === listen);
    const message = `is ${listen}, as ${earlier?.section}.listen is: each needs a port of its own`;
    return earlier === undefined ? [] : [{ path: [section, "listen"], message }];
  });
}

function plainValues(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError([
      { path: [], place: file, message: `its aliases cannot be followed: ${(error as Error).message}` },
    ]);
  }
}

/** YAML's own traps for Matrix ids, said in words. */
function syntaxWords(message: string, line: string | undefined): string {
  const trap = /(?:^|[\s:-])([@!*][^\s"':]+)/.exec(line ?? "");
  const mend = trap === null ? "" : ` Put names that begin with @, ! or * in quotes: "${trap[1]}..."`;
  return `this is no valid YAML: ${message.replace(/\s+/g, " ").replace(/\.$/, "")}.${mend}`;
}

function place(
  problem: ConfigProblem,
  file: string,
  document: Document.Parsed,
  lines: LineCounter,
  overrides: readonly Override[],
): ConfigProblem {
  const override = overrides.find(({ path }) => path.join("\0") === problem.path.join("\0"));
  if (override !== undefined) return { ...problem, place: `environment variable ${override.variable}` };
  const offset = offsetOf(document, problem.path);
  if (offset === undefined) return { ...problem, place: file };
  const { line, col } = lines.linePos(offset);
  return { ...problem, place: `${file}:${line}:${col}` };
}

/** Where the value of a path stands; for what is missing, its nearest section. */
function offsetOf(document: Document.Parsed, path: Path): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair === undefined) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else {
      return offset;
    }
  }
  return offset;
}

/** Keys that may stand at a path of the schema. */
function keysAt(schema: SchemaNode, path: Path): string[] {
  let nodes: SchemaNode[] = [schema];
  for (const key of path) {
    nodes = nodes
      .flatMap((node) => [node, ...(node.anyOf ?? [])])
      .flatMap((node) => {
        const open = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
        return [node.properties?.[String(key)] ?? open ?? node.items].filter((child) => child !== undefined);
      });
  }
  return nodes.flatMap((node) => [node, ...(node.anyOf ?? [])]).flatMap((node) => Object.keys(node.properties ?? {}));
}

function withAbsolutePaths(shared: SharedConfig, folder: string): SharedConfig {
  const { appservice, secrets, double_puppet: puppets } = shared;
  const sqlite = /^sqlite:(?:\/\/)?(.+)$/.exec(shared.database.url)?.[1];
  const url =
    sqlite === undefined || sqlite === ":memory:"
      ? shared.database.url
      : `sqlite:${isAbsolute(sqlite) ? sqlite : join(folder, sqlite)}`;
  return {
    ...shared,
    appservice: { ...appservice, registration: resolve(folder, appservice.registration) },
    database: { url },
    secrets: { ...secrets, keyFile: resolve(folder, secrets.keyFile) },
    ...(puppets === undefined ? {} : { double_puppet: { registration: resolve(folder, puppets.registration) } }),
  };
}

const secretKey = /pass(?:word|phrase|wd)?$|token$|secret$|privatekey$|^key$/i;

/** Everything in the config that is a secret by its key, and passwords inside URLs. */
function secretsIn(values: unknown, key = ""): string[] {
  if (typeof values === "string") {
    const inUrl = URL.parse(values)?.password ?? "";
    return [...(secretKey.test(key) ? [values] : []), ...(inUrl === "" ? [] : [inUrl, decoded(inUrl)])];
  }
  if (typeof values !== "object" || values === null) return [];
  return Object.entries(values).flatMap(([name, value]) => secretsIn(value, name));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same file with some values replaced; comments, order and everything else stay as the admin wrote them. */
export function rewriteConfig(
  text: string,
  changes: readonly { readonly path: Path; readonly value: unknown }[],
): string {
  const document = parseDocument(text);
  for (const { path, value } of changes) {
    const existing = document.getIn(path, true);
    // Setting the scalar's value keeps the comment that stands behind it.
    if (isScalar(existing)) existing.value = value;
    else document.setIn(path, value);
  }
  return document.toString({ lineWidth: 0 });
}
