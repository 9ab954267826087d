/**
 * `register`: writes a registration (the span's, or the one for acting as people themselves) for the homeserver at hand and says what to do with it. Tokens that stand in the file are
 * kept, because a homeserver may know them already.
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { BridgeError } from "@trestle/core";
import { makePuppetRegistration, type Registration, type ServerKind } from "@trestle/matrix";
import { type LoadedConfig, rewriteConfig } from "./config-file.ts";
import { isLoopback } from "./config-values.ts";
import { exitCodes } from "./exit-codes.ts";
import { nextStep } from "./next-step.ts";
import {
  placeholderTokens,
  printRegistration,
  readRegistrationText,
  tokensOf,
  wantedRegistration,
} from "./registration-file.ts";
import type { Span, Terminal } from "./span.ts";
import { rewriteFile, writeSecretFile } from "./write-file.ts";

export interface RegisterOptions {
  readonly server: ServerKind;
  /** The span's own, or the one for acting as people themselves. */
  readonly what: "span" | "double-puppet";
  /** A path, `-` for standard output; where the config says when absent. */
  readonly out?: string;
  readonly force: boolean;
  readonly placeholders: boolean;
}

type Tokens = { readonly as: string; readonly hs: string };

/** One of the files that `register` writes. */
interface Subject {
  make(tokens?: Tokens): Registration;
  /** Where the config says that it stands. */
  readonly path: string;
  /** The key that says so, and whether it does. */
  readonly key: readonly string[];
  readonly configured: boolean;
}

export function register<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  options: RegisterOptions,
  terminal: Terminal,
): number {
  const { server, what } = options;
  const subject = subjectOf(span, config, options);
  const wanted = (tokens?: Tokens) => printRegistration(subject.make(tokens));
  if (options.out === "-") {
    terminal.out(wanted(options.placeholders ? placeholderTokens : undefined));
    return exitCodes.done;
  }
  const path = options.out === undefined ? subject.path : resolve(options.out);
  const before = readRegistrationText(path);
  const kept = before === undefined || options.force ? undefined : tokensOf(before);
  if (before !== undefined && kept === undefined && !options.force && !before.includes(placeholderTokens.as)) {
    throw new BridgeError("registration-mismatch", `${path} exists and is no registration. --force writes over it`);
  }
  const text = wanted(options.placeholders ? placeholderTokens : kept);
  if (text === before) {
    terminal.err(`${path} is already right for ${server}; nothing changed.\n\n`);
  } else {
    writeSecretFile(path, text);
    const tokens = kept === undefined ? "with new tokens" : "with the tokens it had";
    terminal.err(`Wrote ${path} for ${server}, ${tokens}, readable by this user only.\n\n`);
  }
  if (path !== subject.path || !subject.configured) pointConfigAt(config, subject.key, path, terminal);
  if (what === "span") hints(config, server, terminal);
  terminal.out(nextStep({ span: span.name, what, server, serverName: config.shared.homeserver.name, path, text }));
  return exitCodes.done;
}

function subjectOf<C>(span: Span<C>, { shared, file }: LoadedConfig<C>, options: RegisterOptions): Subject {
  if (options.what === "double-puppet") {
    const { double_puppet: configured, homeserver } = shared;
    return {
      make: (tokens) =>
        makePuppetRegistration({
          serverName: homeserver.name,
          server: options.server,
          ...(tokens === undefined ? {} : { tokens }),
        }),
      path: configured?.registration ?? join(dirname(file), "doublepuppet.yaml"),
      key: ["double_puppet", "registration"],
      configured: configured !== undefined,
    };
  }
  return {
    make: (tokens) => wantedRegistration(span.name, shared, options.server, tokens),
    path: shared.appservice.registration,
    key: ["appservice", "registration"],
    configured: true,
  };
}

/** A registration written elsewhere than the config says would never be read. */
function pointConfigAt<C>(config: LoadedConfig<C>, key: readonly string[], path: string, terminal: Terminal): void {
  const folder = dirname(config.file);
  const value = path.startsWith(`${folder}/`) ? `./${relative(folder, path)}` : path;
  const text = readFileSync(config.file, "utf8");
  rewriteFile(config.file, rewriteConfig(text, [{ path: key, value }]));
  terminal.err(`${config.file} now says ${key.join(".")}: ${value}\n\n`);
}

function hints<C>({ shared }: LoadedConfig<C>, server: ServerKind, terminal: Terminal): void {
  const { profile, url } = shared.homeserver;
  if (profile !== undefined && profile !== server) {
    terminal.err(`Note: the config says homeserver.profile: ${profile}, this registration is for ${server}.\n\n`);
  }
  if (leadsHere(shared.appservice.url) && !leadsHere(url)) {
    terminal.err(
      `Note: appservice.url is ${shared.appservice.url}, which only a homeserver on this machine can reach, but homeserver.url is elsewhere.\n\n`,
    );
  }
}

const leadsHere = (url: string): boolean => isLoopback(new URL(url).hostname);
