/**
 * Seals texts with AES-256-GCM so that whoever reads the database alone reads nothing. What is sealed is bound to its name: moved
 * to another row it does not open. Knows keys, not tables.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { BridgeError } from "@trestle/core";
import { decodeText, encodeText } from "./text-encoding.ts";

export interface Key {
  /** 32 random bytes at least. What seals is derived from it (HKDF-SHA-256). */
  readonly secret: Uint8Array;
  /** Where it stands, for people: the path of a file, the name of a variable. */
  readonly from: string;
}

export interface Sealed {
  /** Tells keys apart, and nothing else about them. */
  readonly keyId: string;
  readonly nonce: string;
  /** Ciphertext and tag, base64url. */
  readonly sealed: string;
}

export interface Sealer {
  seal(name: string, secret: string): Sealed;
  /** Throws `database-failed` for what none of the keys opens; what to do about it is `cause.mend`. */
  open(name: string, sealed: Sealed): string;
  /** Whether the newest key sealed it. */
  isNewest(sealed: Sealed): boolean;
}

const keyBytesMin = 32;
const nonceBytes = 12;
const tagBytes = 16;

const derive = (key: Key, purpose: string, bytes: number): Buffer =>
  Buffer.from(hkdfSync("sha256", key.secret, "", `trestle ${purpose}`, bytes));

/** `keys`: newest first; the first seals, all open. None: neither. */
export function createSealer(keys: readonly Key[]): Sealer {
  for (const { secret, from } of keys) {
    if (secret.length < keyBytesMin) {
      throw new BridgeError("config-invalid", `the secret key in ${from} is too short: ${keyBytesMin} bytes at least`);
    }
  }
  const known = keys.map((key) => ({
    id: derive(key, "key id", 9).toString("base64url"),
    bytes: derive(key, "sealed secrets", 32),
  }));
  const [newest] = known;
  const places = [...new Set(keys.map(({ from }) => from))].join(", ");
  return {
    seal: (name, secret) => {
      if (newest === undefined) throw failed(`"${name}" cannot be kept: there is no key to seal it with`, giveKey);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", newest.bytes, nonce, { authTagLength: tagBytes });
      cipher.setAAD(boundTo(name, newest.id));
      const text = [cipher.update(encodeText(secret), "utf8"), cipher.final(), cipher.getAuthTag()];
      return {
        keyId: newest.id,
        nonce: nonce.toString("base64url"),
        sealed: Buffer.concat(text).toString("base64url"),
      };
    },
    open: (name, sealed) => {
      if (newest === undefined) throw failed(`"${name}" is sealed and there is no key to open it`, giveKey);
      const key = known.find(({ id }) => id === sealed.keyId);
      if (key === undefined) {
        throw failed(
          `"${name}" is sealed with another key than what stands in ${places}`,
          `Put the former key back into ${places}, behind the one that stands there. If it is lost, whose logins it sealed has to log in again.`,
        );
      }
      const text = opened(key.bytes, boundTo(name, key.id), sealed);
      if (text === undefined)
        throw failed(
          `"${name}" does not open: its row in the database was changed`,
          "Whose login it is has to log in again.",
        );
      return decodeText(text);
    },
    isNewest: ({ keyId }) => keyId === newest?.id,
  };
}

const giveKey = "Give the bridge its secret key: secrets.keyFile in the config, or TRESTLE_SECRETS_KEY.";

const failed = (what: string, mend: string): BridgeError =>
  new BridgeError("database-failed", `the secret ${what}`, { cause: { mend } });

const boundTo = (name: string, keyId: string): Buffer => Buffer.from(`${keyId}\n${encodeText(name)}`);

function opened(key: Buffer, bound: Buffer, { nonce, sealed }: Sealed): string | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  const end = bytes.length - tagBytes;
  const start = Buffer.from(nonce, "base64url");
  // Node would take a shorter tag, which is easier to forge
  if (end < 0 || start.length !== nonceBytes) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, start, { authTagLength: tagBytes });
  decipher.setAAD(bound);
  decipher.setAuthTag(bytes.subarray(end));
  try {
    return decipher.update(bytes.subarray(0, end)).toString("utf8") + decipher.final("utf8");
  } catch {
    return undefined;
  }
}
