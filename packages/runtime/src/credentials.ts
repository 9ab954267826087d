/** Everything secret that a span needs to run, read together: the registrations and the secret key. */
import type { Registration } from "@trestle/matrix";
import type { Key } from "@trestle/store";
import type { LoadedConfig } from "./config-file.ts";
import { loadPuppetRegistration } from "./puppet-registration.ts";
import { loadRegistration } from "./registration-file.ts";
import { ensureKeys, secretsOf } from "./secret-key.ts";
import type { Span } from "./span.ts";

export interface Credentials {
  readonly registration: Registration;
  /** For acting as people themselves, where the config has one. */
  readonly puppets?: Registration;
  /** Newest first. */
  readonly keys: readonly Key[];
  /** The key was made just now: it opens nothing that stood in the database before. */
  readonly keyIsNew: boolean;
  /** What must never be seen in a log or an error, the config's own secrets included. */
  readonly secrets: readonly string[];
}

/** Makes the secret key where there is none. Throws `registration-mismatch` or `config-invalid`. */
export function loadCredentials<C>(span: Span<C>, config: LoadedConfig<C>): Credentials {
  const { homeserver, double_puppet: doublePuppet } = config.shared;
  const registration = loadRegistration(span.name, config.shared);
  const puppets =
    doublePuppet === undefined
      ? undefined
      : loadPuppetRegistration(doublePuppet.registration, homeserver.name, registration);
  const { keys, made } = ensureKeys(span.name, config.shared.secrets);
  return {
    registration,
    ...(puppets === undefined ? {} : { puppets }),
    keys,
    keyIsNew: made,
    secrets: [
      ...config.secrets,
      ...[registration, ...(puppets === undefined ? [] : [puppets])].flatMap((one) => [one.as_token, one.hs_token]),
      ...secretsOf(keys),
    ],
  };
}
