/**
 * Environment variables over the config file: TRESTLE_<SECTION>_<KEY>, and TRESTLE_..._FILE for a secret that stands in a file.
 * It reads the names from the config's own schema, so a new key needs nothing here. Variables of other sections are not ours.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse as parseYaml } from "yaml";
import type { ConfigProblem } from "./config-problems.ts";
import { nearestName } from "./nearest-name.ts";

/** The part of JSON Schema that we look at. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

export interface Override {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  readonly variable: string;
}

export interface Overrides {
  readonly found: readonly Override[];
  readonly problems: readonly ConfigProblem[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says, against `schema` and the values that stand in the file (for the names of networks and the like). */
export function readOverrides(env: Environment, schema: SchemaNode, values: unknown, folder: string): Overrides {
  const found: Override[] = [];
  const problems: ConfigProblem[] = [];
  for (const [variable, text] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (text === undefined || !variable.startsWith("TRESTLE_")) continue;
    const name = variable.slice("TRESTLE_".length);
    const sections = Object.keys(schema.properties ?? {});
    if (!sections.some((section) => `${name}_`.startsWith(`${upperSnake(section)}_`))) continue;
    const plain = findPath(name, schema, values);
    const inFile = name.endsWith("_FILE") ? findPath(name.slice(0, -"_FILE".length), schema, values) : undefined;
    const place = `environment variable ${variable}`;
    if (plain !== undefined) {
      found.push({ path: plain.path, value: read(text, plain.node), variable });
    } else if (inFile !== undefined) {
      try {
        const content = readFileSync(resolve(folder, text), "utf8").replace(/\r?\n$/, "");
        found.push({ path: inFile.path, value: read(content, inFile.node), variable });
      } catch {
        problems.push({ path: inFile.path, place, message: `should be in the file ${text}, which cannot be read` });
      }
    } else {
      const nearest = nearestName(name.replace(/_FILE$/, ""), allNames(schema));
      const mend = nearest === undefined ? "" : ` Did you mean TRESTLE_${nearest}?`;
      problems.push({ path: [], place, message: `names no key of the config.${mend}` });
    }
  }
  return { found, problems };
}

/** Puts the overrides into a copy of the file's values. */
export function applyOverrides(values: unknown, overrides: readonly Override[]): unknown {
  if (typeof values !== "object" || values === null) return values;
  const top = structuredClone(values);
  for (const { path, value } of overrides) {
    let at = top as Record<string | number, unknown>;
    for (const key of path.slice(0, -1)) {
      if (typeof at[key] !== "object" || at[key] === null) at[key] = {};
      at = at[key] as Record<string | number, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) at[last] = value;
  }
  return top;
}

/** `textDays` is TEXT_DAYS, `libera-chat` is LIBERA_CHAT. */
const upperSnake = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]/g, "_")
    .toUpperCase();

interface Found {
  readonly path: readonly (string | number)[];
  readonly node: SchemaNode;
}

function findPath(name: string, schema: SchemaNode, values: unknown): Found | undefined {
  for (const [key, node] of children(schema, values)) {
    const part = upperSnake(String(key));
    const value = (values as Record<string | number, unknown> | undefined)?.[key];
    if (name === part) {
      const leaf = !isObject(node);
      if (leaf) return { path: [key], node };
    } else if (name.startsWith(`${part}_`)) {
      const deeper = findPath(name.slice(part.length + 1), node, value);
      if (deeper !== undefined) return { path: [key, ...deeper.path], node: deeper.node };
    }
  }
  return undefined;
}

/** Keys that may stand in this node: the named ones, and for open sections and lists those that do stand in the file. */
function children(schema: SchemaNode, values: unknown): [string | number, SchemaNode][] {
  const list: [string | number, SchemaNode][] = Object.entries(schema.properties ?? {});
  for (const option of schema.anyOf ?? []) list.push(...children(option, values));
  if (typeof values === "object" && values !== null) {
    const open = schema.additionalProperties;
    if (typeof open === "object" && !Array.isArray(values)) {
      for (const key of Object.keys(values)) if (schema.properties?.[key] === undefined) list.push([key, open]);
    }
    const { items } = schema;
    if (items !== undefined && Array.isArray(values)) for (const index of values.keys()) list.push([index, items]);
  }
  return list;
}

const isObject = (node: SchemaNode): boolean =>
  node.type === "object" || node.type === "array" || node.properties !== undefined;

/** A text where the schema wants one, however much it looks like a number; else what YAML makes of it. */
function read(text: string, node: SchemaNode): unknown {
  if (node.type === "string") return text;
  try {
    return parseYaml(text);
  } catch {
    return text;
  }
}

function allNames(schema: SchemaNode, prefix = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, node]) => {
    const name = `${prefix}${upperSnake(key)}`;
    return isObject(node) ? allNames(node, `${name}_`) : [name];
  });
}
