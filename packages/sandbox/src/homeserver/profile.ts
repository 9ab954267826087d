/**
 * In what the imitated homeservers differ, as words for data. What each of them is stands in `profile-synapse.ts`,
 * `profile-conduit-family.ts` and `profile-dendrite.ts`; no code asks a server for its name.
 */
export type ProfileName = "synapse" | "conduit" | "conduwuit" | "continuwuity" | "tuwunel" | "dendrite";

/** How a request is refused. */
export type Refused = readonly [status: number, errcode: string];

export interface Profile {
  readonly name: ProfileName;
  readonly versions: readonly string[];
  readonly unstableFeatures: Readonly<Record<string, boolean>>;
  readonly defaultRoomVersion: "10" | "11" | "12";
  readonly push: PushStyle;
  /** What of an appservice's answer to a transaction counts as delivered. */
  readonly delivered: "2xx with JSON" | "2xx" | "below 400" | "200";
  readonly pushTimeoutMs: number;
  /** Connections to appservices are kept alive; else each transaction makes its own. */
  readonly keepsConnections: boolean;
  /** The hs_token stands in the query too. */
  readonly tokenInQuery: boolean;
  /** What is beside the event: `age` and `user_id`; the transaction id of every sender; no `unsigned` at all. */
  readonly pushedForm: "with age" | "with every transaction id" | "without unsigned";
  readonly redactionsPushed: boolean;
  /** Invites by people of other servers, where this server is not in the room yet. */
  readonly federatedInvitesPushed: boolean;
  /** Typing and receipts: never, under the keys that the registration asks for, under `ephemeral` only. */
  readonly ephemeral: "never" | "by flag" | "stable";
  /** Before which event an appservice is asked whether a user of its namespace exists. */
  readonly userQueries: "invite" | "profile" | "never";
  /** Undefined: there is no such endpoint. Else what is said of an answer that is no 2xx. */
  readonly ping: Refused | undefined;
  /** `/sync` with the appservice's token as its bot, as a ghost, and with the bot's own login; a status, 200 for an answer. */
  readonly appserviceSync: { readonly bot: number; readonly ghost: number; readonly botLogin: number };

  /** Header and query token in one request. */
  readonly mixedTokensRefused: boolean;
  /** The appservice's own bot exists only once registered. */
  readonly botMustRegister: boolean;
  /** `user_id` outside the appservice's namespaces, and of another server. */
  readonly outsideNamespace: Refused;
  readonly foreignUser: Refused;
  readonly registerWithoutType: Refused;
  /** whoami with the token that registering gave says `is_guest`. */
  readonly registeredIsGuest: boolean;
  /** Localparts are lower case `[a-z0-9._=/+-]` or refused. */
  readonly strictLocalparts: boolean;
  /** Namespace expressions match at the start only, or anywhere. */
  readonly namespaceAnchored: boolean;
  /** A profile is changed of the requester, whatever user stands in the path; or this refuses it. */
  readonly profileOfOther: Refused | "the requester's";
  /** What a transaction id is unique under: the path and the appservice, in memory; or user and device, in the database. */
  readonly txnScope: "path" | "device";
  /** Equal PUTs at one time are not known to each other: each makes its event. */
  readonly concurrentPutsDouble: boolean;
  /** `ts=` is heard from everybody, not only from appservices. */
  readonly tsOfAnyone: boolean;
  /** Setting equal state gives the old event. */
  readonly equalStateReused: boolean;
  /** A profile that shows nothing new in a room makes a member event there all the same. */
  readonly profileRepeats: boolean;
  readonly displayNameMax: number | undefined;
  readonly profileOfNobody: Refused;
  /** Joining where one is banned. */
  readonly joinBanned: Refused;
  readonly msgtypeNeeded: boolean;
  readonly badNumber: Refused;
  /** Undefined: taken. */
  readonly loneSurrogate: Refused | undefined;
  readonly tooLarge: Refused;
  readonly duplicateReactionRefused: boolean;
  readonly redactUnknown: Refused;
  /** `power_level_content_override.users` that does not fit the room version. */
  readonly badPowerOverride: Refused;
  /** Below version 12 the creator is put into an override that leaves him out. */
  readonly creatorAddedToOverride: boolean;
  /** Below version 12 a room that replaces another names the other's last event, and not only the room. */
  readonly upgradeNamesEvent: boolean;
  /** `/messages` and `/context` with an appservice token break the server's handler. */
  readonly historyBreaksForAppservices: boolean;
  /** `/messages` forwards wants a `from`. */
  readonly forwardsNeedsFrom: boolean;
  readonly timestampToEvent: boolean;
  readonly devicesByAppservice: boolean;
  /** `device_id=`: ignored (undefined), or how an unknown one is refused. */
  readonly unknownDevice: Refused | undefined;
  /** `device_id=` without `user_id` breaks the server. */
  readonly bareDeviceBreaks: boolean;
  /** `"useless"`: it gets a token that works for nothing. */
  readonly loginOfUnregistered: Refused | "useless";
  /** Ghosts may make aliases of the namespace. */
  readonly ghostsMakeAliases: boolean;
  /** Alias query answered with 200 although no alias was made. */
  readonly aliasLie: Refused;
  /** Alias query that got no answer. */
  readonly aliasUnanswered: Refused;
  readonly knocking: boolean;
  readonly rateLimits: boolean;
}

/** The ways of pushing: `push-synapse.ts`, `push-next-event.ts`, `push-dendrite.ts`. */
export type PushStyle =
  | { readonly kind: "synapse" }
  | { readonly kind: "dendrite" }
  | {
      readonly kind: "next event";
      /** Events of a transaction after the first. */
      readonly eventsMax: number;
      /** The next event tries again once `baseMs` x tries^`power` have passed since the failure, at most `maxMs`. */
      readonly wait: { readonly baseMs: number; readonly power: 1 | 2; readonly maxMs: number } | undefined;
      /** The backlog is sorted by room, then by stream. */
      readonly byRoom: boolean;
      /** A ping that comes through flushes the queue. */
      readonly pingFlushes: boolean;
    };
