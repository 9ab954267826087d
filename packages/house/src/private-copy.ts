/**
 * A throw-away copy of the work tree in which files may be broken on purpose: tracked and new files are copied, the installed
 * packages are linked, and our own packages point at the copy. The user's tree is never written to.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root, runProgram } from "./steps.ts";

export interface PrivateCopy {
  readonly path: string;
  remove(): void;
}

export async function makePrivateCopy(): Promise<PrivateCopy> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "trestle-proof-")));
  const listed = await runProgram(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  if (listed.code !== 0) throw new Error(`git could not list the files: ${listed.output.trim()}`);
  for (const file of listed.stdout.split("\0").filter((name) => name !== "")) {
    mkdirSync(join(path, dirname(file)), { recursive: true });
    // A file that is listed but deleted is simply not copied.
    cpSync(join(root, file), join(path, file), { force: true, filter: (from) => statIsThere(from) });
  }
  linkPackages(join(root, "node_modules"), join(path, "node_modules"), path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function statIsThere(from: string): boolean {
  try {
    realpathSync(from);
    return true;
  } catch {
    return false;
  }
}

/** Third-party packages are linked as they stand; ours (and their folder, a scope) are linked to the copy. */
function linkPackages(from: string, to: string, copy: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    if (entry.name.startsWith("@")) {
      linkPackages(source, join(to, entry.name), copy);
      continue;
    }
    const real = realpathSync(source);
    const ours = real.startsWith(join(root, "packages"));
    symlinkSync(ours ? join(copy, real.slice(root.length)) : real, join(to, entry.name));
  }
}
