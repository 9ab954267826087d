/**
 * Answers to client-to-client queries: who runs this bridge, and whether it is alive. At most three in ten seconds for the
 * whole connection, so that nobody can make us flood ourselves out. It knows no connection.
 */
import type { Clock } from "@trestle/core";

const answersMax = 3;
const windowMs = 10_000;

export interface CtcpResponder {
  /** The body of the NOTICE that answers, or undefined: nothing to answer, or too much asked. */
  answer(text: string): string | undefined;
}

/** Builds the responder of one connection; `contact` is whom to ask about the bridge. */
export function createCtcpResponder(clock: Clock, contact: string | undefined): CtcpResponder {
  let given: number[] = [];
  const bodyFor = (command: string, rest: string): string | undefined => {
    switch (command) {
      case "VERSION":
        return `VERSION Trestle, a Matrix bridge${contact === undefined ? "" : `; contact: ${contact}`}`;
      case "PING":
        return rest === "" ? undefined : `PING ${rest.slice(0, 64)}`;
      case "TIME":
        return `TIME ${new Date(clock.now()).toISOString()}`;
      case "CLIENTINFO":
        return "CLIENTINFO ACTION CLIENTINFO PING TIME VERSION";
      default:
        return undefined;
    }
  };
  return {
    answer(text) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the frame of such a query is 0x01
      const match = /^\x01([A-Za-z]+)(?: ([^\x01]*))?\x01?$/.exec(text);
      if (match === null) return undefined;
      const body = bodyFor((match[1] ?? "").toUpperCase(), match[2] ?? "");
      if (body === undefined) return undefined;
      const now = clock.now();
      given = given.filter((atMs) => now - atMs < windowMs);
      if (given.length >= answersMax) return undefined;
      given.push(now);
      return `\x01${body}\x01`;
    },
  };
}
