/**
 * `npm run rows`: prints each feature row with the tests that carry its id, and writes docs/features.md. With `--check` it
 * writes nothing and fails when that page is stale. It only reads the names of tests; whether they pass is jest's matter.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { featureGroups } from "./feature-rows.ts";
import { root } from "./steps.ts";

interface NamedTest {
  readonly ids: readonly string[];
  readonly name: string;
  readonly file: string;
}

/** Names that begin with `[C8 irc]`, `[L1]`, `[C9 irc] [C12 irc]`, ..., in any kind of quote. */
const taggedName = /(["'`])((?:\[[A-Z]\d{1,2}(?:[ ,]+[A-Za-z0-9-]+)*\]\s*)+)((?:\\.|(?!\1).)+)\1/g;

function testsIn(path: string): NamedTest[] {
  const file = relative(root, path);
  return [...readFileSync(path, "utf8").matchAll(taggedName)].map(([, , tags = "", name = ""]) => ({
    ids: tags.match(/\b[A-Z]\d{1,2}\b/g) ?? [],
    name: name.replace(/\\(.)/g, "$1").replace(/\$\{[^}]*\}/g, "..."),
    file,
  }));
}

/** Test files of every package, the shared suites of packages/testing, and the scenarios of packages/e2e. */
function sources(): string[] {
  const packages = join(root, "packages");
  const folders = readdirSync(packages).map((name) => join(packages, name, "test"));
  folders.push(join(packages, "testing", "src"), join(packages, "e2e", "src"));
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
    .filter((path) => path.endsWith(".ts"))
    .sort();
}

function page(tests: readonly NamedTest[]): string {
  const lines = [
    "# Features and the tests that prove them",
    "",
    "Written by `npm run rows` from the names of the tests; `npm run check` fails when it is stale.",
  ];
  for (const group of featureGroups) {
    lines.push("", `## ${group.title}`);
    for (const row of group.rows) {
      lines.push("", `### ${row.id}`, "", row.promise, "");
      const proofs = tests.filter((test) => test.ids.includes(row.id));
      if (proofs.length === 0) lines.push("No test carries this id.");
      lines.push(...proofs.map((test) => `- ${test.name} (\`${test.file}\`)`));
    }
  }
  return `${lines.join("\n")}\n`;
}

const target = join(root, "docs", "features.md");
const tests = sources().flatMap(testsIn);
const wanted = page(tests);
const rows = featureGroups.flatMap((group) => group.rows);
const unproven = rows.filter((row) => !tests.some((test) => test.ids.includes(row.id))).map((row) => row.id);

if (process.argv.includes("--check")) {
  const actual = existsSync(target) ? readFileSync(target, "utf8") : "";
  if (actual !== wanted) {
    console.log("docs/features.md is stale: run `npm run rows` and commit it.");
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, wanted);
  console.log(wanted);
  console.log(`${rows.length - unproven.length} of ${rows.length} rows have tests; docs/features.md is written.`);
}
if (unproven.length > 0) console.log(`Rows that no test names: ${unproven.join(", ")}`);
