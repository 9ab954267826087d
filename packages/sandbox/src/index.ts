// the IRC server and the hostile IRC peer

export type { SandboxIrcControls, SandboxIrcMessage } from "./irc/controls.ts";
export { createSandboxIrc, type SandboxIrc } from "./irc/create-sandbox-irc.ts";
export { createHostilePeer, type HostileConnection, type HostilePeer, type HostileScript } from "./irc/hostile-peer.ts";
export * as hostileScripts from "./irc/hostile-scripts.ts";
export { allFeatures as allIrcFeatures, type SandboxIrcFeatures, type SandboxIrcOptions } from "./irc/options.ts";
export type { HeardLine, SandboxIrcCounters } from "./irc/world.ts";
