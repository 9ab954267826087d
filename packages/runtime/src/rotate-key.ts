/**
 * `rotate-key`: a new secret key takes the place of the old one. At every moment what stands in the file opens what stands in the
 * database: the new key is written down beside the old one before it seals anything, and the old one goes last.
 */
import { openStore } from "@trestle/store";
import type { LoadedConfig } from "./config-file.ts";
import { exitCodes } from "./exit-codes.ts";
import { ensureKeys, newKey, printKeys } from "./secret-key.ts";
import type { Span, Terminal } from "./span.ts";
import { writeSecretFile } from "./write-file.ts";

/** Rejects with `database-locked` while the span runs. */
export async function rotateKey<C>(span: Span<C>, { shared }: LoadedConfig<C>, terminal: Terminal): Promise<number> {
  const { secrets, database } = shared;
  const { keys: former } = ensureKeys(span.name, secrets);
  const fromFile = secrets.key === undefined;
  const keys = fromFile ? [newKey(secrets.keyFile), ...former] : former;
  // the lock is taken before the file changes: a span that runs has read it
  const store = await openStore({ url: database.url, keys });
  try {
    if (fromFile) writeSecretFile(secrets.keyFile, printKeys(span.name, keys));
    const sealed = await store.secrets.reseal();
    if (fromFile) writeSecretFile(secrets.keyFile, printKeys(span.name, keys.slice(0, 1)));
    terminal.out(`${sealed} ${sealed === 1 ? "secret is" : "secrets are"} sealed anew.\n`);
  } finally {
    await store.close();
  }
  terminal.out(fromFile ? newInFile(secrets.keyFile, shared.media !== undefined) : fromEnvironment(keys.length));
  return exitCodes.done;
}

function newInFile(keyFile: string, media: boolean): string {
  const addresses = media ? "Addresses of files that were given out before do not open any more.\n" : "";
  return `A new key stands in ${keyFile}; the old one is gone from there.\n${addresses}`;
}

function fromEnvironment(count: number): string {
  return count > 1
    ? "secrets.key holds more than one key, and the first one seals everything now: remove the others.\n"
    : "secrets.key holds one key, which cannot be changed from here. Put a new one in front of it (openssl rand -base64 32), separated by a space, run this again, then remove the old one.\n";
}
