/**
 * Conduit 0.11 as measured, and those that descend from it (conduwuit 0.5, continuwuity 26.8, tuwunel 1.9) as their sources
 * have it: what is not known of them is as with Conduit.
 */
import type { Profile } from "./profile.ts";

const old = ["r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1"];
const minors = (...numbers: readonly number[]): string[] => numbers.map((number) => `v1.${number}`);
const upTo = (last: number): string[] => minors(...Array.from({ length: last }, (_one, index) => index + 1));

export const conduit: Profile = {
  name: "conduit",
  versions: ["r0.5.0", "r0.6.0", ...upTo(12)],
  unstableFeatures: { "org.matrix.e2e_cross_signing": true, "org.matrix.msc3916.stable": true },
  defaultRoomVersion: "12",
  push: {
    kind: "next event",
    eventsMax: 30,
    wait: { baseMs: 30_000, power: 2, maxMs: 24 * 3_600_000 },
    byRoom: true,
    pingFlushes: false,
  },
  delivered: "below 400",
  pushTimeoutMs: 30_000,
  keepsConnections: false,
  tokenInQuery: true,
  pushedForm: "with every transaction id",
  redactionsPushed: true,
  federatedInvitesPushed: true,
  ephemeral: "never",
  userQueries: "never",
  ping: [502, "M_CONNECTION_FAILED"],
  appserviceSync: { bot: 500, ghost: 500, botLogin: 200 },
  mixedTokensRefused: false,
  botMustRegister: true,
  outsideNamespace: [400, "M_EXCLUSIVE"],
  foreignUser: [400, "M_EXCLUSIVE"],
  registerWithoutType: [400, "M_EXCLUSIVE"],
  registeredIsGuest: true,
  strictLocalparts: true,
  namespaceAnchored: false,
  profileOfOther: "the requester's",
  txnScope: "device",
  concurrentPutsDouble: false,
  tsOfAnyone: false,
  equalStateReused: false,
  profileRepeats: true,
  displayNameMax: undefined,
  profileOfNobody: [404, "M_NOT_FOUND"],
  joinBanned: [403, "M_FORBIDDEN"],
  msgtypeNeeded: false,
  badNumber: [400, "M_INVALID_PARAM"],
  loneSurrogate: [400, "M_BAD_JSON"],
  tooLarge: [400, "M_INVALID_PARAM"],
  duplicateReactionRefused: false,
  redactUnknown: [403, "M_FORBIDDEN"],
  badPowerOverride: [403, "M_FORBIDDEN"],
  creatorAddedToOverride: false,
  upgradeNamesEvent: false,
  historyBreaksForAppservices: true,
  forwardsNeedsFrom: false,
  timestampToEvent: false,
  devicesByAppservice: false,
  unknownDevice: undefined,
  bareDeviceBreaks: false,
  loginOfUnregistered: [500, "M_UNKNOWN"],
  ghostsMakeAliases: true,
  aliasLie: [500, "M_UNKNOWN"],
  aliasUnanswered: [404, "M_NOT_FOUND"],
  knocking: true,
  rateLimits: false,
};

export const conduwuit: Profile = {
  ...conduit,
  name: "conduwuit",
  versions: [...old, ...upTo(5), ...minors(11)],
  unstableFeatures: {
    "org.matrix.e2e_cross_signing": true,
    "org.matrix.msc2285.stable": true,
    "org.matrix.msc3916.stable": true,
    "org.matrix.msc4180": true,
    "org.matrix.simplified_msc3575": true,
  },
  defaultRoomVersion: "11",
  push: { kind: "next event", eventsMax: 48, wait: undefined, byRoom: false, pingFlushes: false },
  delivered: "2xx",
  pushTimeoutMs: 35_000,
  keepsConnections: true,
  registeredIsGuest: false,
  profileOfOther: [403, "M_FORBIDDEN"],
  loginOfUnregistered: [400, "M_INVALID_PARAM"],
};

export const continuwuity: Profile = {
  ...conduwuit,
  name: "continuwuity",
  // 1.6, 1.7, 1.9 and 1.10 are left out
  versions: [...old, ...upTo(5), ...minors(8, 11, 12, 13, 14, 15, 16, 17, 18)],
  unstableFeatures: { "org.matrix.simplified_msc3575": true, "org.matrix.msc4155": true },
  defaultRoomVersion: "12",
  push: {
    kind: "next event",
    eventsMax: 48,
    wait: { baseMs: 10_000, power: 1, maxMs: 7 * 24 * 3_600_000 },
    byRoom: false,
    pingFlushes: false,
  },
  appserviceSync: { bot: 403, ghost: 403, botLogin: 200 },
  historyBreaksForAppservices: false,
  devicesByAppservice: true,
  unknownDevice: [403, "M_FORBIDDEN"],
};

export const tuwunel: Profile = {
  ...conduwuit,
  name: "tuwunel",
  versions: [...old, ...upTo(19)],
  unstableFeatures: {
    "org.matrix.e2e_cross_signing": true,
    "fi.mau.msc2659.stable": true,
    "org.matrix.msc3916.stable": true,
    "org.matrix.msc4180": true,
    "org.matrix.simplified_msc3575": true,
  },
  push: { kind: "next event", eventsMax: 48, wait: undefined, byRoom: false, pingFlushes: true },
  ephemeral: "stable",
  appserviceSync: { bot: 200, ghost: 200, botLogin: 200 },
  historyBreaksForAppservices: false,
  devicesByAppservice: true,
  unknownDevice: [400, "M_INVALID_PARAM"],
  duplicateReactionRefused: true,
};
