// what the composition root needs

export { transactionId } from "./client.ts";
// for tests of others
export { canaryType } from "./delivery/canary.ts";
export { originField } from "./delivery/confirmation.ts";
export { createHomeserver, type HomeserverOptions, type MatrixHomeserver } from "./homeserver.ts";
export { htmlCodec, type MatrixText } from "./html/codec.ts";
export type { PuppetsConfig } from "./puppets/puppets.ts";
export {
  checkPuppetRegistration,
  makePuppetRegistration,
  type PuppetRegistrationOptions,
} from "./puppets/registration.ts";
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
