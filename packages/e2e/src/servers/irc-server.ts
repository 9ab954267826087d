/**
 * What the scenarios know of a real IRC server, whichever it is: where it listens, how to stop it, restart it, and have part
 * of its people split off. The two kinds stand in ngircd.ts and inspircd.ts.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, unprivilegedUser } from "./process.ts";

/** A real IRC server under our control. */
export interface RealIrcServer {
  readonly kind: "ngircd" | "inspircd";
  readonly host: string;
  readonly port: number;
  /** An operator account of it. */
  readonly oper: { readonly name: string; readonly password: string };
  start(): Promise<void>;
  stop(signal?: "TERM" | "KILL"): Promise<void>;
  running(): boolean;
  logTail(lines?: number): string;
  /** Stops it, if it runs, and takes its folder away. */
  remove(): Promise<void>;
}

/** Another server linked to a real one, with people of its own, that can vanish and come back. */
export interface FarServer {
  /** Nicks of its people. */
  readonly nicks: readonly string[];
  /** Breaks the link: everybody sees its people quit. */
  split(): Promise<void>;
  /** Links again; its people are back in their channels. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

/** Said when the program is not there: how to get it. */
export class MissingProgram extends Error {
  readonly program: string;

  constructor(program: string, packages: string) {
    super(`${program} is not installed: \`apt-get install ${packages}\` brings it (.ci/run does so by itself).`);
    this.name = "MissingProgram";
    this.program = program;
  }
}

/** The path of a server's program, or a message how to install it. */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new MissingProgram(name, "ngircd inspircd");
  return path;
}

/** A fresh folder that the unprivileged user may write to, and that user. */
export function ircFolder(name: string): {
  readonly folder: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  write(file: string, text: string): string;
  remove(): void;
} {
  const user = unprivilegedUser(["irc", "nobody"]);
  const folder = mkdtempSync(join(tmpdir(), `trestle-${name}-`));
  chmodSync(folder, 0o755);
  const own = (path: string): void => {
    if (user) chownSync(path, user.uid, user.gid);
  };
  mkdirSync(join(folder, "data"));
  own(join(folder, "data"));
  own(folder);
  return {
    folder,
    user,
    write(file, text) {
      const path = join(folder, file);
      writeFileSync(path, text, { mode: 0o640 });
      own(path);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
