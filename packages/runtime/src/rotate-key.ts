/**
 * `rotate-key`: a new secret key takes the place of the old one. At every moment what stands in the file opens what stands in the
 * database: the new key is written down beside the old one before it seals anything, and the old one goes last.
 */
import { BridgeError } from "@trestle/core";
import { openStore } from "@trestle/store";
import type { LoadedConfig } from "./config-file.ts";
import { exitCodes } from "./exit-codes.ts";
import { ensureKeys, newKey, printKeys, readKeys } from "./secret-key.ts";
import type { Span, Terminal } from "./span.ts";
import { writeSecretFile } from "./write-file.ts";

/** Rejects with `database-locked` while the span runs, with `config-invalid` where the key is gone that sealed something. */
export async function rotateKey<C>(span: Span<C>, { shared }: LoadedConfig<C>, terminal: Terminal): Promise<number> {
  const { secrets, database } = shared;
  const former = readKeys(secrets);
  const fromFile = secrets.key === undefined;
  const keys = [...(fromFile ? [newKey(secrets.keyFile)] : []), ...(former ?? [])];
  // the lock is taken before the file changes: a span that runs has read it
  const store = await openStore({ url: database.url, keys });
  try {
    if (former === undefined) {
      refuseLost(secrets.keyFile, (await store.secrets.list("")).length);
      ensureKeys(span.name, secrets);
    }
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

/** A new key in its place would only hide that it is gone. */
function refuseLost(keyFile: string, sealed: number): void {
  if (sealed === 0) return;
  throw new BridgeError(
    "config-invalid",
    `there is no secret key at ${keyFile}, and one sealed what stands in the database (${sealed}); nothing was changed`,
    {
      cause: {
        mend: "Put the former key back there, or let secrets.keyFile name the file where it stands. If it is lost there is nothing to rotate: start the bridge, which makes a new one, and have people log in again.",
      },
    },
  );
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
