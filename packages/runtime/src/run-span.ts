/**
 * The main program of every span: takes the command line apart, reads the config and does what was asked. An admin's mistake ends
 * with one clear message and its own exit code, never with a stack trace.
 */
import { asBridgeError, BridgeError } from "@trestle/core";
import { parseSpanArguments, spanHelp, UsageError } from "./arguments.ts";
import { ask } from "./ask.ts";
import { check } from "./check.ts";
import { loadConfig } from "./config-file.ts";
import { ConfigError } from "./config-problems.ts";
import { exampleConfig } from "./example-config.ts";
import { exitCodeOf, exitCodes, mendOf } from "./exit-codes.ts";
import { isExpected } from "./expected-error.ts";
import { exportLinks, restoreLinks } from "./links-file.ts";
import { createRedactor } from "./redact.ts";
import { register } from "./register.ts";
import { rotateKey } from "./rotate-key.ts";
import { run } from "./run.ts";
import type { Span, Terminal } from "./span.ts";

/** Runs the command of `argv` and ends the process with its exit code. */
export async function runSpan<C>(span: Span<C>, argv: readonly string[] = process.argv): Promise<never> {
  hushKnownWarning();
  const terminal: Terminal = {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  };
  const code = await spanCommand(span, argv.slice(2), process.env, terminal);
  process.exit(code);
}

/** The same without ending the process: resolves to the exit code. */
export async function spanCommand<C>(
  span: Span<C>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): Promise<number> {
  let secrets: readonly string[] = [];
  try {
    const command = parseSpanArguments(args, span.name);
    if (command.verb === "help") {
      terminal.out(spanHelp(span.name));
      return exitCodes.done;
    }
    if (command.verb === "example") {
      terminal.out(exampleConfig(span.name, span.example));
      return exitCodes.done;
    }
    const config = loadConfig(command.config, span, env);
    secrets = config.secrets;
    switch (command.verb) {
      case "run":
        return await run(span, config, terminal);
      case "check":
        return await check(span, config, terminal);
      case "register":
        return register(span, config, command, terminal);
      case "rotate-key":
        return await rotateKey(span, config, terminal);
      case "export":
        return await exportLinks(span, config, terminal);
      case "restore":
        return await restoreLinks(span, config, command.file, terminal);
      case "ask":
        return await ask(span, config, command.line, terminal);
      default:
        return command satisfies never;
    }
  } catch (error) {
    return explain(span.name, error, (text) => terminal.err(createRedactor(secrets).text(text)));
  }
}

function explain(name: string, error: unknown, say: (text: string) => void): number {
  if (error instanceof UsageError) {
    say(`${error.message}\n`);
    return exitCodes.usage;
  }
  if (error instanceof ConfigError) {
    say(`The config of the ${name} span has to be mended:\n${error.message.replace(/^/gm, "  ")}\n`);
    return error.missing ? exitCodes.configMissing : exitCodes.configInvalid;
  }
  const told = asBridgeError(error);
  const { message } = told;
  const mend = mendOf(told);
  say(`The ${name} span cannot go on: ${message}\n${mend === undefined ? "" : `-> ${mend}\n`}`);
  // Only what is a defect of ours is worth a trace.
  if (!(error instanceof BridgeError) && !isExpected(error))
    say(`This is a defect of the bridge:\n${error instanceof Error ? error.stack : message}\n`);
  return exitCodeOf(told);
}

/** A library of the SDK calls `util._extend` while it loads: known, harmless, and nothing an admin can mend. Other warnings stay. */
function hushKnownWarning(): void {
  const emit = process.emitWarning as (warning: string | Error, ...rest: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    const [first, second] = rest;
    const code = typeof first === "object" && first !== null ? (first as { code?: unknown }).code : second;
    if (code !== "DEP0060") emit.call(process, warning, ...rest);
  };
}
