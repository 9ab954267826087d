/**
 * Keeps package-lock.json whole. npm writes only those platform packages into it that its registry has; where one lacks the
 * others, `npm ci` of npm 11 refuses the lock everywhere. The missing entries follow from what is there: a name, an exact version,
 * and the platform in the name. They carry no checksum, and are fetched only on that platform.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.ts";

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Record<string, LockEntry>;

const path = join(root, "package-lock.json");

const systems = {
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  openharmony: "openharmony",
  win32: "win32",
  windows: "win32",
};
const processors = {
  arm64: "arm64",
  x64: "x64",
  64: "x64",
  arm: "arm",
  ia32: "ia32",
  loong64: "loong64",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
};
const libraries = { gnu: "glibc", gnueabihf: "glibc", glibc: "glibc", musl: "musl", musleabihf: "musl" };

/** `@swc/core-linux-arm-gnueabihf` is for linux, arm, glibc. */
export function platformOf(name: string): { readonly os: string[]; readonly cpu: string[]; readonly libc?: string[] } {
  const words = name.slice(name.lastIndexOf("/") + 1).split("-");
  const find = (table: Readonly<Record<string, string>>) =>
    words.map((word) => (Object.hasOwn(table, word) ? table[word] : undefined)).find((value) => value !== undefined);
  const os = find(systems);
  const cpu = find(processors);
  const libc = find(libraries);
  if (os === undefined || cpu === undefined) throw new Error(`${name}: its name tells no platform`);
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** What an entry of the lock names as optional and the lock does not have. */
export function missingFrom(
  packages: Packages,
): { readonly name: string; readonly version: string; readonly dev: boolean }[] {
  return Object.entries(packages).flatMap(([parent, { optionalDependencies = {}, dev = false }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !(`node_modules/${name}` in packages) && !(`${parent}/node_modules/${name}` in packages))
      .map(([name, version]) => ({ name, version, dev })),
  );
}

/** What is wrong with the lock file, for people; undefined when nothing is. */
export async function checkLockFile(): Promise<string | undefined> {
  const { packages } = JSON.parse(readFileSync(path, "utf8")) as { packages: Packages };
  const missing = missingFrom(packages);
  const hosts = Object.entries(packages).filter(([, entry]) => /^https?:/.test(entry.resolved ?? ""));
  const problems: string[] = [];
  if (missing.length > 0) {
    problems.push(
      `${missing.length} packages of other platforms are missing: node packages/house/src/complete-lock.ts`,
    );
  }
  if (hosts.length > 0) problems.push(`registry hosts stand in it: ${hosts.map(([name]) => name).join(", ")}`);
  return problems.length === 0 ? undefined : problems.join("\n");
}

/** Writes the missing entries; how many. */
export function completeLockFile(): number {
  const lock = JSON.parse(readFileSync(path, "utf8")) as { packages: Packages };
  const missing = missingFrom(lock.packages);
  for (const { name, version, dev } of missing) {
    if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${name}: ${version} is no exact version`);
    const { os, cpu, libc } = platformOf(name);
    // In npm's own order, so that its next write changes nothing.
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu,
      ...(dev ? { dev } : {}),
      ...(libc === undefined ? {} : { libc }),
      optional: true,
      os,
    };
  }
  const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
  return missing.length;
}
