/**
 * The double-puppet registration as a file: read back with every mistake named. What belongs into one is packages/matrix'
 * knowledge; what a file must have beyond that, because nobody else looks, is said here.
 */
import { BridgeError, userId } from "@trestle/core";
import { checkPuppetRegistration, type Registration } from "@trestle/matrix";
import { parsedRegistration, readRegistrationText, tokensOf } from "./registration-file.ts";

const tokenLengthMin = 16;

/** `span` is the bridge's own. Throws `registration-mismatch` with everything that is wrong. */
export function loadPuppetRegistration(path: string, serverName: string, span: Registration): Registration {
  const text = readRegistrationText(path);
  if (text === undefined) {
    throw new BridgeError(
      "registration-mismatch",
      `there is no double-puppet registration at ${path}: \`trestle register double-puppet\` writes it`,
    );
  }
  const file = parsedRegistration(text);
  const problems = checkPuppetRegistration(file, { span, user: userId(`@somebody:${serverName}`) }).map(
    ({ path: at, problem, mend }) => `${problem} ${mend}${at === "" ? "" : ` (${at})`}`,
  );
  if (problems.length === 0) problems.push(...whatIsMissing(text, file as Readonly<Record<string, unknown>>));
  if (problems.length > 0) throw new BridgeError("registration-mismatch", `${path}\n${problems.join("\n")}`);
  return file as Registration;
}

function whatIsMissing(text: string, file: Readonly<Record<string, unknown>>): string[] {
  const tokens = tokensOf(text);
  const missing = ["id", "url", "rate_limited", "namespaces"].filter((key) => file[key] === undefined);
  return [
    ...(missing.length === 0 ? [] : [`The double-puppet registration has no ${missing.join(", ")}.`]),
    ...(tokens === undefined || Math.min(tokens.as.length, tokens.hs.length) < tokenLengthMin
      ? ["Its tokens are placeholders, too short, or missing: `trestle register double-puppet` makes real ones."]
      : []),
  ];
}
