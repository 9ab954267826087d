/**
 * `npm run e2e`: the bridge as production runs it, on real servers. Every combination of IRC server and database gets its own
 * stage on a fresh Synapse; a Conduit and a Dendrite join when TRESTLE_E2E_CONDUIT and TRESTLE_E2E_DENDRITE name the programs.
 * `--only REGEX` picks checks, `--stage REGEX` stages, `--sandbox` takes the stand-ins instead of the real servers, one for each family.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allIrcFeatures, type ProfileName, profileNames } from "@trestle/sandbox";
import { createReport, type Report } from "./report.ts";
import { dailyLife } from "./scenarios/daily-life.ts";
import { doublePuppet } from "./scenarios/double-puppet.ts";
import { encryptedRooms } from "./scenarios/encryption.ts";
import { homeserverRestarts } from "./scenarios/homeserver-restarts.ts";
import { largeFile } from "./scenarios/large-file.ts";
import { linkLife } from "./scenarios/link-life.ts";
import { mediaFiles } from "./scenarios/media-files.ts";
import { mistakes } from "./scenarios/mistakes.ts";
import { outages } from "./scenarios/outages.ts";
import { roomUpgrade } from "./scenarios/room-upgrade.ts";
import { saslAccount, saslLogin } from "./scenarios/sasl.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { sisterRooms } from "./scenarios/sister-rooms.ts";
import { twoBots } from "./scenarios/two-bots.ts";
import { createConduitUnderTest } from "./servers/conduit.ts";
import { createDendriteUnderTest } from "./servers/dendrite.ts";
import {
  createSandboxUnderTest,
  createSynapseUnderTest,
  type HomeserverKind,
  type HomeserverUnderTest,
} from "./servers/homeserver-under-test.ts";
import { createInspircd } from "./servers/inspircd.ts";
import { createInspircdServices, type InspircdServices } from "./servers/inspircd-services.ts";
import { createNgircd, farNgircdName } from "./servers/ngircd.ts";
import { findPostgres, type Postgres, startPostgres } from "./servers/postgres.ts";
import { installSynapse } from "./servers/synapse-install.ts";
import { buildStage, createRealStageIrc, createSandboxStageIrc, type Stage, type StageIrc } from "./stage.ts";

const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    stage: { type: "string" },
    json: { type: "string" },
    sandbox: { type: "boolean", default: false },
    "burst-messages": { type: "string" },
    "burst-restarts": { type: "string" },
    "file-megabytes": { type: "string", default: "50" },
    "sister-messages": { type: "string", default: "60" },
    "log-level": { type: "string", default: "info" },
    "keep-log": { type: "boolean", default: false },
  },
});

type IrcKind = StageIrc["kind"];
type DatabaseKind = "sqlite" | "postgres";

interface Plan {
  readonly homeserver: HomeserverKind;
  readonly irc: IrcKind;
  readonly database: DatabaseKind;
  readonly roomVersion?: string;
  readonly scenarios: readonly Scenario[];
}

const burst: Scenario = (stage, report, where) =>
  homeserverRestarts(stage, report, where, {
    messages: Number(given["burst-messages"] ?? (given.sandbox ? 200 : 500)),
    restarts: Number(given["burst-restarts"] ?? (given.sandbox ? 4 : 10)),
    speakers: 4,
  });

const everyday: readonly Scenario[] = [dailyLife, outages];
const sisters: Scenario = (stage, report, where) =>
  sisterRooms(stage, report, where, { messages: Number(given["sister-messages"]) });
const inDepth: readonly Scenario[] = [mediaFiles, sisters, roomUpgrade, twoBots];
// encryptedRooms spoils the link
const whole: readonly Scenario[] = [...everyday, linkLife, burst, ...inDepth, encryptedRooms];

const wanted = (stage: string): boolean => given.stage === undefined || new RegExp(given.stage).test(stage);

function plans(): Plan[] {
  if (given.sandbox)
    return profileNames.map((profile, at) => ({
      homeserver: `sandbox-${profile}`,
      irc: at % 2 === 0 ? "ngircd" : "inspircd",
      database: at % 3 === 2 && findPostgres() !== undefined ? "postgres" : "sqlite",
      scenarios: whole,
    }));
  const real: Plan[] = [
    {
      homeserver: "synapse",
      irc: "ngircd",
      database: "sqlite",
      scenarios: whole,
    },
    {
      homeserver: "synapse",
      irc: "inspircd",
      database: "postgres",
      scenarios: whole,
    },
    { homeserver: "synapse", irc: "inspircd", database: "sqlite", roomVersion: "12", scenarios: everyday },
    { homeserver: "synapse", irc: "ngircd", database: "postgres", scenarios: everyday },
  ];
  if (process.env["TRESTLE_E2E_CONDUIT"] !== undefined)
    real.push({ homeserver: "conduit", irc: "inspircd", database: "sqlite", scenarios: whole });
  if (process.env["TRESTLE_E2E_DENDRITE"] !== undefined)
    real.push({ homeserver: "dendrite", irc: "ngircd", database: "sqlite", scenarios: whole });
  return real;
}

async function makeHomeserver(kind: HomeserverKind): Promise<HomeserverUnderTest> {
  switch (kind) {
    case "synapse":
      return createSynapseUnderTest();
    case "conduit":
      return createConduitUnderTest(process.env["TRESTLE_E2E_CONDUIT"] ?? "conduit");
    case "dendrite":
      return createDendriteUnderTest(process.env["TRESTLE_E2E_DENDRITE"] ?? "dendrite");
    default:
      return createSandboxUnderTest(kind.slice("sandbox-".length) as ProfileName);
  }
}

async function makeIrc(kind: IrcKind): Promise<StageIrc> {
  switch (kind) {
    case "ngircd":
      return createRealStageIrc(await createNgircd({ maxPenaltySeconds: 0, linkFrom: farNgircdName }));
    case "inspircd":
      return createRealStageIrc(await createInspircd());
    case "sandbox":
      return createSandboxStageIrc({ features: allIrcFeatures });
  }
}

function nameOf(plan: Plan): string {
  const version = plan.roomVersion === undefined ? "" : `, room version ${plan.roomVersion}`;
  return `${plan.homeserver}, ${plan.irc}, ${plan.database}${version}`;
}

/** Why there is no Synapse; set at the start. */
let synapseMissing: string | undefined;

