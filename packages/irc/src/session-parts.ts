/**
 * The parts that live as long as one ready session: the reader of the server's history, the keeper of our nick, what people do
 * besides speaking in channels, and the answers to client-to-client queries. Puts them together.
 */
import type { AccountSources } from "./channel-state.ts";
import { type ChatHistory, createChatHistory } from "./chathistory.ts";
import type { IrcNetworkConfig } from "./config.ts";
import { type CtcpResponder, createCtcpResponder } from "./ctcp.ts";
import type { Inbox } from "./inbox.ts";
import { type IrcMessage, lastParam, param } from "./message.ts";
import { createNickKeeper, type NickKeeper } from "./nick-keeper.ts";
import { createPeople, type People, type PeopleOptions } from "./people.ts";
import type { Session } from "./session.ts";

export interface SessionPartsOptions extends Omit<PeopleOptions, "sources" | "push" | "newKey"> {
  readonly config: IrcNetworkConfig;
  readonly inbox: Inbox;
  readonly ulid: (nowMs: number) => string;
}

export interface SessionParts {
  readonly session: Session;
  /** Where the server keeps one, and the config wants it. */
  readonly history: ChatHistory | undefined;
  readonly nickKeeper: NickKeeper;
  readonly people: People;
  /** Takes a line of somebody else before channel-state.ts has. */
  before(message: IrcMessage): void;
  stop(): void;
}

/** Builds the parts of a session that is ready. */
export function createSessionParts(options: SessionPartsOptions, session: Session): SessionParts {
  const ctcp = createCtcpResponder(options.host.clock, options.config.contact);
  const nickKeeper = keepNick(options, session);
  const people = watchPeople(options, session);
  const history = readHistory(options, session);
  return {
    session,
    history,
    nickKeeper,
    people,
    before(message) {
      if (isQuery(message) && options.isOurs(param(message, 0))) answerQuery(message, ctcp, session);
      people.before(message);
    },
    stop() {
      for (const part of [history, nickKeeper, people]) part?.stop();
    },
  };
}

/** Which words about accounts can be believed in this session, or in none. */
export function sourcesOf(session: Session | undefined): AccountSources {
  return { tagged: session?.has("account-tag") === true, told: session?.has("account-notify") === true };
}

function keepNick({ config, host, fold }: SessionPartsOptions, session: Session): NickKeeper {
  return createNickKeeper({
    clock: host.clock,
    fold,
    wanted: config.nick,
    current: () => session.nick(),
    monitor: session.options().monitor,
    send: (command, params) => session.send(command, params),
  });
}

function watchPeople(options: SessionPartsOptions, session: Session): People {
  const { host, inbox, ulid } = options;
  const { clock } = host;
  return createPeople(
    {
      ...options,
      sources: () => sourcesOf(session),
      push: (event, chat) => inbox.push(event, clock.now(), chat),
      newKey: () => `:${ulid(clock.now())}`,
    },
    session,
  );
}

function readHistory({ config, host, fold }: SessionPartsOptions, session: Session): ChatHistory | undefined {
  if (!session.has("draft/chathistory") || !session.has("batch") || config.historyLinesMax === 0) return undefined;
  return createChatHistory({
    clock: host.clock,
    fold,
    linesMax: config.historyLinesMax,
    send: (command, params) => session.send(command, params),
  });
}

const isQuery = (message: IrcMessage): boolean =>
  message.command === "PRIVMSG" && lastParam(message).startsWith("\x01");

function answerQuery(message: IrcMessage, ctcp: CtcpResponder, session: Session): void {
  const answer = ctcp.answer(lastParam(message));
  if (answer !== undefined) session.send("NOTICE", [message.nick, answer]);
}
