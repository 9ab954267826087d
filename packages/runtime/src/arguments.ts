/** The command line of a span's main program, taken apart. Pure; what is wrong comes out as a UsageError with the help text. */
import { parseArgs } from "node:util";
import { type ServerKind, serverKinds } from "@trestle/matrix";
import { nearestName } from "./nearest-name.ts";

export type SpanCommand =
  | { readonly verb: "run" | "check" | "rotate-key" | "export"; readonly config: string }
  | {
      readonly verb: "register";
      readonly config: string;
      readonly what: "span" | "double-puppet";
      readonly server: ServerKind;
      readonly out?: string;
      readonly force: boolean;
      readonly placeholders: boolean;
    }
  | { readonly verb: "restore"; readonly config: string; readonly file: string }
  | { readonly verb: "ask"; readonly config: string; readonly line: string }
  | { readonly verb: "example" }
  | { readonly verb: "help" };

/** A wrong command line; its message is for people. */
export class UsageError extends Error {}

const verbs = ["run", "check", "register", "rotate-key", "export", "restore", "example", "ask", "help"] as const;

/** What each verb does; `name` is the span's. */
export const spanHelp = (name: string): string => `The ${name} span of Trestle

  run --config FILE        bridge until stopped (SIGTERM drains first)
  check --config FILE      look at the config, registration, homeserver, database and port, and say what to mend
  register --server KIND --config FILE [--out FILE] [--force]
                           write the registration for this homeserver (${serverKinds.join(", ")});
                           tokens that stand in the file are kept unless --force; --out - prints it instead
  register double-puppet --server KIND --config FILE [--out FILE] [--force]
                           the same for the registration that lets people act as themselves; one for all spans
  rotate-key --config FILE a new secret key, and everything in the database sealed with it; the span must be stopped
  export --config FILE     print all links of the running span, to be kept
  restore --config FILE LINKS
                           make the links again that \`export\` wrote into the file LINKS (- is standard input)
  example                  print a config to begin with
  ask --config FILE WORDS  put a command to the running span: status, links, failures, retry NUMBER, ...

Any key of the config can come from the environment: homeserver.url is TRESTLE_HOMESERVER_URL, and
TRESTLE_HOMESERVER_URL_FILE names a file that holds it.
`;

export function parseSpanArguments(args: readonly string[], name: string): SpanCommand {
  const [verb = "help", ...rest] = args;
  const known = verbs.find((one) => one === verb);
  if (known === undefined) {
    if (verb === "--help" || verb === "-h") return { verb: "help" };
    const nearest = nearestName(verb, verbs);
    throw new UsageError(
      `"${verb}" is no command of the ${name} span.${nearest === undefined ? "" : ` Did you mean "${nearest}"?`} Try \`help\`.`,
    );
  }
  if (known === "example" || known === "help") return { verb: known };
  const { values, positionals } = parse(rest, ["ask", "restore", "register"].includes(known));
  if (values.help === true) return { verb: "help" };
  const config = values.config ?? `${name}.yaml`;
  if (known === "ask") {
    if (positionals.length === 0) throw new UsageError("ask what? For example: ask status");
    return { verb: known, config, line: positionals.join(" ") };
  }
  if (known === "restore") {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError("restore which file? For example: restore links.yaml");
    return { verb: known, config, file };
  }
  if (known !== "register") return { verb: known, config };
  const [what = "span", ...others] = positionals;
  if ((what !== "span" && what !== "double-puppet") || others.length > 0) {
    throw new UsageError(`register what? Nothing more for the span itself, or: register double-puppet`);
  }
  const server = serverKinds.find((kind) => kind === values.server);
  if (server === undefined) {
    throw new UsageError(
      `say which homeserver this is for: --server ${serverKinds.join(" | ")}${values.server === undefined ? "" : ` ("${values.server}" is none of them)`}`,
    );
  }
  return {
    verb: known,
    config,
    what,
    server,
    ...(values.out === undefined ? {} : { out: values.out }),
    force: values.force ?? false,
    placeholders: values.placeholders ?? false,
  };
}

function parse(args: readonly string[], allowPositionals: boolean) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals,
      options: {
        config: { type: "string", short: "c" },
        server: { type: "string" },
        out: { type: "string" },
        force: { type: "boolean" },
        placeholders: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(". ")[0]}. Try \`help\`.`);
  }
}
