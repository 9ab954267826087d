/**
 * `export` and `restore`: all links of the running span as a file of YAML, and back. What stands in a link is the core's matter; here
 * it is only seen that the file is whole and meant for this span before anything is asked.
 */
import { readFileSync } from "node:fs";
import { LineCounter, parseDocument, stringify } from "yaml";
import { z } from "zod";
import { putCommand } from "./ask.ts";
import type { LoadedConfig } from "./config-file.ts";
import { configWords, pathText } from "./config-problems.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Span, Terminal } from "./span.ts";

/** Links are made one after another, each with questions to the homeserver; Node itself gives up after five minutes. */
const restoreTimeoutMs = 290_000;
const version = 1;

const documentShape = z.object({
  version: z.literal(version, { error: `must be ${version}: this is no export, or one of another Trestle` }),
  span: z.string(),
  links: z.array(z.looseObject({ room: z.string(), network: z.string(), chat: z.string() })),
});
type LinksDocument = z.output<typeof documentShape>;

export async function exportLinks<C>(span: Span<C>, config: LoadedConfig<C>, terminal: Terminal): Promise<number> {
  const answer = await putCommand(span, config, "links export", terminal);
  if (answer === undefined) return exitCodes.notRunning;
  const document = readLinks(answer, span.name);
  if (typeof document === "string") {
    terminal.err(`The span did not give its links: ${answer.slice(0, 300)}\n`);
    return exitCodes.internal;
  }
  terminal.out(
    `# All links of the ${span.name} span. To make them again: trestle restore ${span.name} FILE\n${stringify(document, { lineWidth: 0 })}`,
  );
  return exitCodes.done;
}

/** Resolves to 0 when every link is there afterwards. */
export async function restoreLinks<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  path: string,
  terminal: Terminal,
): Promise<number> {
  const wrong = (why: string): number => {
    terminal.err(`${path === "-" ? "standard input" : path}: ${why}\n`);
    return exitCodes.configInvalid;
  };
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    terminal.err(`${path} ${code === "ENOENT" ? "is not there" : `cannot be read (${code})`}\n`);
    return exitCodes.configMissing;
  }
  const document = readLinks(text, span.name);
  if (typeof document === "string") return wrong(document);
  if (document.links.length === 0) return wrong("there are no links in it");
  const answer = await putCommand(span, config, `links restore ${oneWord(document)}`, terminal, restoreTimeoutMs);
  if (answer === undefined) return exitCodes.notRunning;
  terminal.out(`${answer}\n`);
  const isThere = (line: string) => /: (?:made \(link \d+\)|there already)$/.test(line);
  return answer.split("\n").every(isThere) ? exitCodes.done : exitCodes.checkFailed;
}

/** The document, or what is wrong with it. YAML holds JSON as well. */
function readLinks(text: string, span: string): LinksDocument | string {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    return `line ${line}, column ${col}: this is no valid YAML: ${broken.message.replace(/\s+/g, " ")}`;
  }
  let values: unknown;
  try {
    values = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return `its aliases cannot be followed: ${(error as Error).message}`;
  }
  const parsed = documentShape.safeParse(values, { error: configWords });
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    const place = pathText((first?.path ?? []).map((key) => (typeof key === "number" ? key : String(key))));
    return `this is not what \`export\` writes: ${place === "" ? "it" : place} ${first?.message}`;
  }
  if (parsed.data.span !== span) return `these are links of the ${parsed.data.span} span, and this is ${span}`;
  return parsed.data;
}

/** A command line is taken apart at its blanks: JSON has them inside texts only, where they can be written otherwise. */
const oneWord = (document: LinksDocument): string =>
  JSON.stringify(document).replace(/\s/gu, (blank) => `\\u${blank.charCodeAt(0).toString(16).padStart(4, "0")}`);
