/**
 * `register`: writes the registration for the homeserver at hand and says what to do with it. Tokens that stand in the file are
 * kept, because a homeserver may know them already.
 */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { BridgeError } from "@trestle/core";
import type { ServerKind } from "@trestle/matrix";
import { type LoadedConfig, rewriteConfig } from "./config-file.ts";
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
  /** A path, `-` for standard output; where the config says when absent. */
  readonly out?: string;
  readonly force: boolean;
  readonly placeholders: boolean;
}

export function register<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  options: RegisterOptions,
  terminal: Terminal,
): number {
  const { server } = options;
  const wanted = (tokens?: { as: string; hs: string }) =>
    printRegistration(wantedRegistration(span.name, config.shared, server, tokens));
  if (options.out === "-") {
    terminal.out(wanted(options.placeholders ? placeholderTokens : undefined));
    return exitCodes.done;
  }
  const path = options.out === undefined ? config.shared.appservice.registration : resolve(options.out);
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
  pointConfigAt(config, path, terminal);
  hints(config, server, terminal);
  terminal.out(nextStep({ span: span.name, server, serverName: config.shared.homeserver.name, path, text }));
  return exitCodes.done;
}

/** A registration written elsewhere than the config says would never be read. */
function pointConfigAt<C>(config: LoadedConfig<C>, path: string, terminal: Terminal): void {
  if (path === config.shared.appservice.registration) return;
  const folder = dirname(config.file);
  const value = path.startsWith(folder) ? `./${relative(folder, path)}` : path;
  const text = readFileSync(config.file, "utf8");
  rewriteFile(config.file, rewriteConfig(text, [{ path: ["appservice", "registration"], value }]));
  terminal.err(`${config.file} now says appservice.registration: ${value}\n\n`);
}

function hints<C>({ shared }: LoadedConfig<C>, server: ServerKind, terminal: Terminal): void {
  const { profile, url } = shared.homeserver;
  if (profile !== undefined && profile !== server) {
    terminal.err(`Note: the config says homeserver.profile: ${profile}, this registration is for ${server}.\n\n`);
  }
  if (isLoopback(shared.appservice.url) && !isLoopback(url)) {
    terminal.err(
      `Note: appservice.url is ${shared.appservice.url}, which only a homeserver on this machine can reach, but homeserver.url is elsewhere.\n\n`,
    );
  }
}

const isLoopback = (url: string): boolean => /^https?:\/\/(?:127\.|localhost\b|\[::1\])/.test(url);