function skippedForSynapse(name: string, report: Report): boolean {
  if (synapseMissing === undefined) return false;
  const why = "Synapse could not be installed (it needs python3 with venv and pip, and the package index)";
  report.skip(name, `${why}: ${synapseMissing}`);
  return true;
}

async function runPlan(plan: Plan, databases: Databases, report: Report): Promise<void> {
  const where = nameOf(plan);
  if (plan.homeserver === "synapse" && skippedForSynapse(where, report)) return;
  if (plan.database === "postgres" && findPostgres() === undefined) {
    report.skip(
      where,
      "PostgreSQL is not installed: `apt-get install postgresql` brings it (.ci/run does so by itself).",
    );
    return;
  }
  await report.guard(`${where}: the stage is set`, async () => {
    const databaseUrl = plan.database === "postgres" ? await databases.create() : undefined;
    // the IRC server first: a missing program is told before a homeserver is started
    const irc = await makeIrc(plan.irc);
    let stage: Stage | undefined;
    try {
      stage = await buildStage({
        homeserver: await makeHomeserver(plan.homeserver),
        irc,
        logLevel: given["log-level"] as "info",
        ...(databaseUrl === undefined ? {} : { databaseUrl }),
        ...(plan.roomVersion === undefined ? {} : { roomVersion: plan.roomVersion }),
      });
      const failedBefore = report.sums.failed;
      for (const scenario of plan.scenarios) await scenario(stage, report, where);
      if (given["keep-log"] && report.sums.failed > failedBefore) report.note(stage.span.log().slice(-8000));
    } finally {
      await (stage ?? irc).remove();
    }
  });
}

async function runSasl(report: Report): Promise<void> {
  const where = "SASL, inspircd";
  await report.guard(`${where}: the stage is set`, async () => {
    const inspircd = await createInspircd({ sasl: true });
    const irc = await createRealStageIrc(inspircd);
    let services: InspircdServices | undefined;
    let stage: Stage | undefined;
    try {
      const accounts = { [saslAccount.account]: saslAccount.password };
      services = await createInspircdServices(inspircd, { channel: "#services", accounts });
      const homeserver = await createSandboxUnderTest("synapse");
      stage = await buildStage({ homeserver, irc, network: { sasl: saslAccount } });
      await saslLogin(stage, report, where);
    } finally {
      await (stage ?? irc).remove();
      await services?.stop();
    }
  });
}

