/**
 * `npm run chaos`: kills the span at seeded moments while numbered messages go both ways, against a real ngIRCd and against the
 * sandbox with history, and kills the homeserver between taking a message and answering. Independent observers judge.
 *
 *   --seed N --kills 50 --messages 2000 --rate 100   --short (few kills, for CI)
 *   --homeserver sandbox|synapse   --irc ngircd|sandbox|both|none   --database sqlite|postgres   --json FILE
 *   --answers 100 (deaths of the homeserver, on each profile)   --profile dendrite (only that)   --inputs 1000000 (generated inputs a codec)
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allIrcFeatures, type ProfileName, profileNames } from "@trestle/sandbox";
import { runCodecInputs } from "./chaos/codec-inputs.ts";
import { judgeRun } from "./chaos/judge-run.ts";
import { runKills } from "./chaos/kill-run.ts";
import { runLostAnswers } from "./chaos/lost-answers.ts";
import { createReport, type Report } from "./report.ts";
import {
  createSandboxUnderTest,
  createSynapseUnderTest,
  type HomeserverUnderTest,
} from "./servers/homeserver-under-test.ts";
import { createNgircd } from "./servers/ngircd.ts";
import { type Postgres, startPostgres } from "./servers/postgres.ts";
import { buildStage, createRealStageIrc, createSandboxStageIrc, type Stage, type StageIrc } from "./stage.ts";

const { values: given } = parseArgs({
  options: {
    seed: { type: "string" },
    kills: { type: "string" },
    messages: { type: "string" },
    rate: { type: "string" },
    short: { type: "boolean", default: false },
    homeserver: { type: "string", default: "sandbox" },
    irc: { type: "string", default: "both" },
    database: { type: "string", default: "sqlite" },
    answers: { type: "string" },
    profile: { type: "string" },
    inputs: { type: "string" },
    json: { type: "string" },
  },
});

const synapse = given.homeserver === "synapse";
const seed = Number(given.seed ?? Math.floor(Math.random() * 2 ** 31));
const kills = Number(given.kills ?? (given.short ? 6 : 50));
const messages = Number(given.messages ?? (given.short ? 240 : 2000));
// a small Synapse takes 70 sends a second in all
const perSecond = Number(given.rate ?? (synapse ? 20 : 100));
const answers = Number(given.answers ?? (given.short ? 5 : 100));
const inputs = Number(given.inputs ?? (given.short ? 30_000 : 1_000_000));

const makeHomeserver = (): Promise<HomeserverUnderTest> =>
  synapse ? createSynapseUnderTest() : createSandboxUnderTest("synapse");

async function onStage(
  irc: StageIrc,
  homeserver: () => Promise<HomeserverUnderTest>,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "trestle-chaos-"));
  let postgres: Postgres | undefined;
  let stage: Stage | undefined;
  try {
    if (given.database === "postgres") postgres = await startPostgres({ dir });
    const databaseUrl = postgres?.createDatabase("span");
    stage = await buildStage({
      homeserver: await homeserver(),
      irc,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    });
    await run(stage);
  } finally {
    await (stage ?? irc).remove();
    await postgres?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

type Results = Record<string, unknown>;

async function killRun(
  report: Report,
  results: Results,
  name: string,
  makeIrc: () => Promise<StageIrc>,
): Promise<void> {
  const history = name === "sandbox";
  const promise = history ? "none missing, none doubled" : "nothing missing that the room does not announce";
  const title = `${kills} kills in ${messages} messages each way, ${given.homeserver} and ${name}, seed ${seed}: ${promise}`;
  await report.check(title, async () => {
    await onStage(await makeIrc(), makeHomeserver, async (stage) => {
      const began = Date.now();
      const options = { seed, kills, messages, perSecond, settleMs: 10_000, note: report.note };
      const run = await runKills(stage, options);
      const verdict = judgeRun(run, { history, outwardOrder: !synapse });
      results[`kills-${name}`] = { ...verdict, ms: Date.now() - began, rejoins: run.joinsAtMs.length, back: run.back };
      const { m2i, i2m, holes, gapNotices, problems } = verdict;
      report.note(
        `Matrix to IRC: ${m2i.said} said, ${m2i.missing.length} missing, ${m2i.doubled.length} doubled, ${m2i.late} late, ${m2i.disordered.length} out of order`,
      );
      report.note(
        `IRC to Matrix: ${i2m.said} said, ${i2m.missing.length} missing in ${holes.length} holes, ` +
          `${gapNotices} windows announced, ${i2m.doubled.length} doubled, ${i2m.late} late`,
      );
      report.note(
        `back after a kill: in the channel after ${run.back.inChannelMs.median} ms, ready after ${run.back.readyMs.median} ms (medians)`,
      );
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
  });
}

async function lostAnswers(report: Report, results: Results, profile: ProfileName): Promise<void> {
  const title = `${profile} killed between taking a message and answering, then both sides restarted, ${answers} times: nothing doubled`;
  await report.check(title, async () => {
    const irc = await createSandboxStageIrc({ features: allIrcFeatures });
    const homeserver = (): Promise<HomeserverUnderTest> => createSandboxUnderTest(profile);
    await onStage(irc, homeserver, async (stage) => {
      const verdict = await runLostAnswers(stage, answers);
      results[`lost-answers-${profile}`] = verdict;
      if (verdict.problems.length > 0) throw new Error(verdict.problems.join("\n"));
    });
  });
}

async function main(): Promise<void> {
  const report = createReport();
  const results: Results = {};
  report.note(`seed ${seed}: --seed ${seed} runs it again`);
  if (given.irc === "ngircd" || given.irc === "both")
    await killRun(report, results, "ngircd", async () =>
      createRealStageIrc(await createNgircd({ maxPenaltySeconds: 0 })),
    );
  if (given.irc === "sandbox" || given.irc === "both")
    await killRun(report, results, "sandbox", () => createSandboxStageIrc({ features: allIrcFeatures }));
  const profiles = given.profile === undefined ? profileNames : profileNames.filter((name) => name === given.profile);
  if (answers > 0) for (const profile of profiles) await lostAnswers(report, results, profile);
  if (inputs > 0)
    await report.check(`${inputs} generated inputs a codec, seed ${seed}`, () => runCodecInputs(inputs, seed));
  report.finish();
  if (given.json !== undefined) {
    const about = { seed, kills, messages, perSecond, homeserver: given.homeserver, database: given.database };
    writeFileSync(given.json, `${JSON.stringify({ ...report.sums, ...about, results }, null, 2)}\n`);
  }
  process.exitCode = report.sums.failed === 0 ? 0 : 1;
}

await main();
// servers that were stopped may leave a kept-alive connection behind; nothing of ours is still to be done
process.exit();
