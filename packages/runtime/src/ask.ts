/** `ask`: puts one command to the running span over its admin server and prints the answer. */

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
  const { listen, token } = config.shared.admin;
  const bearer = token ?? adminToken(undefined, loadRegistration(span.name, config.shared));
  let response: Response;
  try {
    response = await fetch(`http://${listen}/command`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ line }),
      signal: AbortSignal.timeout(30_000),
    });
  } catch {
    terminal.err(
      `The ${span.name} span does not answer at ${listen} (admin.listen). Is it running? trestle run ${span.name}\n`,
    );
    return exitCodes.notRunning;
  }
  const body = (await response.json().catch(() => ({}))) as { answer?: unknown; error?: unknown };
  if (response.ok && typeof body.answer === "string") {
    terminal.out(`${body.answer}\n`);
    return exitCodes.done;
  }
  const why = typeof body.error === "string" ? body.error : `status ${response.status}`;
  terminal.err(`The span at ${listen} did not take the command: ${why}.\n`);
  return exitCodes.notRunning;
}
