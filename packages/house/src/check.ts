/**
 * `npm run check`: all that can be said about the tree without running it. Formatting, lint, import directions, cycles and
 * undeclared dependencies are rules in biome.json; lengths that fail stand in limits.json; what is unused, in knip.json.
 */
import { join } from "node:path";
import { compareGenerated } from "./generated.ts";
import { jsonPathFrom, programStep, root, runSteps, type Step } from "./steps.ts";

const bin = (path: string) => join(root, "node_modules", path);
const node = process.execPath;
const biome = (...args: string[]) =>
  [node, bin("@biomejs/biome/bin/biome"), ...args, "--colors=off", "--max-diagnostics=60"] as const;
const tsc = (...args: string[]) => [node, bin("typescript/bin/tsc"), ...args] as const;
const houseScript = (name: string) => join(root, "packages", "house", "src", `${name}.ts`);

const steps: readonly Step[] = [
  programStep("format, lint, import directions and cycles", biome("ci", "--diagnostic-level=warn")),
  programStep(
    "no file over 600 lines, no function over 120",
    biome("lint", "--config-path=packages/house/limits.json"),
  ),
  programStep("types", tsc("-b")),
  programStep("types of the tests", tsc("-p", "tsconfig.test.json", "--noEmit")),
  programStep("nothing unused, nothing undeclared", [
    node,
    bin("knip/bin/knip.js"),
    "--no-progress",
    "--no-config-hints",
  ]),
  programStep("docs/features.md is what `npm run rows` writes", [node, houseScript("rows"), "--check"]),
  { name: "registrations and example configs are what `trestle` writes", run: compareGenerated },
];

process.exitCode = await runSteps("check", steps, jsonPathFrom(process.argv));
