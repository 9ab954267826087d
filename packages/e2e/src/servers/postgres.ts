/** A real PostgreSQL cluster in a folder of its own, on loopback and a socket; as another user when we are root, for it refuses root. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import { findProgram, freePort, spawnServer, unprivilegedUser } from "./process.ts";

export interface Postgres {
  /** Of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  readonly logFile: string;
  /** Makes a database (UTF-8, C collation) and gives its URL. */
  createDatabase(name: string): string;
  stop(): Promise<void>;
}

const debianFolder = "/usr/lib/postgresql";

/** Where initdb, postgres and psql are; undefined when PostgreSQL is not installed. */
export function findPostgres():
  | { readonly initdb: string; readonly postgres: string; readonly psql: string }
  | undefined {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(debianFolder, version, "bin"));
  const [initdb, postgres, psql] = ["initdb", "postgres", "psql"].map((name) => findProgram(name, folders));
  return initdb && postgres && psql ? { initdb, postgres, psql } : undefined;
}

/** Starts one in `dir` (made and given to the unprivileged user when we are root). */
export async function startPostgres(options: { readonly dir: string }): Promise<Postgres> {
  const programs = findPostgres();
  if (!programs) throw new Error(`PostgreSQL is not installed: no initdb below ${debianFolder} or in PATH.`);
  const dir = resolve(options.dir);
  const data = join(dir, "data");
  const as = unprivilegedUser(["postgres", "nobody"]);
  mkdirSync(dir, { recursive: true });
  if (as) {
    chownSync(dir, as.uid, as.gid);
    openPath(dir);
  }
  const identity = as ? { uid: as.uid, gid: as.gid } : {};
  const env = { PATH: process.env["PATH"], LANG: "C.UTF-8" };
  const run = (program: string, args: readonly string[], what: string): void => {
    const result = spawnSync(program, args, { cwd: dir, encoding: "utf8", env, ...identity });
    if (result.status !== 0)
      throw new Error(`${what} failed: ${result.error?.message ?? `${result.stdout}${result.stderr}`.trim()}`);
  };
  if (!existsSync(join(data, "PG_VERSION"))) {
    const args = ["-D", data, "-U", "trestle", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    run(programs.initdb, args, "initdb");
  }
  const port = await freePort();
  const settings = [
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${dir}`,
    "max_connections=200",
    "shared_buffers=64MB",
  ];
  const logFile = join(dir, "postgres.log");
  const server = await spawnServer(
    programs.postgres,
    ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
    { name: "postgres", logFile, cwd: dir, ...identity, ready: { log: /ready to accept connections/ } },
  );
  const urlOf = (database: string) => `postgres://trestle@127.0.0.1:${port}/${database}`;
  return {
    url: urlOf("postgres"),
    port,
    logFile,
    createDatabase: (name) => {
      const sql = `CREATE DATABASE "${name.replaceAll('"', '""')}" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
      run(
        programs.psql,
        ["-h", "127.0.0.1", "-p", String(port), "-U", "trestle", "-d", "postgres", "-qc", sql],
        "CREATE DATABASE",
      );
      return urlOf(name);
    },
    stop: () => server.stop("INT"),
  };
}

/** A folder made by `mkdtemp` is closed to others: the unprivileged user must be able to walk to its own. */
function openPath(dir: string): void {
  const { root } = parse(dir);
  for (let folder = dirname(dir); folder !== root; folder = dirname(folder)) {
    try {
      if (folder.startsWith("/tmp/")) chmodSync(folder, 0o711);
    } catch {
      // not ours to open; starting will say what is wrong
    }
  }
}
