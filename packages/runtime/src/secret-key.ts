/**
 * The secret key of a span: where it stands, how it is made at the first start, and what is derived from it. Several may stand
 * there, the newest first, while one takes the place of another. What it seals is the store's matter.
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { BridgeError } from "@trestle/core";
import type { Key } from "@trestle/store";
import type { SharedConfig } from "./config-shape.ts";
import { createSecretFile } from "./write-file.ts";

type SecretsConfig = SharedConfig["secrets"];

/** Base64 of either alphabet, of 32 bytes: `openssl rand -base64 32` makes one. */
const word = /^[A-Za-z0-9+/_-]{43}=?$/;

/** The keys of this config, newest first; undefined when its file is not there yet. Throws `config-invalid`. */
export function readKeys({ key, keyFile }: SecretsConfig): Key[] | undefined {
  if (key !== undefined) return parseKeys(key, "secrets.key");
  const mode = statSync(keyFile, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return undefined;
  if ((mode & 0o077) !== 0) {
    throw new BridgeError("config-invalid", `others may read the secret key: chmod 600 ${keyFile}`);
  }
  let text: string;
  try {
    text = readFileSync(keyFile, "utf8");
  } catch (error) {
    throw new BridgeError("config-invalid", `the secret key ${keyFile} cannot be read by this user (${codeOf(error)})`);
  }
  return parseKeys(text, keyFile);
}

/** The same; makes the file when it is not there. `made`: it was not. */
export function ensureKeys(span: string, config: SecretsConfig): { readonly keys: readonly Key[]; made: boolean } {
  const there = readKeys(config);
  if (there !== undefined) return { keys: there, made: false };
  let made: boolean;
  try {
    made = createSecretFile(config.keyFile, printKeys(span, [newKey(config.keyFile)]));
  } catch (error) {
    throw new BridgeError(
      "config-invalid",
      `the secret key ${config.keyFile} cannot be written (${codeOf(error)}): let secrets.keyFile name a place where this user may write, or give TRESTLE_SECRETS_KEY`,
    );
  }
  // another process may have been quicker: its key is the one
  return { keys: readKeys(config) ?? [], made };
}

export const newKey = (from: string): Key => ({ secret: randomBytes(32), from });

const textOf = ({ secret }: Key): string => Buffer.from(secret).toString("base64url");

/** A key file's content. */
export const printKeys = (span: string, keys: readonly Key[]): string =>
  `# The secret key of Trestle's ${span} span: it seals the tokens in the database. Newest first.
# Keep a copy apart from the database's backups; without it everybody has to log in again.
${keys.map((key) => `${textOf(key)}\n`).join("")}`;

/** What must never be seen in a log. */
export const secretsOf = (keys: readonly Key[]): string[] =>
  keys.flatMap(({ secret }) => {
    const bytes = Buffer.from(secret);
    return [bytes.toString("base64url"), bytes.toString("base64"), bytes.toString("hex")];
  });

/** 32 bytes for another purpose than sealing, as hex: nobody who learns them learns the key. */
export const deriveSecret = (key: Key, purpose: string): string =>
  Buffer.from(hkdfSync("sha256", key.secret, "", `trestle ${purpose}`, 32)).toString("hex");

function parseKeys(text: string, from: string): Key[] {
  const words = text
    .replace(/^\s*#.*$/gm, "")
    .split(/[\s,]+/)
    .filter((one) => one !== "");
  if (words.length === 0 || words.some((one) => !word.test(one))) {
    throw new BridgeError(
      "config-invalid",
      `${from} holds no secret key: it must be 32 random bytes in base64, as \`openssl rand -base64 32\` prints them`,
    );
  }
  return words.map((one) => ({ secret: Buffer.from(one, "base64"), from }));
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown reason";
