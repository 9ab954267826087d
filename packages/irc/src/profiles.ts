/**
 * What a server tells of itself (ISUPPORT) and how fast it may be written to. Data and pure reading: hostile or missing tokens
 * leave the defaults of RFC 1459 standing. It knows no connection.
 */

export interface Pace {
  /** Lines that may go at once. */
  readonly burst: number;
  readonly linesPerSecond: number;
}

export type ProfileName = "default" | "libera" | "ngircd" | "inspircd" | "ergo" | "unlimited";

/** Measured against ngIRCd 26.1 and InspIRCd 3.15 (a burst drains at about three lines a second); the others by their documents. */
export const profiles: Readonly<Record<ProfileName, Pace | "unlimited">> = {
  default: { burst: 5, linesPerSecond: 1 },
  libera: { burst: 5, linesPerSecond: 1.5 },
  ngircd: { burst: 3, linesPerSecond: 2.5 },
  inspircd: { burst: 10, linesPerSecond: 2.5 },
  ergo: { burst: 10, linesPerSecond: 2 },
  unlimited: "unlimited",
};

export interface ServerOptions {
  readonly networkName?: string;
  readonly casemapping: string;
  readonly chantypes: string;
  /** Mode letters and their symbols, highest first: `(qaohv)~&@%+` as [["q","~"], ...]. */
  readonly prefixes: readonly (readonly [mode: string, symbol: string])[];
  /** CHANMODES groups A to D. */
  readonly chanmodes: readonly [string, string, string, string];
  readonly statusmsg: string;
  readonly nickLength: number;
  readonly topicLength: number;
  readonly channelLength: number;
  /** Channels in one JOIN, if the server says so. */
  readonly joinTargets: number;
  readonly monitor: boolean;
  readonly whox: boolean;
  /** CLIENTTAGDENY (https://ircv3.net/specs/extensions/message-tags): client tags that the server drops, `*` for all, `-typing` an exception. */
  readonly deniedTags: readonly string[];
  /** ngIRCd counts penalties: it reads no faster than about three lines a second. */
  readonly penalty: boolean;
}

export const defaultServerOptions: ServerOptions = {
  casemapping: "rfc1459",
  chantypes: "#&",
  prefixes: [
    ["q", "~"],
    ["a", "&"],
    ["o", "@"],
    ["h", "%"],
    ["v", "+"],
  ],
  chanmodes: ["beI", "k", "l", "imnpst"],
  statusmsg: "",
  nickLength: 30,
  topicLength: 390,
  channelLength: 64,
  joinTargets: Number.POSITIVE_INFINITY,
  monitor: false,
  whox: false,
  deniedTags: [],
  penalty: false,
};

/** The options after one more line of ISUPPORT tokens (https://modern.ircdocs.horse/#rplisupport-parameters). */
export function readServerOptions(known: ServerOptions, tokens: readonly string[]): ServerOptions {
  let options = known;
  for (const token of tokens) {
    const at = token.indexOf("=");
    const name = (at === -1 ? token : token.slice(0, at)).toUpperCase();
    const value = at === -1 ? "" : unescapeValue(token.slice(at + 1));
    options = { ...options, ...readToken(name, value) };
  }
  return options;
}

function readToken(name: string, value: string): Partial<ServerOptions> {
  switch (name) {
    case "NETWORK":
      return /^[\x21-\x7e]{1,64}$/.test(value) ? { networkName: value } : {};
    case "CASEMAPPING":
      return value === "" ? {} : { casemapping: value.toLowerCase() };
    case "CHANTYPES":
      return /^[^\p{L}\p{N}\s,:]+$/u.test(value) ? { chantypes: value } : {};
    case "PREFIX":
      return readPrefix(value);
    case "CHANMODES": {
      const [a = "", b = "", c = "", d = ""] = value.split(",");
      return value === "" ? {} : { chanmodes: [a, b, c, d] };
    }
    case "STATUSMSG":
      return { statusmsg: value };
    case "NICKLEN":
      return readLength("nickLength", value, 1, 128);
    case "TOPICLEN":
      return readLength("topicLength", value, 1, 4096);
    case "CHANNELLEN":
      return readLength("channelLength", value, 1, 512);
    case "TARGMAX": {
      const join = /(?:^|,)JOIN:(\d*)/i.exec(value);
      return join?.[1] === undefined || join[1] === "" ? {} : readLength("joinTargets", join[1], 1, 1_000);
    }
    case "MONITOR":
      return { monitor: true };
    case "WHOX":
      return { whox: true };
    case "CLIENTTAGDENY":
      return { deniedTags: value.split(",").slice(0, 64) };
    case "PENALTY":
      return { penalty: true };
    default:
      return {};
  }
}

/** Whether the server passes this client tag (without its `+`) on. */
export function passesTag({ deniedTags }: Pick<ServerOptions, "deniedTags">, tag: string): boolean {
  if (deniedTags.includes(`-${tag}`)) return true;
  return !deniedTags.includes("*") && !deniedTags.includes(tag);
}

function readPrefix(value: string): Partial<ServerOptions> {
  const match = /^\(([a-zA-Z]*)\)(.*)$/.exec(value);
  const [modes, symbols] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (match === null || modes.length !== symbols.length) return value === "" ? { prefixes: [] } : {};
  return { prefixes: [...modes].map((mode, at) => [mode, symbols[at] ?? ""] as const) };
}

function readLength<K extends keyof ServerOptions>(key: K, value: string, min: number, max: number) {
  const number = Number(value);
  return /^\d+$/.test(value) && number >= min ? ({ [key]: Math.min(number, max) } as Partial<ServerOptions>) : {};
}

function unescapeValue(value: string): string {
  return value.replace(/\\x([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The pace for a connection: the config's word first, then the named profile, then what the server gives away. */
export function choosePace(
  config: { readonly profile?: ProfileName | undefined; readonly pace?: Pace | "unlimited" | undefined },
  options: ServerOptions,
): Pace | "unlimited" {
  if (config.pace !== undefined) return config.pace;
  if (config.profile !== undefined) return profiles[config.profile];
  return options.penalty ? profiles.ngircd : profiles.default;
}
