/** Puts one command to the running span over its admin server; `ask` prints the answer. */

import { adminToken } from "./compose.ts";
import type { LoadedConfig } from "./config-file.ts";
import { exitCodes } from "./exit-codes.ts";
import { loadRegistration } from "./registration-file.ts";
import type { Span, Terminal } from "./span.ts";

export async function ask<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  line: string,
  terminal: Terminal,
): Promise<number> {
  const answer = await putCommand(span, config, line, terminal);
  if (answer === undefined) return exitCodes.notRunning;
  terminal.out(`${answer}\n`);
  return exitCodes.done;
}

/** The answer; undefined when there is none, and why has been said. */
export async function putCommand<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  line: string,
  terminal: Terminal,
  timeoutMs = 30_000,
): Promise<string | undefined> {
  const { listen, token } = config.shared.admin;
  const bearer = token ?? adminToken(undefined, loadRegistration(span.name, config.shared));
  let response: Response;
  try {
    response = await fetch(`http://${listen}/command`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ line }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const words =
      error instanceof Error && error.name === "TimeoutError"
        ? `The ${span.name} span at ${listen} has not answered within ${timeoutMs / 1000} s; what was asked may still be under way.\n`
        : `The ${span.name} span does not answer at ${listen} (admin.listen). Is it running? trestle run ${span.name}\n`;
    terminal.err(words);
    return undefined;
  }
  const body = (await response.json().catch(() => ({}))) as { answer?: unknown; error?: unknown };
  if (response.ok && typeof body.answer === "string") return body.answer;
  const why = typeof body.error === "string" ? body.error : `status ${response.status}`;
  terminal.err(`The span at ${listen} did not take the command: ${why}.\n`);
  return undefined;
}
