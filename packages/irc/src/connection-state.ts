/**
 * What is known of one network's relaying connection: the present session, whether it is up or why not, and what the server offers
 * or offered when it was last up. It dials nothing and tells nobody; connections.ts tells it what happened.
 */
import { BridgeError, type Clock, type NetworkId, type NetworkStatus } from "@trestle/core";
import { wantedCapabilities } from "./capability-negotiation.ts";
import type { IrcNetworkConfig } from "./config.ts";
import type { Failure } from "./failures.ts";
import { type CaseMapping, caseMappingOf, foldCase } from "./ids.ts";
import { defaultServerOptions, type ServerOptions } from "./profiles.ts";
import type { Session } from "./session.ts";

/** What is known of the network now, or was when it was last up. */
export interface ConnectionFacts {
  readonly nick: string;
  /** `nick!ident@host` as others see us, as far as we know it. */
  readonly source: string | undefined;
  readonly mapping: CaseMapping;
  readonly options: ServerOptions;
  readonly capabilities: ReadonlySet<string>;
  readonly ready: boolean;
}

export interface ConnectionState {
  /** By the casemapping of the network as it is now, for it comes after the first lines. */
  fold(name: string): string;
  mapping(): CaseMapping;
  /** The casemapping of an earlier run, until the server says its own. */
  remember(casemapping: string): void;
  /** A server is being dialled, in this session. */
  dials(session: Session): void;
  becomesReady(session: Session): void;
  /** The session is over; whether it was ready. */
  closes(): boolean;
  goesDown(failure: Failure, waitMs: number): void;
  /** For good. */
  stops(): void;
  /** The open session, ready or not. */
  session(): Session | undefined;
  readySession(): Session | undefined;
  /** The ready session, or a `network-down` BridgeError. */
  requireSession(): Session;
  isDown(): boolean;
  facts(): Omit<ConnectionFacts, "source">;
  status(): NetworkStatus;
}

export interface ConnectionStateOptions {
  readonly network: NetworkId;
  readonly config: Pick<IrcNetworkConfig, "nick">;
  readonly clock: Clock;
}

/** Builds the state of a network that was not dialled yet. */
export function createConnectionState({ network, config, clock }: ConnectionStateOptions): ConnectionState {
  let session: Session | undefined;
  let ready = false;
  let mapping: CaseMapping = "ascii";
  let options = defaultServerOptions;
  let capabilities: ReadonlySet<string> = new Set();
  let state: NetworkStatus["state"] = "connecting";
  let whyDown: { readonly detail: string; readonly nextTryAtMs: number } | undefined;

  const fold = (name: string): string => foldCase(name, mapping);
  const readySession = (): Session | undefined => (ready ? session : undefined);

  return {
    fold,
    mapping: () => mapping,
    remember(casemapping) {
      mapping = caseMappingOf(casemapping);
    },
    dials(opened) {
      session = opened;
      state = "connecting";
    },
    becomesReady(opened) {
      options = opened.options();
      mapping = caseMappingOf(options.casemapping);
      capabilities = new Set(wantedCapabilities.filter(opened.has));
      ready = true;
      state = "up";
      whyDown = undefined;
    },
    closes() {
      const wasReady = ready;
      ready = false;
      session = undefined;
      return wasReady;
    },
    goesDown({ detail }, waitMs) {
      state = "down";
      whyDown = { detail, nextTryAtMs: clock.now() + waitMs };
    },
    stops() {
      state = "down";
    },
    session: () => session,
    readySession,
    requireSession() {
      const current = readySession();
      if (current !== undefined) return current;
      throw notConnected(whyDown?.detail, whyDown && whyDown.nextTryAtMs - clock.now());
    },
    isDown: () => state === "down",
    facts: () => ({ nick: session?.nick() ?? config.nick, mapping, options, capabilities, ready }),
    status: () => ({
      network,
      state,
      ...(state === "up" ? nickDetail(config.nick, session?.nick(), fold) : { ...whyDown }),
      queuedLines: session?.queue.waiting() ?? 0,
      ...(session === undefined ? {} : { self: session.nick() }),
    }),
  };
}

function nickDetail(wanted: string, nick: string | undefined, fold: (name: string) => string): { detail?: string } {
  if (nick === undefined || fold(nick) === fold(wanted)) return {};
  return { detail: `connected as ${nick}: the nick ${wanted} is taken` };
}

function notConnected(detail: string | undefined, waitMs: number | undefined): BridgeError {
  const wait = waitMs === undefined ? {} : { afterMs: Math.max(500, waitMs) };
  return new BridgeError("network-down", detail ?? "the network is being connected", wait);
}
