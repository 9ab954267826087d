import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { guards } from "../src/guards.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe("the rules of biome.json", () => {
  const folder = mkdtempSync(join(tmpdir(), "trestle-rules-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The rules that fire on these files, laid out as in the repository. */
  function findings(files: Readonly<Record<string, string>>): string {
    rmSync(folder, { recursive: true });
    const manifests = ["core", "irc", "matrix", "store", "runtime", "sandbox", "cli"].map((name) => {
      const manifest = readFileSync(join(root, "packages", name, "package.json"), "utf8");
      return [`packages/${name}/package.json`, manifest] as const;
    });
    const config = readFileSync(join(root, "biome.json"), "utf8").replace('"enabled": true', '"enabled": false');
    for (const [path, text] of [["biome.json", config] as const, ...manifests, ...Object.entries(files)]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
    const ran = spawnSync(process.execPath, [biome, "lint", "--colors=off", "--max-diagnostics=50"], {
      cwd: folder,
      encoding: "utf8",
    });
    return ran.stdout + ran.stderr;
  }

  const using = (from: string) => `import { x } from "${from}";\nexport const y = x;\n`;

  test.each([
    ["core", "@trestle/matrix", "core imports richtext only"],
    ["core", "@trestle/store", "core imports richtext only"],
    ["core", "knex", "Only packages/store talks to a database"],
    ["core", "node:sqlite", "Only packages/store talks to a database"],
    ["irc", "@trestle/runtime", "main.ts alone imports runtime"],
    ["irc", "@trestle/matrix", "A span imports core and richtext"],
    ["irc", "@vector-im/matrix-bot-sdk", "Only packages/matrix knows these libraries"],
    ["store", "@trestle/matrix", "store imports core only"],
    ["store", "matrix-appservice-bridge", "Only packages/matrix knows these libraries"],
    ["matrix", "@trestle/store", "matrix imports core and richtext only"],
    ["runtime", "@trestle/irc", "runtime imports core, matrix and store only"],
    ["runtime", "irc-framework", "Only packages/irc knows this library"],
    ["sandbox", "@trestle/core", "it imports nothing of ours"],
    ["cli", "@trestle/runtime", "it imports nothing of ours"],
  ])("%s may not import %s", (name, from, says) => {
    expect(findings({ [`packages/${name}/src/a.ts`]: using(from) })).toContain(says);
  });

  test("what is allowed passes: core to richtext, a span's main to runtime, store to knex", () => {
    const files = {
      "packages/core/src/a.ts": using("@trestle/richtext"),
      "packages/irc/src/main.ts": using("@trestle/runtime"),
      "packages/store/src/a.ts": using("knex"),
    };
    expect(findings(files)).not.toMatch(/noRestrictedImports|noUndeclaredDependencies/);
  });

  test("a cycle counts although only types make it", () => {
    const files = {
      "packages/core/src/a.ts": 'import type { B } from "./b.ts";\nexport type A = B[];\n',
      "packages/core/src/b.ts": 'import type { A } from "./a.ts";\nexport type B = A | string;\n',
    };
    expect(findings(files)).toContain("noImportCycles");
  });

  test("a dependency that is not declared, a promise nobody waits for, a skipped test and `any` are refused", () => {
    const files = {
      "packages/core/src/a.ts": 'import { z } from "zod";\nexport const y = z;\n',
      "packages/core/src/b.ts": "async function f(): Promise<void> {}\nf();\n",
      "packages/core/src/c.ts": "export const c = (d: any): unknown => d;\n",
      "packages/core/test/d.test.ts": 'test.skip("x", () => {});\n',
    };
    const found = findings(files);
    for (const rule of ["noUndeclaredDependencies", "noFloatingPromises", "noExplicitAny", "noSkippedTests"]) {
      expect(found).toContain(rule);
    }
  });
});

describe("the guards of the proof", () => {
  test.each(guards.map((guard) => [guard.name, guard] as const))(
    "%s stands exactly once in its file",
    (_name, guard) => {
      const pieces = readFileSync(join(root, guard.file), "utf8").split(guard.find);
      expect(pieces).toHaveLength(2);
      expect(guard.replace).not.toBe(guard.find);
    },
  );

  test.each(guards.map((guard) => [guard.name, guard] as const))("the test that proves %s is there", (_name, guard) => {
    const suites = join(root, "packages", "testing", "src");
    const shared = readdirSync(suites).filter((name) => name.startsWith("describe-"));
    const places = [join(root, guard.test.file), ...shared.map((name) => join(suites, name))];
    expect(places.some((place) => readFileSync(place, "utf8").includes(guard.test.name))).toBe(true);
  });
});
