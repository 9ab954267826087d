/**
 * The sections of a config file that every span shares: what may stand there, the defaults, and what is said of a mistake. A
 * span's own section is the span's matter. Reading the file and finding its lines is config-file.ts.
 */
import { type BridgeSettings, userId } from "@trestle/core";
import { serverKinds } from "@trestle/matrix";
import { z } from "zod";
import { optionalSections } from "./config-optional.ts";
import { dayMs, days, hostAndPort, httpUrl, localpart } from "./config-values.ts";

const level = z.enum(["block", "relay", "user", "moderator", "admin"], {
  error: "must be one of block, relay, user, moderator, admin",
});

const actor = z.string().regex(/^(?:\*|@[^:\s]+:\S+|!\S+|[a-z0-9.-]+(?::\d+)?|\[[0-9a-f:.]+\](?::\d+)?)$/i, {
  error: 'must be a user ("@name:server"), a room id ("!id"), a server name ("example.org") or "*"',
});

const matrixUser = z.string().regex(/^@[^:\s]+:\S+$/, { error: 'must be a Matrix user id, like "@name:example.org"' });

/** A regular expression that compiles, anchored by us at both ends. */
const pattern = z.string().refine(
  (text) => {
    try {
      return new RegExp(`^(?:${text})$`, "u") instanceof RegExp;
    } catch {
      return false;
    }
  },
  { error: "is no regular expression" },
);

/** The shape for a span of this name; `span` gives the defaults their names. */
export function sharedShape(span: string) {
  return {
    homeserver: z.strictObject({
      url: httpUrl("http://127.0.0.1:8008"),
      name: z
        .string({ error: "must be the server's name, the part of user ids after the colon" })
        .regex(/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, {
          error: "must be the server's name, the part of user ids after the colon, without https://",
        }),
      profile: z.enum(serverKinds, { error: `must be one of ${serverKinds.join(", ")}` }).optional(),
    }),
    appservice: z.strictObject({
      listen: hostAndPort("127.0.0.1:29310"),
      url: httpUrl("http://127.0.0.1:29310"),
      registration: z.string({ error: "must be the path of the registration file" }).min(1, { error: "is empty" }),
      bot: localpart("a user name").default(`_${span}_bot`),
      prefix: localpart("the beginning of the ghosts' names").default(`_${span}_`),
    }),
    database: z.strictObject({
      url: z
        .string({ error: "must be sqlite:FILE or postgres://..." })
        .regex(/^(?:sqlite:.+|postgres(?:ql)?:\/\/.+)$/, {
          error: `must be sqlite:FILE (like sqlite:./${span}.db) or postgres://USER:PASSWORD@HOST/DATABASE`,
        }),
    }),
    permissions: z
      .record(
        actor,
        z.union([level, z.record(z.string(), level)], {
          error: "must be one of block, relay, user, moderator, admin, or a level for each network",
        }),
      )
      .default({ "*": "relay" }),
    links: z
      .array(
        z.strictObject({
          room: z.string().regex(/^[!#]\S+$/, { error: 'must be a room id ("!...") or an alias ("#name:server")' }),
          network: z.string(),
          chat: z.string().min(1, { error: "is empty" }),
        }),
      )
      .default([]),
    admin: z
      .strictObject({
        listen: hostAndPort("127.0.0.1:29311").default("127.0.0.1:29311"),
        token: z.string().min(16, { error: "is too short to be safe: at least 16 characters" }).optional(),
      })
      .default({ listen: "127.0.0.1:29311" }),
    log: z
      .strictObject({
        level: z
          .enum(["debug", "info", "warn", "error"], { error: "must be one of debug, info, warn, error" })
          .default("info"),
        format: z.enum(["json", "pretty"], { error: "must be json or pretty" }).default("json"),
      })
      .default({ level: "info", format: "json" }),
    retention: z
      .strictObject({
        textDays: days("how long texts are kept for quotes and edits").default(7),
        doneDays: days("how long finished messages are remembered")
          .min(1, { error: "cannot be less than 1: it is what keeps a redelivered message from being sent twice" })
          .default(14),
      })
      .default({ textDays: 7, doneDays: 14 }),
    siblings: z.array(z.strictObject({ bot: matrixUser, ghosts: pattern })).default([]),
    ...optionalSections(span),
  };
}

export type SharedConfig = z.output<z.ZodObject<ReturnType<typeof sharedShape>>>;

/** The config's shared part as the core wants it. */
export function bridgeSettings(config: SharedConfig): BridgeSettings {
  return {
    permissions: Object.entries(config.permissions).flatMap(([who, given]) =>
      typeof given === "string"
        ? [{ actor: who, level: given }]
        : Object.entries(given).map(([network, one]) => ({ actor: who, network, level: one })),
    ),
    links: config.links,
    siblings: config.siblings.map(({ bot, ghosts }) => ({ bot: userId(bot), ghosts })),
    textRetentionMs: config.retention.textDays * dayMs,
    doneRetentionMs: config.retention.doneDays * dayMs,
    reactionNotices: config.notices.reactions,
    receipts: config.notices.receipts,
    statusEvents: config.notices.status,
    members: config.members,
    spaces: config.spaces,
    laneJobsMax: 100_000,
  };
}
