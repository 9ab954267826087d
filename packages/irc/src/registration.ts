/**
 * Getting in: the guard around irc-framework's CAP and SASL negotiation, and what it leaves out. Only capabilities that we
 * use are requested; one refusal does not lose the others; without the SASL success that the config asks for we never enter; a
 * taken or refused nick leads to another. It hears the lines of one connection until the welcome.
 */
import type { Client } from "irc-framework";
import { createNegotiation, type Step, taken } from "./capability-negotiation.ts";
import { classifyServerError, cleanReason, type Failure } from "./failures.ts";
import { type IrcMessage, lastParam, numericOf, param } from "./message.ts";

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

export interface Registration {
  take(message: IrcMessage): Step;
}

/** Builds the guard for one connection. */
export function createRegistration(options: RegistrationOptions): Registration {
  const { client, fail, write, where } = options;
  let authenticated = false;
  let welcomed = false;
  let nickTries = 0;
  const nicks = alternatives(options.nick);

  const saslFailed = (why: string): typeof taken => {
    fail({ kind: "sasl-failed", detail: `${where}: the login as the configured account failed (${cleanReason(why)})` });
    return taken;
  };

  const negotiation = createNegotiation({ client, sasl: options.sasl, write, saslFailed });

  const takeNickProblem = (message: IrcMessage): Step => {
    // 437 may name a channel; 433 after the welcome answers our attempt to regain
    if (welcomed) return taken;
    nickTries += 1;
    const next = nicks.next(isInvalid(message));
    if (nickTries >= nickTriesMax || next === undefined) {
      fail(noNickLeft(message, options));
      return taken;
    }
    client.user.nick = next;
    write("NICK", [next]);
    return taken;
  };

  const takeSasl = (message: IrcMessage): Step => {
    if (!negotiation.isAuthenticating() || authenticated) return taken;
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
    negotiation.welcome();
    return { to: "framework", message } as const;
  };

  return {
    take(message) {
      switch (message.command) {
        case "CAP":
          return negotiation.take(message);
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

// ERR_ERRONEUSNICKNAME
const isInvalid = (message: IrcMessage): boolean => numericOf(message) === 432;

function noNickLeft(message: IrcMessage, { nick, where }: RegistrationOptions): Failure {
  return isInvalid(message)
    ? { kind: "nick-invalid", detail: `${where} does not accept the nick ${nick}: ${cleanReason(lastParam(message))}` }
    : { kind: "nick-in-use", detail: `the nick ${nick} and its alternatives are taken on ${where}` };
}

/**
 * Other nicks to try, none of them twice: the wanted one with underscores, then with three digits, counted on from a random number;
 * shortened to nine characters once the server finds it invalid.
 */
function alternatives(wanted: string): { next(invalid: boolean): string | undefined } {
  let stem = wanted;
  let tries = 0;
  const first = Math.floor(Math.random() * 900);
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
      const suffix = tries <= 2 ? "_".repeat(tries) : String(100 + ((first + tries) % 900));
      return `${stem.slice(0, Math.max(1, Math.max(9, stem.length) - suffix.length))}${suffix}`;
    },
  };
}
