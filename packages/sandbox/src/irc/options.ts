/**
 * What a sandbox IRC server is asked to be: its options with their defaults, the capabilities it offers and the ISUPPORT
 * tokens it prints. Pure data; it knows no connection.
 */
import type { Casemapping } from "./wire.ts";

export type AccountCap = "account-tag" | "account-notify" | "extended-join";

/** Which parts of IRCv3 the server offers. Absent means off: the bare default is as poor as ngircd. */
export interface SandboxIrcFeatures {
  readonly messageTags?: boolean;
  readonly serverTime?: boolean;
  readonly msgid?: boolean;
  readonly batch?: boolean;
  readonly echoMessage?: boolean;
  readonly labeledResponse?: boolean;
  /** account-tag, account-notify and extended-join, or only these of them. */
  readonly accountTag?: boolean | readonly AccountCap[];
  readonly chathistory?: boolean | { readonly limit?: number; readonly retained?: number };
  readonly redaction?: boolean;
  readonly relaymsg?: boolean | { readonly separators?: string; readonly opsOnly?: boolean };
  /** False drops `+draft/react` and says so in CLIENTTAGDENY; otherwise it passes with message-tags. */
  readonly react?: boolean;
  readonly typing?: boolean;
  readonly sasl?: { readonly users: Readonly<Record<string, string>>; readonly mechanisms?: readonly string[] };
  readonly casemapping?: Casemapping;
  /** Wanted by PASS of every client. */
  readonly password?: string;
  readonly topicLen?: number;
  readonly nickLen?: number;
  readonly kickLen?: number;
  readonly channelLen?: number;
}

/** `burst` lines at once, then `linesPerSecond`; what exceeds that waits, or costs the connection. */
export interface SandboxIrcThrottle {
  readonly burst: number;
  readonly linesPerSecond: number;
  readonly onExcess: "delay" | "kill";
}

export interface SandboxIrcOptions {
  readonly host?: string;
  readonly port?: number;
  readonly name?: string;
  readonly network?: string;
  readonly features?: SandboxIrcFeatures;
  readonly throttle?: "none" | SandboxIrcThrottle;
  /** A longer line closes the link with ERROR, as ngircd does; relayed lines are cut to it, prefix included. */
  readonly lineBytesMax?: number;
  readonly sendqBytesMax?: number;
  readonly pingAfterIdleMs?: number;
  readonly pongWithinMs?: number;
  readonly registrationWithinMs?: number;
  readonly clientsMax?: number;
  readonly channelsMax?: number;
  readonly now?: () => number;
}

/** The options with every default filled in. */
export interface ServerSettings {
  readonly host: string;
  readonly name: string;
  readonly network: string;
  readonly features: SandboxIrcFeatures;
  readonly throttle: "none" | SandboxIrcThrottle;
  readonly lineBytesMax: number;
  readonly sendqBytesMax: number;
  readonly pingAfterIdleMs: number;
  readonly pongWithinMs: number;
  readonly registrationWithinMs: number;
  readonly clientsMax: number;
  readonly channelsMax: number;
  readonly now: () => number;
  readonly casemapping: Casemapping;
  readonly topicLen: number;
  readonly nickLen: number;
  readonly kickLen: number;
  readonly channelLen: number;
  readonly history: { readonly limit: number; readonly retained: number } | undefined;
  readonly relaymsg: { readonly separators: string; readonly opsOnly: boolean } | undefined;
  readonly deniedTags: ReadonlySet<string>;
  /** Capability name to its value ("" for none). */
  readonly offered: ReadonlyMap<string, string>;
}

/** One bit a capability, so that the variants of a line can be kept by number. */
export const capBits = {
  "message-tags": 1,
  "server-time": 2,
  batch: 4,
  "echo-message": 8,
  "labeled-response": 16,
  "account-tag": 32,
  "account-notify": 64,
  "extended-join": 128,
  "draft/chathistory": 256,
  "draft/message-redaction": 512,
  "draft/relaymsg": 1024,
  sasl: 2048,
  "multi-prefix": 4096,
  "userhost-in-names": 8192,
  "cap-notify": 16384,
} as const;

export type CapName = keyof typeof capBits;

/** Every IRCv3 feature the sandbox has, as Ergo would offer it. */
export const allFeatures: SandboxIrcFeatures = {
  messageTags: true,
  serverTime: true,
  msgid: true,
  batch: true,
  echoMessage: true,
  labeledResponse: true,
  accountTag: true,
  chathistory: true,
  redaction: true,
  relaymsg: true,
  react: true,
  typing: true,
};

