/**
 * What an admin gets wrong: each mistake must end with one clear message and an exit code of its own, or with a retry that
 * says when it tries next; never with a stack trace.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Report } from "../report.ts";
import type { HomeserverUnderTest } from "../servers/homeserver-under-test.ts";
import { createSpan, quickIrcNetwork, type Span, type SpanRun } from "../span.ts";
import type { StageIrc } from "../stage.ts";
import { claim, pause } from "./scenario.ts";

export interface MistakesStage {
  readonly homeserver: HomeserverUnderTest;
  /** Wants the password `right` of every client. */
  readonly lockedIrc: StageIrc;
}

/** See packages/runtime/src/exit-codes.ts; written down here again because others' scripts rely on them. */
const codes = {
  configInvalid: 65,
  configMissing: 66,
  registration: 67,
  tokenRefused: 68,
  portTaken: 71,
  databaseLocked: 72,
} as const;

export async function mistakes({ homeserver, lockedIrc }: MistakesStage, report: Report, where: string): Promise<void> {
  const span = await createSpan({
    homeserver: { url: homeserver.url, name: homeserver.serverName },
    serverKind: homeserver.registerAs,
    networks: { local: quickIrcNetwork(lockedIrc.host, lockedIrc.port, { password: "wrong" }) },
  });
  const check = (what: string, run: () => Promise<void>): Promise<boolean> =>
    report.check(`${where}: ${what}`, () => run().finally(() => span.stop("KILL")));
  try {
    await configMistakes(span, check);
    await registrationMistakes(span, homeserver, check);
    await check("an unreachable homeserver is said with the time of the next try", () => unreachable(span, homeserver));
    await check("a refused IRC password is said with the time of the next try", () => refusedPassword(span));
    await check("a second process on the same database ends with its own code", () => secondProcess(span));
    await check("a taken port ends with its own code", () => portTaken(span));
  } finally {
    await span.remove();
  }
}

type Check = (what: string, run: () => Promise<void>) => Promise<boolean>;

async function configMistakes(span: Span, check: Check): Promise<void> {
  const good = readFileSync(span.config, "utf8");
  const table: [string, (text: string) => string, RegExp][] = [
    [
      "a misspelt key is named with the nearest one",
      (text) => text.replace("homeserver:", "homeservr:"),
      /homeserver\b/,
    ],
    [
      "a value of the wrong kind is named with its path",
      (text) => text.replace("url: http", "url: htp"),
      /homeserver\.url/,
    ],
    ["what is no YAML is told with its line", (text) => `${text}\n  - : [`, /:\d+/],
  ];
  for (const [what, spoil, pattern] of table) {
    await check(`${what}, exit code ${codes.configInvalid}`, async () => {
      writeFileSync(span.config, spoil(good));
      ended(await span.command(["run", "--config", span.config]), codes.configInvalid, pattern);
    });
    writeFileSync(span.config, good);
  }
  await check(`a config that is not there, exit code ${codes.configMissing}`, async () => {
    const path = `${span.config}.elsewhere`;
    ended(await span.command(["run", "--config", path]), codes.configMissing, /elsewhere/);
  });
}

const badLink = 'links: [{ room: "!x:y", network: nowhere, chat: "#a" }]';

async function registrationMistakes(span: Span, homeserver: HomeserverUnderTest, check: Check): Promise<void> {
  const run = (): Promise<SpanRun> => span.command(["run", "--config", span.config]);
  await check(`no registration: says how to write one, exit code ${codes.registration}`, async () => {
    ended(await run(), codes.registration, /register/);
  });
  await span.register();
  const config = readFileSync(span.config, "utf8");
  await check(`a link to an unknown network is refused, exit code ${codes.configInvalid}`, async () => {
    writeFileSync(span.config, config.replace("links: []", badLink));
    ended(await run(), codes.configInvalid, /nowhere/);
  });
  writeFileSync(span.config, config);
  const right = readFileSync(span.registration, "utf8");
  await check(`a registration of another bridge is refused, exit code ${codes.registration}`, async () => {
    writeFileSync(span.registration, right.replace(/sender_localpart: .*/, "sender_localpart: somebody_else"));
    ended(await run(), codes.registration, /sender_localpart|somebody_else|register/);
  });
  writeFileSync(span.registration, right);
  await homeserver.addRegistration(span.registration);
  await check(`a registration the homeserver does not know, exit code ${codes.tokenRefused}`, async () => {
    writeFileSync(span.registration, right.replace(/as_token: \S+/, `as_token: ${"x".repeat(64)}`));
    ended(await run(), codes.tokenRefused, /registration/);
  });
  writeFileSync(span.registration, right);
}

async function unreachable(span: Span, homeserver: HomeserverUnderTest): Promise<void> {
  await homeserver.stop();
  try {
    await span.start({ until: "alive" });
    await logs(span, /cannot be reached[^\n]*nextTry|nextTry[^\n]*cannot be reached/i);
    claim(!(await span.ready()), "it says that it is ready");
    const checked = await span.command(["check", "--config", span.config]);
    claim(checked.code !== 0, "check finds nothing wrong");
    noStack(checked.out + checked.err + span.log());
  } finally {
    await homeserver.start();
  }
  await span.waitReady(40_000);
}

async function refusedPassword(span: Span): Promise<void> {
  await span.start({ until: "alive" });
  await logs(span, /password/i);
  const { out, err, code } = await span.command(["ask", "--config", span.config, "status"]);
  claim(code === 0, `ask status ended with ${code}: ${err}`);
  claim(/password|refused/i.test(out), `the status does not name the password: ${out}`);
  claim(/nextTry|waitMs/.test(span.log()), "the log does not say when it tries next");
  noStack(span.log());
}

async function secondProcess(span: Span): Promise<void> {
  await span.start({ until: "alive" });
  ended(
    await span.command(["run", "--config", span.config]),
    [codes.databaseLocked, codes.portTaken],
    /database|listen/i,
  );
}

async function portTaken(span: Span): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(span.appservicePort, "127.0.0.1", resolve));
  try {
    ended(
      await span.command(["run", "--config", span.config]),
      codes.portTaken,
      new RegExp(String(span.appservicePort)),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Ended by itself with this code, saying this, and no stack trace. */
function ended(run: SpanRun, code: number | readonly number[], pattern: RegExp): void {
  const said = run.out + run.err;
  const wanted = [code].flat();
  claim(run.code !== null, `it did not end by itself; it said:\n${said.slice(-1500)}`);
  claim(
    wanted.includes(run.code),
    `it ended with ${run.code} instead of ${wanted.join(" or ")}; it said:\n${said.slice(-1500)}`,
  );
  claim(pattern.test(said), `its message does not fit ${pattern}:\n${said.slice(-1500)}`);
  noStack(said);
}

function noStack(text: string): void {
  const trace = /\n\s+at \S.*:\d+:\d+|\\n\s+at \S+ \(/.exec(text);
  claim(
    trace === null,
    `there is a stack trace:\n${text.slice(Math.max(0, (trace?.index ?? 0) - 500), (trace?.index ?? 0) + 500)}`,
  );
}

async function logs(span: Span, pattern: RegExp): Promise<void> {
  for (const until = Date.now() + 20_000; !pattern.test(span.log()); await pause(100))
    claim(Date.now() < until, `the log never said ${pattern}:\n${span.log().slice(-4000)}`);
}
