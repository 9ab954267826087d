/**
 * `npm run e2e`: the bridge as production runs it, on real servers. Every combination of IRC server and database gets its own
 * stage on a fresh Synapse; a Conduit joins when TRESTLE_E2E_CONDUIT names one. `--only REGEX` picks checks, `--sandbox` takes
 * the stand-ins instead of the real servers (for a quick look while building).
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allIrcFeatures } from "@trestle/sandbox";
import { createReport, type Report } from "./report.ts";
import { dailyLife } from "./scenarios/daily-life.ts";
import { encryptedRooms } from "./scenarios/encryption.ts";
import { homeserverRestarts } from "./scenarios/homeserver-restarts.ts";
import { linkLife } from "./scenarios/link-life.ts";
import { mistakes } from "./scenarios/mistakes.ts";
import { outages } from "./scenarios/outages.ts";
import { saslAccount, saslLogin } from "./scenarios/sasl.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { createConduitUnderTest } from "./servers/conduit.ts";
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
    json: { type: "string" },
    sandbox: { type: "boolean", default: false },
    "burst-messages": { type: "string", default: "500" },
    "burst-restarts": { type: "string", default: "10" },
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
    messages: Number(given["burst-messages"]),
    restarts: Number(given["burst-restarts"]),
    speakers: 4,
  });

const everyday: readonly Scenario[] = [dailyLife, outages];

function plans(): Plan[] {
  if (given.sandbox)
    return [
      {
        homeserver: "sandbox-synapse",
        irc: "ngircd",
        database: "sqlite",
        scenarios: [...everyday, linkLife, burst, encryptedRooms],
      },
      {
        homeserver: "sandbox-conduit",
        irc: "inspircd",
        database: "sqlite",
        scenarios: [...everyday, linkLife, encryptedRooms],
      },
    ];
  const real: Plan[] = [
    {
      homeserver: "synapse",
      irc: "ngircd",
      database: "sqlite",
      scenarios: [...everyday, linkLife, burst, encryptedRooms],
    },
    {
      homeserver: "synapse",
      irc: "inspircd",
      database: "postgres",
      scenarios: [...everyday, linkLife, burst, encryptedRooms],
    },
    { homeserver: "synapse", irc: "inspircd", database: "sqlite", roomVersion: "12", scenarios: everyday },
    { homeserver: "synapse", irc: "ngircd", database: "postgres", scenarios: everyday },
  ];
  if (process.env["TRESTLE_E2E_CONDUIT"] !== undefined)
    real.push({ homeserver: "conduit", irc: "inspircd", database: "sqlite", scenarios: [...everyday, burst] });
  return real;
}

async function makeHomeserver(kind: HomeserverKind): Promise<HomeserverUnderTest> {
  switch (kind) {
    case "synapse":
      return createSynapseUnderTest();
    case "conduit":
      return createConduitUnderTest(process.env["TRESTLE_E2E_CONDUIT"] ?? "conduit");
    case "sandbox-synapse":
      return createSandboxUnderTest("synapse");
    case "sandbox-conduit":
      return createSandboxUnderTest("conduit");
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

async function runPlan(plan: Plan, databases: Databases, report: Report): Promise<void> {
  const version = plan.roomVersion === undefined ? "" : `, room version ${plan.roomVersion}`;
  const where = `${plan.homeserver}, ${plan.irc}, ${plan.database}${version}`;
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

async function runMistakes(report: Report): Promise<void> {
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
  let postgres: Postgres | undefined;
  let made = 0;
  return {
    async create() {
      postgres ??= await startPostgres({ dir });
      return postgres.createDatabase(`span${++made}`);
    },
    async remove() {
      await postgres?.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function main(): Promise<void> {
  const report = createReport(given.only === undefined ? {} : { only: new RegExp(given.only) });
  const databases = createDatabases();
  const havePostgres = findPostgres() !== undefined;
  const needSynapse = plans().some(({ homeserver }) => homeserver === "synapse");
  const synapseMissing = needSynapse ? await installSynapse(["postgres"]).then(() => undefined, String) : undefined;
  try {
    for (const plan of plans()) {
      const name = `${plan.homeserver}, ${plan.irc}, ${plan.database}`;
      if (plan.homeserver === "synapse" && synapseMissing !== undefined)
        report.skip(
          name,
          `Synapse could not be installed (it needs python3 with venv and pip, and the package index): ${synapseMissing}`,
        );
      else if (plan.database === "postgres" && !havePostgres)
        report.skip(
          name,
          "PostgreSQL is not installed: `apt-get install postgresql` brings it (.ci/run does so by itself).",
        );
      else await runPlan(plan, databases, report);
    }
    await runSasl(report);
    if (synapseMissing === undefined) await runMistakes(report);
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
