/** Writes files that hold secrets: whole or not at all, and never readable by the world. */
import { closeSync, fchmodSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A new file is its owner's only; one that was there keeps its owner's and group's rights. */
export function writeSecretFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  replaceFile(path, text, before === undefined ? 0o600 : before.mode & 0o660);
}

/** Replaces a file and keeps its rights as they are. */
export function rewriteFile(path: string, text: string): void {
  replaceFile(path, text, statSync(path).mode & 0o777);
}

/** Makes a file for its owner only, on disk when this returns. False: there is one already, which stays as it is. */
export function createSecretFile(path: string, text: string): boolean {
  const temporary = writeBeside(path, text, 0o600);
  try {
    // unlike a rename this never takes the place of another's file
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(path);
  return true;
}

function replaceFile(path: string, text: string, mode: number): void {
  renameSync(writeBeside(path, text, mode), path);
  syncFolder(path);
}

function writeBeside(path: string, text: string, mode: number): string {
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
  return temporary;
}

/** A name is on disk only when its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
