/**
 * A set stage: one homeserver, one IRC server, the span between them, alice on Matrix and carol on IRC, one room linked to one
 * channel. Scenarios and chaos begin here; everything is taken down in the end, whatever happened.
 */
import { createSandboxIrc, type SandboxIrc, type SandboxIrcOptions } from "@trestle/sandbox";
import { connectIrcObserver, type IrcObserver } from "./observers/irc-observer.ts";
import type { MatrixObserver } from "./observers/matrix-observer.ts";
import type { HomeserverUnderTest } from "./servers/homeserver-under-test.ts";
import type { RealIrcServer } from "./servers/irc-server.ts";
import { createSpan, quickIrcNetwork, type Span, type SpanOptions } from "./span.ts";

/** A real IRC server, or the sandbox in our own process. */
export interface StageIrc {
  readonly kind: "ngircd" | "inspircd" | "sandbox";
  readonly host: string;
  readonly port: number;
  start(): Promise<void>;
  stop(signal?: "TERM" | "KILL"): Promise<void>;
  remove(): Promise<void>;
  readonly real?: RealIrcServer;
  readonly sandbox?: SandboxIrc;
}

export interface StageOptions {
  readonly homeserver: HomeserverUnderTest;
  readonly irc: StageIrc;
  readonly databaseUrl?: string;
  /** Added to the IRC network of the config. */
  readonly network?: object;
  readonly roomVersion?: string;
  readonly channel?: string;
  readonly logLevel?: SpanOptions["logLevel"];
}

export interface Stage {
  readonly homeserver: HomeserverUnderTest;
  readonly irc: StageIrc;
  readonly span: Span;
  readonly alice: MatrixObserver;
  readonly carol: IrcObserver;
  readonly room: string;
  readonly channel: string;
  /** The bridge's bot on Matrix, and its nick on IRC. */
  readonly bot: string;
  readonly botNick: string;
  /** Another person of the homeserver, or another client of the IRC server; closed with the stage. */
  ircPerson(nick: string, caps?: string): Promise<IrcObserver>;
  /** Waits until the bridge's nick sits in the channel. */
  waitBotJoined(withinMs?: number): Promise<void>;
  remove(): Promise<void>;
}

/** Wraps a sandbox IRC server for a stage. */
export async function createSandboxStageIrc(options: SandboxIrcOptions): Promise<StageIrc> {
  const sandbox = await createSandboxIrc(options);
  return {
    kind: "sandbox",
    host: sandbox.host,
    port: sandbox.port,
    sandbox,
    start: () => sandbox.start(),
    stop: (signal = "TERM") => sandbox.halt(signal === "TERM"),
    remove: () => sandbox.stop(),
  };
}

/** Wraps a real IRC server and starts it. */
export async function createRealStageIrc(real: RealIrcServer): Promise<StageIrc> {
  await real.start();
  return {
    kind: real.kind,
    host: real.host,
    port: real.port,
    real,
    start: () => real.start(),
    stop: (signal) => real.stop(signal),
    remove: () => real.remove(),
  };
}

/** Sets everything up, up to the bridge's nick being in the channel. */
export async function buildStage(options: StageOptions): Promise<Stage> {
  const { homeserver, irc } = options;
  const channel = options.channel ?? "#crossing";
  const endings: (() => Promise<void> | void)[] = [() => irc.remove(), () => homeserver.remove()];
  const remove = async (): Promise<void> => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    const span = await createSpan({
      homeserver: { url: homeserver.url, name: homeserver.serverName },
      serverKind: homeserver.registerAs,
      permissions: { "*": "relay", [`@alice:${homeserver.serverName}`]: "admin" },
      networks: { local: quickIrcNetwork(irc.host, irc.port, options.network) },
      ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    });
    endings.push(() => span.remove());
    const registered = await span.register();
    if (registered.code !== 0) throw new Error(`register failed with ${registered.code}: ${registered.err}`);
    await homeserver.addRegistration(span.registration);
    const alice = await homeserver.person("alice");
    const bot = `@${span.botLocalpart}:${homeserver.serverName}`;
    const room = await alice.createRoom(roomBody(alice.userId, bot, options.roomVersion));
    span.configure({ links: [{ room, network: "local", chat: channel }] });
    const ircPerson = async (nick: string, caps?: string): Promise<IrcObserver> => {
      const person = await connectIrcObserver({
        host: irc.host,
        port: irc.port,
        nick,
        ...(caps === undefined ? {} : { caps }),
      });
      endings.push(() => person.close());
      await person.join(channel);
      return person;
    };
    const carol = await ircPerson("carol");
    carol.send(`MODE ${channel} -t`);
    const stage: Stage = {
      homeserver,
      irc,
      span,
      alice,
      carol,
      room,
      channel,
      bot,
      botNick: "trestle",
      ircPerson,
      waitBotJoined: (withinMs) => waitMember(carol, channel, "trestle", withinMs),
      remove,
    };
    await span.start();
    await stage.waitBotJoined();
    return stage;
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Room version 11 unless asked: there the bot's power stands in the power levels. */
function roomBody(creator: string, bot: string, version = "11"): Record<string, unknown> {
  const users = version === "12" ? { [bot]: 100 } : { [creator]: 100, [bot]: 100 };
  return {
    preset: "public_chat",
    name: "Crossing",
    room_version: version,
    power_level_content_override: { users },
  };
}

export async function waitMember(
  observer: IrcObserver,
  channel: string,
  nick: string,
  withinMs = 20_000,
): Promise<void> {
  const until = Date.now() + withinMs;
  while (!(await observer.members(channel).catch(() => [] as string[])).includes(nick)) {
    if (Date.now() > until) throw new Error(`${nick} did not come into ${channel} within ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
