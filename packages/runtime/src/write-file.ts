/** Writes files that hold secrets: whole or not at all, and never readable by the world. */
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";

/** A new file is its owner's only; one that was there keeps its owner's and group's rights. */
export function writeSecretFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  replaceFile(path, text, before === undefined ? 0o600 : before.mode & 0o660);
}

/** Replaces a file and keeps its rights as they are. */
export function rewriteFile(path: string, text: string): void {
  replaceFile(path, text, statSync(path).mode & 0o777);
}

function replaceFile(path: string, text: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, "wx", 0o600);
  try {
    writeSync(file, text);
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
