/**
 * The `irc:` section of the config: its schema with defaults, and an example that is shown to admins. It refuses what would
 * leak a password. Nothing is read from disk here except that `caFile` names a file which connector.ts opens.
 */
import { z } from "zod";

const slug = z.string().regex(/^[a-z0-9-]{1,32}$/, "use lower-case letters, digits and hyphens");
// what leaves us as a line: no control bytes; the nick's own rules are the server's, these are what every server shares
const nick = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\s,:!@#&$*?.\d\p{Cc}-][^\s,:!@$*?.\p{Cc}]*$/u, "not a nick");
const oneLine = z.string().regex(/^\P{Cc}*$/u, "control characters are not allowed");
const secret = oneLine.min(1).max(300);
const milliseconds = z.number().int().positive().max(86_400_000);

const server = z.strictObject({
  host: oneLine.min(1).max(255).regex(/^\S+$/, "no spaces"),
  port: z.number().int().min(1).max(65_535).default(6697),
  tls: z.boolean().default(true),
  caFile: z.string().min(1).optional(),
  rejectUnauthorized: z.boolean().default(true),
});

const encoding = z.string().refine((label) => {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}, "not a known encoding");

const network = z
  .strictObject({
    servers: z.array(server).min(1).max(20),
    nick,
    username: nick.max(32).optional(),
    realname: oneLine.min(1).max(150).optional(),
    password: secret.optional(),
    sasl: z.strictObject({ account: oneLine.min(1).max(100), password: secret }).optional(),
    profile: z.enum(["default", "libera", "ngircd", "inspircd", "ergo", "unlimited"]).optional(),
    pace: z
      .union([
        z.literal("unlimited"),
        z.strictObject({ burst: z.number().int().min(1).max(1000), linesPerSecond: z.number().min(0.1).max(10_000) }),
      ])
      .optional(),
    encodingFallback: encoding.default("latin1"),
    connectTimeoutMs: milliseconds.default(20_000),
    registrationTimeoutMs: milliseconds.default(60_000),
    pingIntervalMs: milliseconds.default(60_000),
    pingTimeoutMs: milliseconds.default(180_000),
    confirmTimeoutMs: milliseconds.default(60_000),
    retryMinMs: milliseconds.default(2_000),
    retryMaxMs: milliseconds.default(300_000),
    rejoinMinMs: milliseconds.default(5_000),
    rejoinMaxMs: milliseconds.default(600_000),
    outgoingAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
    contact: oneLine.min(1).max(150).optional(),
    partsMax: z.number().int().min(1).max(50).default(5),
    historyLinesMax: z.number().int().min(0).max(100_000).default(2_000),
    allowPlaintextPassword: z.boolean().default(false),
  })
  .superRefine((value, context) => {
    if (value.password === undefined && value.sasl === undefined) return;
    for (const [at, { host, tls }] of value.servers.entries()) {
      if (tls || value.allowPlaintextPassword || isLoopback(host)) continue;
      context.addIssue({
        code: "custom",
        path: ["servers", at, "tls"],
        message: "a password would cross the network in clear: use TLS, or set allowPlaintextPassword if you must",
      });
    }
  });

/** The schema of the `irc:` section. */
export const ircConfigSchema = z.strictObject({
  networks: z
    .record(slug, network)
    .refine((networks) => Object.keys(networks).length > 0, "name at least one IRC network"),
});

export type IrcConfig = z.output<typeof ircConfigSchema>;
export type IrcNetworkConfig = IrcConfig["networks"][string];
export type IrcServerConfig = IrcNetworkConfig["servers"][number];

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** The section as `trestle example` prints it. */
export const ircConfigExample = `irc:
  networks:
    # The name of each network is yours to choose; it becomes part of the ghosts' Matrix ids and cannot change later.
    libera:
      servers: # tried in this order, again and again
        - host: irc.libera.chat
          port: 6697
          # tls: true                 # certificates are verified; only ever turn this off for a server on this machine
          # caFile: /etc/trestle/ca.pem   # an authority of your own
      nick: trestle
      # username: trestle
      # realname: "Matrix bridge of example.org"
      contact: "irc-admin@example.org" # shown in WHOIS and to CTCP VERSION: whom to ask about this bridge
      # The account that the network's services know. Without success the bridge does not enter the network.
      # sasl:
      #   account: trestle
      #   password: "secret"          # or the environment: see the operator's page
      # password: "secret"            # the server's own password, where it has one
      profile: libera # how fast the server lets us write: default, libera, ngircd, inspircd, ergo, unlimited
      # pace: { burst: 5, linesPerSecond: 1 } # your own figures instead of a profile
      # encodingFallback: latin1      # for lines that are not UTF-8
      # partsMax: 5                   # a longer message is cut after so many lines
      # historyLinesMax: 2000         # fetched per channel after an outage, where the server keeps history
      # outgoingAddress: 192.0.2.7
      # pingIntervalMs: 60000
      # pingTimeoutMs: 180000
`;
