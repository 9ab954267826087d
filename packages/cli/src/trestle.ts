/**
 * The `trestle` command: names a span and what to do with it, and starts that span's own program. It imports no span and knows no
 * network; what a verb does is said by the span itself.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const packages = new URL("../../", import.meta.url);

/** Verbs that are put to a running span, over its admin server. */
const asked = ["status", "links", "failures", "retry", "link", "unlink", "pause", "resume"] as const;
const direct = ["run", "check", "register", "rotate-key", "export", "restore", "example"] as const;

const usageExit = 64;

const help = (
  spans: readonly string[],
): string => `trestle VERB SPAN [options]     spans here: ${spans.join(", ") || "none"}

  Setting up
    trestle example irc > irc.yaml             a config to begin with
    trestle register irc --server synapse      the registration for your homeserver, and what to do with it
                                               (synapse, conduit, conduwuit, continuwuity, tuwunel, dendrite)
    trestle register double-puppet --server synapse
                                               the same for the registration that lets people act as themselves
    trestle check irc                          what is not right yet, and how to mend it
    trestle run irc                            bridge until stopped

  While it runs
    trestle status irc                         connections, queues, whether it is ready
    trestle links irc                          which room is joined to which channel
    trestle link irc '!room:server' libera '#channel'       and unlink, pause, resume likewise
    trestle failures irc                       messages that were given up, and why
    trestle retry irc NUMBER                   send one of them again


  Keeping it
    trestle export irc > links.yaml            all links, to be kept
    trestle restore irc links.yaml             and made again from that
    trestle rotate-key irc                     a new key for the secrets in the database (stop the span first)

  Every verb takes --config FILE; without it the config is SPAN.yaml in the current folder.
`;

/** The programs of the spans that are here, built or as source. */
function findSpans(): Map<string, readonly string[]> {
  const spans = new Map<string, readonly string[]>();
  for (const name of readdirSync(packages)) {
    if (name === "cli") continue;
    const built = fileURLToPath(new URL(`${name}/dist/main.js`, packages));
    const source = fileURLToPath(new URL(`${name}/src/main.ts`, packages));
    if (existsSync(built)) spans.set(name, [built]);
    else if (existsSync(source)) spans.set(name, ["--conditions=source", source]);
  }
  return spans;
}

/** Resolves to the exit code; the span's own output goes straight to the terminal. */
export async function trestle(args: readonly string[], out: (text: string) => void): Promise<number> {
  const spans = findSpans();
  const names = [...spans.keys()];
  const [verb, span, ...rest] = withSpan(args, names);
  if (verb === undefined || ["help", "--help", "-h"].includes(verb)) {
    out(help(names));
    return 0;
  }
  const wrong = problemOf(verb, span, names);
  const program = spans.get(span ?? "");
  if (wrong !== undefined || program === undefined) {
    process.stderr.write(`${wrong}\n`);
    return usageExit;
  }
  const isDirect = direct.some((one) => one === verb);
  return run([...program, ...(isDirect ? [verb, ...rest] : askArguments(verb, rest))]);
}

const doublePuppet = "double-puppet";

/**
 * `register double-puppet` needs no span: one whose config is here knows the homeserver. It is put as `register irc double-puppet`.
 */
function withSpan(args: readonly string[], spans: readonly string[]): readonly string[] {
  const [verb, what, ...rest] = args;
  if (verb !== "register" || what !== doublePuppet) return args;
  const [named = ""] = rest;
  if (spans.includes(named)) return [verb, named, what, ...rest.slice(1)];
  const span = spans.find((name) => existsSync(`${name}.yaml`)) ?? spans[0];
  return span === undefined ? args : [verb, span, what, ...rest];
}

function problemOf(verb: string, span: string | undefined, spans: readonly string[]): string | undefined {
  const verbs: readonly string[] = [...direct, ...asked];
  if (!verbs.includes(verb)) {
    const begins = verbs.find((one) => one.startsWith(verb.slice(0, 3)));
    return `trestle has no verb "${verb}".${begins === undefined ? "" : ` Did you mean "${begins}"?`} See: trestle help`;
  }
  if (span === undefined || span.startsWith("-"))
    return `Which span? For example: trestle ${verb} ${spans[0] ?? "irc"}`;
  if (!spans.includes(span)) return `There is no span "${span}" here. There is: ${spans.join(", ") || "none"}`;
  return undefined;
}

/** `retry irc 17 --config x.yaml` is put to the span as `ask --config x.yaml -- retry 17`. */
function askArguments(verb: string, rest: readonly string[]): string[] {
  const words: string[] = [];
  const options: string[] = [];
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? "";
    if (word === "--config" || word === "-c") options.push(word, rest[++index] ?? "");
    else if (word.startsWith("--config=")) options.push(word);
    else words.push(word);
  }
  return ["ask", ...options, "--", verb, ...words];
}

/** Runs the span's program in our place: same terminal, signals passed on, its exit code ours. */
function run(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal reaches the child by itself.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  process.on("SIGINT", passOn).on("SIGTERM", passOn);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", passOn).off("SIGTERM", passOn);
      resolve(code ?? (signal === null ? 1 : 128));
    });
  });
}
