/**
 * The registration as a file: written so that nobody else can read the tokens, read back with every mistake named. What belongs
 * into one for which homeserver is packages/matrix' knowledge.
 */
import { readFileSync } from "node:fs";
import { BridgeError } from "@trestle/core";
import type { ServerKind } from "@trestle/matrix";
import { checkRegistration, makeRegistration, type Registration } from "@trestle/matrix";
import { parse, stringify } from "yaml";
import type { SharedConfig } from "./config-shape.ts";

/** As they stand in registration/ of the repository; a span refuses to start with them. */
export const placeholderTokens = {
  as: "REPLACE-BY-trestle-register-as",
  hs: "REPLACE-BY-trestle-register-hs",
} as const;

/** The registration that this config wants, with fresh tokens unless some are given. */
export function wantedRegistration(
  span: string,
  config: SharedConfig,
  server: ServerKind,
  tokens?: { readonly as: string; readonly hs: string },
): Registration {
  return makeRegistration({
    span,
    server,
    serverName: config.homeserver.name,
    url: config.appservice.url,
    botLocalpart: config.appservice.bot,
    userPrefix: config.appservice.prefix,
    ...(tokens === undefined ? {} : { tokens }),
  });
}

export const printRegistration = (registration: Registration): string =>
  // In quotes, so that no YAML reader takes a token for a number or a pattern for anything else.
  stringify(registration, { lineWidth: 0, defaultStringType: "QUOTE_SINGLE", defaultKeyType: "PLAIN" });

/** As YAML gives it, unchecked; undefined when there is no such file. */
export function readRegistrationText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new BridgeError("registration-mismatch", `${path} cannot be read by this user (${code ?? "unknown reason"})`);
  }
}

/** The tokens of a registration that was written before, if it has both and they are real ones. */
export function tokensOf(text: string): { readonly as: string; readonly hs: string } | undefined {
  const file = parsedRegistration(text);
  const { as_token: as, hs_token: hs } = (file ?? {}) as { as_token?: unknown; hs_token?: unknown };
  if (typeof as !== "string" || typeof hs !== "string") return undefined;
  return as === placeholderTokens.as || as === "" || hs === "" || hs === placeholderTokens.hs ? undefined : { as, hs };
}

/** Reads the registration that a config names and compares the two. Throws `registration-mismatch` with every difference. */
export function loadRegistration(span: string, config: SharedConfig): Registration {
  const path = config.appservice.registration;
  const text = readRegistrationText(path);
  if (text === undefined) throw new BridgeError("registration-mismatch", `there is no registration at ${path}`);
  const file = parsedRegistration(text);
  const problems = checkRegistration(file).map(({ path: at, problem, mend }) => `${at}: ${problem} ${mend}`);
  if (problems.length === 0) problems.push(...differences(span, config, file as Registration));
  if (problems.length > 0) throw new BridgeError("registration-mismatch", `${path}\n${problems.join("\n")}`);
  return file as Registration;
}

function differences(span: string, config: SharedConfig, file: Registration): string[] {
  const wanted = wantedRegistration(span, config, config.homeserver.profile ?? "synapse", { as: "", hs: "" });
  const problems: string[] = [];
  for (const key of ["url", "sender_localpart"] as const) {
    if (file[key] !== wanted[key]) {
      problems.push(`${key}: The registration says ${String(file[key])}, the config ${String(wanted[key])}.`);
    }
  }
  const ghost = `@${config.appservice.prefix}x:${config.homeserver.name}`;
  if (!file.namespaces.users.some(({ regex }) => new RegExp(regex).test(ghost))) {
    problems.push(`namespaces.users: No pattern covers the ghosts of this config, like ${ghost}.`);
  }
  return problems;
}

/** As YAML gives it; undefined for what is no YAML. */
export function parsedRegistration(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
