/**
 * Getting in: the guard around irc-framework's CAP and SASL negotiation, and what it leaves out. Only capabilities that we
 * use are requested; one refusal does not lose the others; without the SASL success that the config asks for we never enter; a
 * taken or refused nick leads to another. It hears the lines of one connection until the welcome.
 */
import type { Client } from "irc-framework";
import { classifyServerError, cleanReason, type Failure } from "./failures.ts";
import { type IrcMessage, lastParam, numericOf, param } from "./message.ts";

/** What we ask for when it is offered, and nothing else: away-notify, for one, would cost a line for everybody's every pause. */
export const wantedCapabilities: readonly string[] = [
  "account-notify",
  "account-tag",
  "batch",
  "cap-notify",
  "draft/chathistory",
  "draft/message-redaction",
  "draft/relaymsg",
  "echo-message",
  "extended-join",
  "labeled-response",
  "message-tags",
  "multi-prefix",
  "overdrivenetworks.com/relaymsg",
  "server-time",
  "setname",
  "standard-replies",
  "userhost-in-names",
];

const nickTriesMax = 8;

export interface RegistrationOptions {
  readonly client: Client;
  readonly nick: string;
  readonly sasl: boolean;
  /** For people: `irc.example.org:6697`. */
  readonly where: string;
  readonly write: (command: string, params: readonly string[]) => void;
  readonly fail: (failure: Failure) => void;
}

/** `framework`: irc-framework may act on this; `taken`: it is dealt with. */
export type Step = { readonly to: "framework"; readonly message: IrcMessage } | { readonly to: "taken" };

export interface Registration {
  take(message: IrcMessage): Step;
}

const taken = { to: "taken" } as const;

