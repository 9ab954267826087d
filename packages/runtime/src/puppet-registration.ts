/**
 * The double-puppet registration: with its token the homeserver lets us act for its own people. One for all spans of a homeserver.
 * It claims nobody (its pattern is not exclusive) and is pushed nothing (`url: null`).
 */
import { randomBytes } from "node:crypto";
import { BridgeError } from "@trestle/core";
import type { Registration, RegistrationProblem } from "@trestle/matrix";
import { parse } from "yaml";
import { readRegistrationText } from "./registration-file.ts";

const senderLocalpart = "_trestle_doublepuppet";

export function makePuppetRegistration(
  serverName: string,
  tokens?: { readonly as: string; readonly hs: string },
): Registration {
  const server = serverName.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return {
    id: "trestle-doublepuppet",
    url: null,
    as_token: tokens?.as ?? randomBytes(32).toString("hex"),
    hs_token: tokens?.hs ?? randomBytes(32).toString("hex"),
    sender_localpart: senderLocalpart,
    rate_limited: false,
    namespaces: { users: [{ exclusive: false, regex: `^@.*:${server}$` }], aliases: [], rooms: [] },
  };
}

/** Reads one and throws `registration-mismatch` with everything that is wrong with it. */
export function loadPuppetRegistration(path: string, serverName: string): Registration {
  const text = readRegistrationText(path);
  if (text === undefined) {
    throw new BridgeError(
      "registration-mismatch",
      `there is no double-puppet registration at ${path}: \`trestle register double-puppet\` writes it`,
    );
  }
  const file = parsed(text);
  const problems = checkPuppetRegistration(file, serverName);
  if (problems.length > 0) {
    const lines = problems.map(({ path: at, problem, mend }) => `${at}: ${problem} ${mend}`);
    throw new BridgeError("registration-mismatch", `${path}\n${lines.join("\n")}`);
  }
  return file as Registration;
}

/** What would keep it from working, or make it do harm; empty when it is sound. Takes anything. */
function checkPuppetRegistration(given: unknown, serverName: string): RegistrationProblem[] {
  const anew = "Write it with `trestle register double-puppet`.";
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return [{ path: "", problem: "The registration is not a mapping of keys.", mend: anew }];
  }
  const file = given as Record<string, unknown>;
  const problems: RegistrationProblem[] = [];
  const say = (path: string, problem: string, mend = anew) => problems.push({ path, problem, mend });
  for (const key of ["id", "as_token", "hs_token", "sender_localpart"]) {
    const value = file[key];
    // as the log's redactor leaves it readable
    const name = key.replace("_", " ");
    if (typeof value !== "string" || value === "") say(name, "It is missing or no text.");
    else if (key.endsWith("_token") && (value.length < 16 || /^(?:CHANGE|REPLACE|<|placeholder)/i.test(value))) {
      say(name, "It is a placeholder or too short to be a secret.");
    }
  }
  if (file["url"] !== null && file["url"] !== "") {
    say("url", "The homeserver would push every event to it.", "Set `url: null`.");
  }
  if (file["rate_limited"] !== false) say("rate_limited", "People are rate limited.", "Set `rate_limited: false`.");
  const users = (file["namespaces"] as { users?: unknown } | null | undefined)?.users;
  const patterns = Array.isArray(users) ? (users as { exclusive?: unknown; regex?: unknown }[]) : [];
  if (patterns.some((one) => one?.exclusive !== false)) {
    say("namespaces.users", "A pattern is exclusive: nobody could log in any more.", "Set `exclusive: false`.");
  }
  const somebody = `@somebody:${serverName}`;
  if (!patterns.some((one) => typeof one?.regex === "string" && matches(one.regex, somebody))) {
    say("namespaces.users", `No pattern covers the people of this homeserver, like ${somebody}.`);
  }
  return problems;
}

function matches(regex: string, text: string): boolean {
  try {
    return new RegExp(regex).test(text);
  } catch {
    return false;
  }
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