async function runDoublePuppet(report: Report): Promise<void> {
  if (skippedForSynapse("double puppets", report)) return;
  const homeserver = given.sandbox ? "sandbox-synapse" : "synapse";
  const where = `double puppets, ${homeserver}`;
  await report.guard(`${where}: the stage is set`, async () => {
    const inspircd = await createInspircd();
    const irc = await createRealStageIrc(inspircd);
    let services: InspircdServices | undefined;
    let stage: Stage | undefined;
    try {
      services = await createInspircdServices(inspircd, { channel: "#services" });
      const server = given.sandbox ? createSandboxUnderTest("synapse") : createSynapseUnderTest({ open: true });
      stage = await buildStage({ homeserver: await server, irc, logLevel: given["log-level"] as "info" });
      const failedBefore = report.sums.failed;
      await doublePuppet(services)(stage, report, where);
      if (given["keep-log"] && report.sums.failed > failedBefore) report.note(stage.span.log().slice(-8000));
    } finally {
      await (stage ?? irc).remove();
      await services?.stop();
    }
  });
}

async function runLargeFile(report: Report): Promise<void> {
  if (skippedForSynapse("large files", report)) return;
  const kind = given.sandbox ? "sandbox-synapse" : "synapse";
  const where = `large files, ${kind}`;
  const megabytes = Number(given["file-megabytes"]);
  await report.guard(`${where}: the stage is set`, async () => {
    const irc = await createSandboxStageIrc({ features: allIrcFeatures });
    const options = { mediaMaxBytes: (megabytes + 1) * 1024 * 1024 };
    const server = given.sandbox ? createSandboxUnderTest("synapse", options) : createSynapseUnderTest(options);
    const stage = await buildStage({ homeserver: await server, irc, logLevel: given["log-level"] as "info" });
    try {
      await largeFile(stage, report, where, megabytes);
    } finally {
      await stage.remove();
    }
  });
}

async function runMistakes(report: Report): Promise<void> {
  if (skippedForSynapse("mistakes", report)) return;
  const where = given.sandbox ? "sandbox" : "synapse";
  await report.guard(`${where}: mistakes`, async () => {
    const lockedIrc = await createRealStageIrc(await createNgircd({ password: "right", maxPenaltySeconds: 0 }));
    const homeserver = await makeHomeserver(given.sandbox ? "sandbox-synapse" : "synapse");
    try {
      await mistakes({ homeserver, lockedIrc }, report, `mistakes (${where})`);
    } finally {
      await homeserver.remove();
      await lockedIrc.remove();
    }
  });
}

interface Databases {
  create(): Promise<string>;
  remove(): Promise<void>;
}

function createDatabases(): Databases {
  const dir = mkdtempSync(join(tmpdir(), "trestle-postgres-"));
  let postgres: Promise<Postgres> | undefined;
  let made = 0;
  return {
    async create() {
      postgres ??= startPostgres({ dir });
      return (await postgres).createDatabase(`span${++made}`);
    },
    async remove() {
      await (await postgres?.catch(() => undefined))?.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function main(): Promise<void> {
  const report = createReport(given.only === undefined ? {} : { only: new RegExp(given.only) });
  const databases = createDatabases();
  if (!given.sandbox) synapseMissing = await installSynapse(["postgres"]).then(() => undefined, String);
  try {
    const jobs: (() => Promise<void>)[] = [];
    const add = (name: string, run: () => Promise<void>): void => {
      if (wanted(name)) jobs.push(run);
    };
    for (const plan of plans()) add(nameOf(plan), async () => runPlan(plan, databases, report));
    add("SASL, inspircd", () => runSasl(report));
    add("mistakes", () => runMistakes(report));
    add("double puppets", () => runDoublePuppet(report));
    add("large files", () => runLargeFile(report));
    // the stand-ins mostly wait: two stages at once take hardly longer than one
    const work = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
    };
    await Promise.all(given.sandbox ? [work(), work()] : [work()]);
  } finally {
    await databases.remove();
  }
  report.finish();
  if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(report.sums)}\n`);
  process.exitCode = report.sums.failed === 0 ? 0 : 1;
}

await main();
// servers that were stopped may leave a kept-alive connection behind; nothing of ours is still to be done
process.exit();
