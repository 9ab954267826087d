// what the composition root needs

// for tests of others
export { canaryType } from "./canary.ts";
export { transactionId } from "./client.ts";
export { originField } from "./confirmation.ts";
export { createHomeserver, type HomeserverOptions, type MatrixHomeserver } from "./homeserver.ts";
export { htmlCodec, type MatrixText } from "./html.ts";
export {
  checkPuppetRegistration,
  makePuppetRegistration,
  type PuppetRegistrationOptions,
} from "./puppet-registration.ts";
export type { PuppetsConfig } from "./puppets.ts";
export {
  checkRegistration,
  makeRegistration,
  type Namespace,
  type Registration,
  type RegistrationOptions,
  type RegistrationProblem,
  type ServerKind,
  serverKinds,
} from "./registration.ts";
