// the IRC server and the hostile IRC peer

// the homeserver, and a person at any homeserver
export type { SandboxAccounts } from "./homeserver/access-tokens.ts";
export type { SandboxNamespace, SandboxRegistration } from "./homeserver/appservices.ts";
export type { SandboxClock } from "./homeserver/clock.ts";
export type { FailOptions, FaultMatch, SandboxFaults } from "./homeserver/faults.ts";
export type { SandboxCounts, SandboxHomeserver, SandboxHomeserverOptions } from "./homeserver/homeserver.ts";
export { createSandboxHomeserver } from "./homeserver/homeserver.ts";
export type { PersonEvent, PersonReader, SandboxPerson } from "./homeserver/person.ts";
export { loginPerson, personOf, registerPerson } from "./homeserver/person.ts";
export {
  expectedOf,
  openWire,
  probeRegistration,
  type Wire,
  type WireProbe,
  type WireSetting,
} from "./homeserver/probes/wire.ts";
export { wireProbes } from "./homeserver/probes/wire-probes.ts";
export type { ProfileName } from "./homeserver/profile.ts";
export { profileNames } from "./homeserver/profiles.ts";
export type { SandboxMedia } from "./homeserver/routes-media.ts";
export type { SandboxOAuth } from "./homeserver/routes-oauth.ts";
export type { SandboxIrcControls, SandboxIrcMessage } from "./irc/controls.ts";
export { createSandboxIrc, type SandboxIrc } from "./irc/create-sandbox-irc.ts";
export { createHostilePeer, type HostileConnection, type HostilePeer, type HostileScript } from "./irc/hostile-peer.ts";
export * as hostileScripts from "./irc/hostile-scripts.ts";
export { allFeatures as allIrcFeatures, type SandboxIrcFeatures, type SandboxIrcOptions } from "./irc/options.ts";
export type { HeardLine, SandboxIrcCounters } from "./irc/world.ts";
