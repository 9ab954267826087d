/**
 * In what the imitated homeservers differ, as data. Each line was measured on the real server (Synapse 1.163, Conduit
 * 0.11); `describeHomeserver` on real Synapse keeps it true.
 */
export type ProfileName = "synapse" | "conduit";

export interface Profile {
  readonly name: ProfileName;
  readonly versions: readonly string[];
  readonly unstableFeatures: Readonly<Record<string, boolean>>;
  readonly defaultRoomVersion: "11" | "12";
  /** Header and query token in one request. */
  readonly mixedTokensRefused: boolean;
  /** The appservice's own bot exists only once registered. */
  readonly botMustRegister: boolean;
  /** `user_id` outside the appservice's namespaces. */
  readonly outsideNamespace: readonly [status: number, errcode: string];
  readonly registerWithoutType: readonly [status: number, errcode: string];
  /** Localparts are lower case `[a-z0-9._=/+-]` or refused. */
  readonly strictLocalparts: boolean;
  /** Namespace expressions match at the start only, or anywhere. */
  readonly namespaceAnchored: boolean;
  /** A profile is changed of the requester, whatever user stands in the path. */
  readonly profilePathIgnored: boolean;
  /** What a transaction id is unique under: the path and the appservice, in memory; or user and device, in the database. */
  readonly txnScope: "path" | "device";
  /** Setting equal state gives the old event. */
  readonly equalStateReused: boolean;
  readonly displayNameMax: number | undefined;
  readonly profileOfNobody: readonly [status: number, errcode: string];
  /** Joining where one is banned. */
  readonly joinBanned: readonly [status: number, errcode: string];
  readonly msgtypeNeeded: boolean;
  readonly badNumber: readonly [status: number, errcode: string];
  readonly loneSurrogate: readonly [status: number, errcode: string];
  readonly tooLarge: readonly [status: number, errcode: string];
  readonly duplicateReactionRefused: boolean;
  readonly redactUnknown: readonly [status: number, errcode: string];
  /** `power_level_content_override.users` that does not fit the room version. */
  readonly badPowerOverride: readonly [status: number, errcode: string];
  /** `/messages` and `/context` with an appservice token break the server's handler. */
  readonly historyBreaksForAppservices: boolean;
  readonly timestampToEvent: boolean;
  readonly devicesByAppservice: boolean;
  readonly deviceMasquerade: boolean;
  readonly loginOfUnregistered: readonly [status: number, errcode: string];
  /** Alias query answered with 200 although no alias was made. */
  readonly aliasLie: readonly [status: number, errcode: string];
  readonly userQueries: boolean;
  readonly ephemeral: boolean;
  readonly rateLimits: boolean;
  readonly pushTimeoutMs: number;
}

const synapse: Profile = {
  name: "synapse",
  versions: [
    "r0.6.1",
    "v1.1",
    "v1.2",
    "v1.3",
    "v1.4",
    "v1.5",
    "v1.6",
    "v1.7",
    "v1.8",
    "v1.9",
    "v1.10",
    "v1.11",
    "v1.12",
    "v1.13",
    "v1.14",
    "v1.15",
  ],
  unstableFeatures: { "fi.mau.msc2659.stable": true, "org.matrix.msc3916.stable": true },
  defaultRoomVersion: "12",
  mixedTokensRefused: true,
  botMustRegister: false,
  outsideNamespace: [403, "M_FORBIDDEN"],
  registerWithoutType: [400, "M_UNKNOWN"],
  strictLocalparts: false,
  namespaceAnchored: true,
  profilePathIgnored: false,
  txnScope: "path",
  equalStateReused: true,
  displayNameMax: 256,
  profileOfNobody: [404, "M_UNKNOWN"],
  joinBanned: [403, "M_BAD_STATE"],
  msgtypeNeeded: true,
  badNumber: [400, "M_BAD_JSON"],
  loneSurrogate: [500, "M_UNKNOWN"],
  tooLarge: [413, "M_TOO_LARGE"],
  duplicateReactionRefused: true,
  redactUnknown: [404, "M_NOT_FOUND"],
  badPowerOverride: [400, "M_BAD_JSON"],
  historyBreaksForAppservices: false,
  timestampToEvent: true,
  devicesByAppservice: true,
  deviceMasquerade: true,
  loginOfUnregistered: [404, "M_UNKNOWN"],
  aliasLie: [404, "M_NOT_FOUND"],
  userQueries: true,
  ephemeral: true,
  rateLimits: true,
  pushTimeoutMs: 60_000,
};

const conduit: Profile = {
  name: "conduit",
  versions: [
    "r0.5.0",
    "r0.6.0",
    "v1.1",
    "v1.2",
    "v1.3",
    "v1.4",
    "v1.5",
    "v1.6",
    "v1.7",
    "v1.8",
    "v1.9",
    "v1.10",
    "v1.11",
    "v1.12",
  ],
  unstableFeatures: { "org.matrix.e2e_cross_signing": true, "org.matrix.msc3916.stable": true },
  defaultRoomVersion: "12",
  mixedTokensRefused: false,
  botMustRegister: true,
  outsideNamespace: [400, "M_EXCLUSIVE"],
  registerWithoutType: [400, "M_EXCLUSIVE"],
  strictLocalparts: true,
  namespaceAnchored: false,
  profilePathIgnored: true,
  txnScope: "device",
  equalStateReused: false,
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
  historyBreaksForAppservices: true,
  timestampToEvent: false,
  devicesByAppservice: false,
  deviceMasquerade: false,
  loginOfUnregistered: [500, "M_UNKNOWN"],
  aliasLie: [500, "M_UNKNOWN"],
  userQueries: false,
  ephemeral: false,
  rateLimits: false,
  pushTimeoutMs: 30_000,
};

export const profiles: Readonly<Record<ProfileName, Profile>> = { synapse, conduit };
