/**
 * `check`: looks at everything that can keep a span from running, without running it, and says for each what is wrong and what
 * mends it. A span that is running meanwhile is no mistake.
 */
import { createServer } from "node:net";
import { BridgeError } from "@trestle/core";
import { type Key, openStore } from "@trestle/store";
import { checkKey, checkMediaUrl, checkPuppets, checkSealed, type Finding } from "./check-optional.ts";
import { linkProblems } from "./compose.ts";
import type { LoadedConfig } from "./config-file.ts";
import { pathText } from "./config-problems.ts";
import { parseHostPort } from "./config-values.ts";
import { exitCodeOf, exitCodes, mendOf, portMend } from "./exit-codes.ts";
import { probeHomeserver } from "./homeserver-probe.ts";
import { createLog } from "./log.ts";
import { loadRegistration } from "./registration-file.ts";
import { readKeys } from "./secret-key.ts";
import type { Span, Terminal } from "./span.ts";

/** Resolves to the exit code of the first thing that is wrong, 0 when nothing is. */
export async function check<C>(span: Span<C>, config: LoadedConfig<C>, terminal: Terminal): Promise<number> {
  const { shared } = config;
  const running = await isRunning(shared.admin.listen);
  const looks: readonly (() => Promise<Finding | undefined> | Finding | undefined)[] = [
    () => ({ ok: true, says: `config: ${config.file}` }),
    () => checkRegistration(span, config),
    () => checkHomeserver(span, config),
    () => checkPuppets(span.name, shared),
    () => checkPort("appservice.listen", shared.appservice.listen, running),
    () => checkPort("admin.listen", shared.admin.listen, running),
    () => checkKey(shared),
    () => checkDatabase(config, running),
    () => (shared.media === undefined ? undefined : checkPort("media.listen", shared.media.listen, running)),
    () => checkMediaUrl(shared),
    () => checkLinks(span, config),
    () => checkPermissions(config),
  ];
  let code: number = exitCodes.done;
  const said = new Set<string>();
  for (const look of looks) {
    const finding = await Promise.resolve().then(look).catch(asFinding);
    // What keeps several from looking is said by the first.
    if (finding === undefined || said.has(finding.says)) continue;
    said.add(finding.says);
    terminal.out(`${finding.ok ? "ok  " : "FAIL"}  ${finding.says.replaceAll("\n", "\n        ")}\n`);
    if (finding.mend !== undefined) terminal.out(`      -> ${finding.mend}\n`);
    if (!finding.ok && code === exitCodes.done) code = finding.code ?? exitCodes.checkFailed;
  }
  return code;
}

function asFinding(error: unknown): Finding {
  if (!(error instanceof BridgeError)) throw error;
  const mend = mendOf(error);
  return { ok: false, says: error.message, code: exitCodeOf(error), ...(mend === undefined ? {} : { mend }) };
}

function checkRegistration<C>(span: Span<C>, config: LoadedConfig<C>): Finding {
  loadRegistration(span.name, config.shared);
  return { ok: true, says: `registration: ${config.shared.appservice.registration} fits the config` };
}

async function checkHomeserver<C>(span: Span<C>, config: LoadedConfig<C>): Promise<Finding> {
  const { url, name } = config.shared.homeserver;
  const registration = loadRegistration(span.name, config.shared);
  const probe = await probeHomeserver(config.shared, registration);
  switch (probe.kind) {
    case "accepted":
      return { ok: true, says: `homeserver: ${url} is there and takes the token` };
    case "unreachable":
      return {
        ok: false,
        says: `homeserver: ${url}: ${probe.why}`,
        mend: "See that the homeserver runs and that homeserver.url is its client API as seen from here.",
      };
    case "refused":
      return {
        ok: false,
        says: `homeserver: ${url} does not know the token (${probe.why})`,
        mend: "Load the registration into the homeserver and restart it where it asks for that: `trestle register` says how.",
        code: exitCodes.tokenRefused,
      };
    case "other-name":
      return {
        ok: false,
        says: `homeserver: ${url} does not take the bot of ${name}: ${probe.why}`,
        mend: "homeserver.name must be the server's own name, and the registration must have been loaded since it was last written.",
        code: exitCodes.registration,
      };
    default:
      return probe satisfies never;
  }
}

async function checkPort(key: string, text: string, running: boolean): Promise<Finding> {
  const listen = parseHostPort(text);
  if (running) return { ok: true, says: `${key}: ${text} is in use by this span, which is running` };
  const problem = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: listen?.host, port: listen?.port, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    );
  });
  if (problem === undefined) return { ok: true, says: `${key}: ${text} is free` };
  const words: Record<string, string> = {
    EADDRINUSE: "is taken by another program",
    EADDRNOTAVAIL: "is no address of this machine",
    EACCES: "may not be used by this user",
  };
  return {
    ok: false,
    says: `${key}: ${text} ${words[problem] ?? `cannot be used (${problem})`}`,
    code: exitCodes.portTaken,
    mend: portMend(key, problem),
  };
}

async function checkDatabase<C>({ shared, secrets }: LoadedConfig<C>, running: boolean): Promise<Finding> {
  const { url } = shared.database;
  const shown = url.replace(/:\/\/[^@/]*@/, "://");
  const keys = soundKeys(shared.secrets);
  try {
    const store = await openStore({
      url,
      log: createLog({ level: "error", format: "json", secrets, write: () => {} }),
      keys: keys ?? [],
    });
    const sealed = await (keys === undefined ? Promise.resolve(0) : checkSealed(store)).finally(() => store.close());
    const opens = sealed === 0 ? "opens" : `opens, and so do its ${sealed} secrets`;
    return { ok: true, says: `database: ${shown} ${opens}` };
  } catch (error) {
    if (running && error instanceof BridgeError && error.code === "database-locked") {
      return { ok: true, says: `database: ${shown} is in use by this span, which is running` };
    }
    throw error;
  }
}

/** None where there is no key yet; undefined where it is no good, which is said by its own look. */
function soundKeys(secrets: Parameters<typeof readKeys>[0]): readonly Key[] | undefined {
  try {
    return readKeys(secrets) ?? [];
  } catch {
    return undefined;
  }
}

function checkLinks<C>(span: Span<C>, config: LoadedConfig<C>): Finding {
  const { links } = config.shared;
  const wrong = linkProblems(span.connector(config.span), links).map(
    ({ path, message }) => `${pathText(path)} ${message}`,
  );
  if (wrong.length === 0) return { ok: true, says: `links: ${links.length} in the config` };
  return {
    ok: false,
    says: wrong.join("\n"),
    mend: "Correct these links in the config.",
    code: exitCodes.configInvalid,
  };
}

function checkPermissions<C>({ shared }: LoadedConfig<C>): Finding {
  const levels = Object.values(shared.permissions).flatMap((given) =>
    typeof given === "string" ? [given] : Object.values(given),
  );
  if (levels.includes("admin")) return { ok: true, says: "permissions: somebody is admin" };
  return {
    ok: true,
    says: 'permissions: nobody is admin, so nobody can link rooms in chat (add "@you:server": admin)',
  };
}

/** Whether this span's own admin server answers. */
async function isRunning(listen: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${listen}/health`, { signal: AbortSignal.timeout(2_000) });
    return ((await answer.json()) as { status?: unknown }).status === "alive";
  } catch {
    return false;
  }
}
