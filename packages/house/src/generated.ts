/**
 * Compares the files under registration/ and deploy/ that `trestle` would write itself with what it writes now, so that what
 * people copy is never stale. The writers live in the runtime; here they are only run, through the same command people use.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runProgram } from "./steps.ts";

const trestle = join(root, "packages", "cli", "bin", "trestle.mjs");

interface GeneratedFile {
  readonly path: string;
  readonly args: readonly string[];
}

export const generatedFiles: readonly GeneratedFile[] = [
  { path: "deploy/irc.yaml", args: ["example", "irc"] },
  {
    path: "registration/irc.yaml",
    args: ["register", "irc", "--server", "synapse", "--config", "deploy/irc.yaml", "--placeholders", "--out", "-"],
  },
  {
    path: "registration/doublepuppet.yaml",
    args: [
      "register",
      "double-puppet",
      "--server",
      "synapse",
      "--config",
      "deploy/irc.yaml",
      "--placeholders",
      "--out",
      "-",
    ],
  },
];

/** What differs, for people; undefined when everything is as written. */
export async function compareGenerated(): Promise<string | undefined> {
  const problems: string[] = [];
  for (const { path, args } of generatedFiles) {
    const { code, stdout, output } = await runProgram([process.execPath, trestle, ...args]);
    const actual = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined;
    if (code !== 0) problems.push(`trestle ${args.join(" ")} failed:\n${output.trim()}`);
    else if (actual !== stdout) problems.push(`${path} is stale: trestle ${args.join(" ")} > ${path}`);
  }
  return problems.length === 0 ? undefined : problems.join("\n");
}