export function completeSettings(options: SandboxIrcOptions): ServerSettings {
  const features = options.features ?? {};
  const history = features.chathistory === true ? {} : features.chathistory || undefined;
  const relaymsg = features.relaymsg === true ? {} : features.relaymsg || undefined;
  const denied = new Set<string>();
  if (features.react === false) denied.add("draft/react");
  if (features.typing === false) denied.add("typing");
  return {
    host: options.host ?? "127.0.0.1",
    name: options.name ?? "irc.sandbox.test",
    network: options.network ?? "Sandbox",
    features,
    throttle: options.throttle ?? "none",
    lineBytesMax: options.lineBytesMax ?? 512,
    sendqBytesMax: options.sendqBytesMax ?? 64 * 1024 * 1024,
    pingAfterIdleMs: options.pingAfterIdleMs ?? 120_000,
    pongWithinMs: options.pongWithinMs ?? 20_000,
    registrationWithinMs: options.registrationWithinMs ?? 30_000,
    clientsMax: options.clientsMax ?? Number.POSITIVE_INFINITY,
    channelsMax: options.channelsMax ?? Number.POSITIVE_INFINITY,
    now: options.now ?? Date.now,
    casemapping: features.casemapping ?? "rfc1459",
    topicLen: features.topicLen ?? 390,
    nickLen: features.nickLen ?? 30,
    kickLen: features.kickLen ?? 390,
    channelLen: features.channelLen ?? 64,
    history: history && { limit: history.limit ?? 100, retained: history.retained ?? 50_000 },
    relaymsg: relaymsg && { separators: relaymsg.separators ?? "/", opsOnly: relaymsg.opsOnly ?? false },
    deniedTags: denied,
    offered: offeredCaps(features, relaymsg?.separators ?? "/"),
  };
}

function offeredCaps(features: SandboxIrcFeatures, separators: string): Map<string, string> {
  const { accountTag = false } = features;
  const tells = (cap: AccountCap): boolean => (typeof accountTag === "boolean" ? accountTag : accountTag.includes(cap));
  const wanted: [CapName, unknown, string?][] = [
    ["multi-prefix", true],
    ["message-tags", features.messageTags],
    ["server-time", features.serverTime],
    ["batch", features.batch],
    ["echo-message", features.echoMessage],
    ["labeled-response", features.labeledResponse],
    ["account-tag", tells("account-tag")],
    ["account-notify", tells("account-notify")],
    ["extended-join", tells("extended-join")],
    ["draft/chathistory", features.chathistory],
    ["draft/message-redaction", features.redaction],
    ["draft/relaymsg", features.relaymsg, separators],
    ["sasl", features.sasl, (features.sasl?.mechanisms ?? ["PLAIN"]).join(",")],
    ["userhost-in-names", features.messageTags],
    ["cap-notify", features.messageTags],
  ];
  return new Map(wanted.filter(([, on]) => Boolean(on)).map(([name, , value]) => [name, value ?? ""]));
}

/** The 005 tokens, in groups of at most 12. */
export function isupportLines(settings: ServerSettings): string[] {
  const tokens = [
    `NETWORK=${settings.network}`,
    `CASEMAPPING=${settings.casemapping}`,
    "CHANTYPES=#&",
    "PREFIX=(ov)@+",
    "CHANMODES=b,k,l,imnst",
    "MODES=4",
    "STATUSMSG=@+",
    "MAXLIST=b:100",
    `NICKLEN=${settings.nickLen}`,
    `TOPICLEN=${settings.topicLen}`,
    `KICKLEN=${settings.kickLen}`,
    `CHANNELLEN=${settings.channelLen}`,
    "AWAYLEN=200",
    "MONITOR=100",
    "WHOX",
    "TARGMAX=PRIVMSG:4,NOTICE:4,JOIN:,PART:,KICK:1",
  ];
  if (settings.lineBytesMax !== 512) tokens.push(`LINELEN=${settings.lineBytesMax}`);
  if (settings.history) tokens.push(`CHATHISTORY=${settings.history.limit}`, "MSGREFTYPES=msgid,timestamp");
  if (settings.deniedTags.size > 0) tokens.push(`CLIENTTAGDENY=${[...settings.deniedTags].join(",")}`);
  const lines: string[] = [];
  for (let at = 0; at < tokens.length; at += 12) lines.push(tokens.slice(at, at + 12).join(" "));
  return lines;
}
