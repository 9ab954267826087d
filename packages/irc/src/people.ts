/**
 * What the people of one connection do besides speaking in channels: they leave, write to the bridge in private, and type. Puts
 * together the parts that know each of these.
 */
import type { ChatKey, ConnectorHost, Log, NetworkId, RemoteAction, RemoteEvent } from "@trestle/core";
import { createDepartures, type DeparturesOptions } from "./departures.ts";
import type { IrcMessage } from "./message.ts";
import { createPrivateTalk } from "./private-talk.ts";
import type { Session } from "./session.ts";
import { createHeardTyping } from "./typing.ts";

export interface PeopleOptions extends Omit<DeparturesOptions, "clock"> {
  readonly network: NetworkId;
  readonly host: ConnectorHost;
  readonly log: Log;
  readonly fold: (name: string) => string;
}

export interface People {
  /** Takes a line of somebody else before channel-state.ts has. */
  before(message: IrcMessage): void;
  /** And after it has. */
  after(message: IrcMessage): void;
  /** What was heard in a channel. True: it is dealt with, and nothing to be stored. */
  heard(event: RemoteEvent): boolean;
  /** We came into a chat. */
  arrived(chat: ChatKey): void;
  stop(): void;
}

/** Builds the people of one connection. */
export function createPeople(options: PeopleOptions, session: Session): People {
  const { host, log, newKey } = options;
  const { clock } = host;
  const tell = (event: RemoteAction): void => {
    host
      .emit(event)
      .catch((error: unknown) => log.debug({ error: String(error) }, "that somebody types was not taken"));
  };
  const typing = createHeardTyping({ clock, newKey, tell });
  const departures = createDepartures(
    {
      ...options,
      clock,
      push(event, chat) {
        if (event.kind === "action") typing.ended(chat, event.sender.id);
        options.push(event, chat);
      },
    },
    session,
  );
  const talk = createPrivateTalk(options, session);
  return {
    before(message) {
      departures.before(message);
      talk.take(message);
    },
    after: departures.after,
    heard(event) {
      if (event.kind !== "action") return false;
      if (event.action.kind === "typing") typing.hear(event);
      else typing.ended(event.chat, event.sender.id);
      return event.action.kind === "typing";
    },
    arrived: departures.arrived,
    stop() {
      departures.stop();
      talk.stop();
      typing.stop();
    },
  };
}
