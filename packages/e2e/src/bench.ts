/**
 * `npm run bench`: measures the production build against its bars, prints each figure beside its bar, and exits 1 past one.
 * Ratios are taken in one run; `--json FILE` keeps the figures.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { forkFarSide } from "./bench/far-process.ts";
import { files } from "./bench/files.ts";
import { ghosts } from "./bench/ghosts.ts";
import { type Figure, isolation, latency, type Measure, memory, startUp, throughput } from "./bench/measures.ts";

const measures: Readonly<Record<string, Measure>> = {
  memory,
  startUp,
  throughput,
  latency,
  isolation,
  files,
  ghosts,
};
const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
  const unknown = positionals.find((name) => !(name in measures));
  if (unknown !== undefined) {
    say(`There is no measure “${unknown}”; there are ${Object.keys(measures).join(", ")}.`);
    return 64;
  }
  const wanted = Object.entries(measures).filter(([name]) => positionals.length === 0 || positionals.includes(name));
  const figures: Figure[] = [];
  const broken: string[] = [];
  for (const [name, measure] of wanted) {
    const far = await forkFarSide();
    try {
      figures.push(...(await measure(far, say)));
    } catch (error) {
      broken.push(name);
      say(`  ${name} could not be measured: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await far.end();
    }
  }
  say("");
  for (const figure of figures)
    say(
      `  ${passes(figure) ? "✓" : "✗"} ${figure.name.padEnd(66)} ${shown(figure.value).padStart(9)} ${figure.unit.padEnd(3)} ${bar(figure)}`,
    );
  if (values.json !== undefined) {
    const machine = { cores: cpus().length, node: process.version, atMs: Date.now() };
    writeFileSync(values.json, `${JSON.stringify({ machine, figures, broken }, undefined, 2)}\n`);
  }
  const failed = figures.filter((figure) => !passes(figure)).length + broken.length;
  say(`\n${figures.length + broken.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const passes = ({ value, atMost, atLeast }: Figure): boolean =>
  Number.isFinite(value) && (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
const bar = ({ atMost, atLeast }: Figure): string =>
  atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
const shown = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`The bench broke off: ${error instanceof Error ? error.stack : String(error)}`);
    process.exit(70);
  },
);
