/**
 * Whose account somebody is logged in to, asked of the server at this very moment (WHOIS, 330) and never remembered. The answer
 * counts only if it is about the same person who spoke: the same user and host, and nobody was seen to come or go under the nick
 * in between. It knows no wire.
 */
import type { Clock } from "@trestle/core";
import { accountProblem } from "./ids.ts";
import { type IrcMessage, param } from "./message.ts";

export interface VouchingOptions {
  readonly clock: Clock;
  readonly fold: (name: string) => string;
  readonly send: (command: string, params: readonly string[]) => void;
}

export interface Vouching {
  /** The account of whoever spoke this line; undefined when the server vouches for none. Rejects when it cannot be asked. */
  accountOf(speaker: Pick<IrcMessage, "nick" | "ident" | "hostname">): Promise<string | undefined>;
  /** Takes every line of others, in order. */
  take(message: IrcMessage): void;
  stop(): void;
}

interface Question {
  readonly nick: string;
  readonly mask: string;
  isSame: boolean;
  isSpoiled: boolean;
  account?: string;
  readonly done: AbortController;
}

const answerMs = 15_000;

/** Builds the asking of one connection. */
export function createVouching({ clock, fold, send }: VouchingOptions): Vouching {
  const questions = new Set<Question>();
  const about = (nick: string): Question[] => [...questions].filter((question) => question.nick === fold(nick));
  const close = (found: Iterable<Question>): void => {
    for (const { done } of found) done.abort();
  };

  const takeAnswer = (message: IrcMessage): void => {
    const asked = about(param(message, 1));
    switch (message.command) {
      // RPL_WHOISUSER
      case "311":
        for (const question of asked) question.isSame = `${param(message, 2)}@${param(message, 3)}` === question.mask;
        return;
      // RPL_WHOISACCOUNT
      case "330":
        for (const question of asked) if (question.isSame) question.account = param(message, 2);
        return;
      // RPL_ENDOFWHOIS, ERR_NOSUCHNICK
      case "318":
      case "401":
        close(asked);
        return;
      // RPL_TRYAGAIN
      case "263":
        if (param(message, 1).toUpperCase() === "WHOIS") close(questions);
        return;
    }
  };

  return {
    async accountOf({ nick, ident, hostname }) {
      const question: Question = {
        nick: fold(nick),
        mask: `${ident}@${hostname}`,
        isSame: false,
        isSpoiled: false,
        done: new AbortController(),
      };
      questions.add(question);
      try {
        send("WHOIS", [nick]);
        await clock.wait(answerMs, question.done.signal);
      } finally {
        questions.delete(question);
      }
      return question.done.signal.aborted && !question.isSpoiled ? provenAccount(question.account) : undefined;
    },
    take(message) {
      if (questions.size === 0) return;
      if (/^\d{3}$/.test(message.command)) {
        takeAnswer(message);
        return;
      }
      // another person may stand behind the nick now, or the same one under another account
      if (message.command !== "NICK" && message.command !== "QUIT" && message.command !== "ACCOUNT") return;
      for (const question of [...about(message.nick), ...about(param(message, 0))]) question.isSpoiled = true;
    },
    stop() {
      for (const question of questions) question.isSpoiled = true;
      close(questions);
    },
  };
}

/**
 * An account that can prove anything. Plain ASCII only: other letters can be written as different bytes, which a server may hold for
 * two accounts and our reading of its lines for one.
 */
export function provenAccount(account: string | undefined): string | undefined {
  if (account === undefined || account === "*" || account === "0") return undefined;
  return /^[\x21-\x7e]+$/.test(account) && accountProblem(account) === undefined ? account : undefined;
}