/** Builds the guard for one connection. */
export function createRegistration(options: RegistrationOptions): Registration {
  const { client, fail, write, where } = options;
  const offered: string[] = [];
  const pending = new Set<string>();
  const granted: string[] = [];
  let authenticating = false;
  let authenticated = false;
  let welcomed = false;
  let nickTries = 0;
  const nicks = alternatives(options.nick);

  const saslFailed = (why: string): typeof taken => {
    fail({ kind: "sasl-failed", detail: `${where}: the login as the configured account failed (${cleanReason(why)})` });
    return taken;
  };

  const takeOffer = (message: IrcMessage): Step => {
    if (welcomed) return taken;
    for (const word of lastParam(message).split(" ")) {
      const name = word.split("=")[0] ?? "";
      const wanted = wantedCapabilities.includes(name) || (name === "sasl" && options.sasl);
      if (wanted && !offered.some((other) => other.split("=")[0] === name)) offered.push(word);
    }
    if (param(message, 2) === "*" && message.params.length > 3) return taken;
    const sasl = offered.find((word) => word.split("=")[0] === "sasl");
    if (options.sasl && sasl === undefined) return saslFailed("the server offers no SASL right now");
    const mechanisms = sasl?.split("=")[1];
    if (mechanisms !== undefined && !mechanisms.toUpperCase().split(",").includes("PLAIN")) {
      return saslFailed("the server does not offer PLAIN");
    }
    for (const word of offered) pending.add(word.split("=")[0] ?? "");
    return { to: "framework", message: { ...message, params: ["*", "LS", offered.join(" ")] } } as const;
  };

  // the framework sees one answer for everything, once all is answered
  const conclude = (): Step => {
    if (pending.size > 0) return taken;
    if (options.sasl && !granted.includes("sasl")) return saslFailed("the server refused the sasl capability");
    authenticating = options.sasl;
    client.network.cap.requested = [...granted];
    return { to: "framework", message: made("CAP", ["*", "ACK", granted.join(" ")]) } as const;
  };

  const takeCap = (message: IrcMessage): Step => {
    const kind = param(message, 1).toUpperCase();
    const names = lastParam(message)
      .split(" ")
      .map((name) => name.replace(/^[-~=]+/, ""))
      .filter((name) => name !== "");
    if (kind === "LS") return takeOffer(message);
    if (kind === "NEW") {
      const fresh = names.map((word) => word.split("=")[0] ?? "").filter((name) => wantedCapabilities.includes(name));
      const news = fresh.filter((name) => !client.network.cap.enabled.includes(name));
      if (welcomed) for (const name of new Set(news)) write("CAP", ["REQ", name]);
      return taken;
    }
    if (kind === "DEL") return { to: "framework", message } as const;
    if (kind === "ACK" && welcomed) {
      const expected = names.filter((name) => wantedCapabilities.includes(name));
      return { to: "framework", message: made("CAP", ["*", "ACK", expected.join(" ")]) } as const;
    }
    if (welcomed || pending.size === 0 || (kind !== "ACK" && kind !== "NAK")) return taken;
    if (kind === "ACK") for (const name of names) if (pending.delete(name)) granted.push(name);
    if (kind === "NAK") retryApart(names);
    return conclude();
  };
  let asked: "together" | "apart" = "together";
  const retryApart = (names: readonly string[]): void => {
    if (asked === "apart") {
      for (const name of names) pending.delete(name);
      return;
    }
    asked = "apart";
    for (const name of pending) write("CAP", ["REQ", name]);
  };

  const takeNickProblem = (message: IrcMessage): Step => {
    // 437 may name a channel; 433 after the welcome answers our attempt to regain
    if (welcomed) return taken;
    nickTries += 1;
    const next = nicks.next(numericOf(message) === 432);
    if (nickTries >= nickTriesMax || next === undefined) {
      const invalid = numericOf(message) === 432;
      fail({
        kind: invalid ? "nick-invalid" : "nick-in-use",
        detail: invalid
          ? `${where} does not accept the nick ${options.nick}: ${cleanReason(lastParam(message))}`
          : `the nick ${options.nick} and its alternatives are taken on ${where}`,
      });
      return taken;
    }
    client.user.nick = next;
    write("NICK", [next]);
    return taken;
  };

  const takeSasl = (message: IrcMessage): Step => {
    if (!authenticating || authenticated) return taken;
    switch (message.command) {
      case "AUTHENTICATE":
        return param(message, 0) === "+"
          ? ({ to: "framework", message } as const)
          : saslFailed("an unexpected challenge");
      // 900 alone must not end the negotiation: 4.14.0 would, and some servers then abort the login
      case "900":
        return taken;
      case "903":
        authenticated = true;
        return { to: "framework", message } as const;
      default:
        return saslFailed(lastParam(message));
    }
  };

  const takeWelcome = (message: IrcMessage): Step => {
    if (options.sasl && !authenticated) return saslFailed("the server let us in without it, so we left");
    welcomed = true;
    return { to: "framework", message } as const;
  };

  return {
    take(message) {
      switch (message.command) {
        case "CAP":
          return takeCap(message);
        case "AUTHENTICATE":
        case "900":
        case "902":
        case "903":
        case "904":
        case "905":
        case "906":
        case "907":
        case "908":
          return takeSasl(message);
        case "432":
        case "433":
        case "436":
        case "437":
          return takeNickProblem(message);
        case "464":
          fail({ kind: "password-refused", detail: `${where} refused the server password` });
          return taken;
        case "463":
        case "465":
          fail(classifyServerError(`banned: ${lastParam(message)}`, where));
          return taken;
        case "001":
          return takeWelcome(message);
        default:
          return taken;
      }
    },
  };
}

/** Other nicks to try: the wanted one with underscores, then digits; shortened to nine characters once the server finds it invalid. */
function alternatives(wanted: string): { next(invalid: boolean): string | undefined } {
  let stem = wanted;
  let tries = 0;
  return {
    next(invalid) {
      if (invalid) {
        const short = wanted.replace(/[^A-Za-z0-9_[\]\\`^{|}]/g, "").slice(0, 9);
        if (short === "" || short === stem) return undefined;
        stem = short;
        tries = 0;
        return stem;
      }
      tries += 1;
      const suffix = tries <= 2 ? "_".repeat(tries) : String(Math.floor(Math.random() * 900) + 100);
      return `${stem.slice(0, Math.max(1, Math.max(9, stem.length) - suffix.length))}${suffix}`;
    },
  };
}

function made(command: string, params: string[]): IrcMessage {
  return { tags: {}, prefix: "", nick: "", ident: "", hostname: "", command, params };
}
