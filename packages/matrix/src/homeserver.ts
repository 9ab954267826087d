/**
 * The Homeserver port on a real homeserver: puts this package's parts together and owns their life. What each of them does
 * stands in its own file; nothing is decided here but the order in which they start and stop.
 */
import {
  BridgeError,
  type Clock,
  type Homeserver,
  type HomeserverHost,
  type HomeserverStatus,
  type Log,
  type MatrixEvent,
  type Meter,
  type RemoteAuthor,
  type Store,
  userId,
} from "@trestle/core";
import { createCaps } from "./caps.ts";
import { createClient } from "./client.ts";
import { type AppserviceHttp, createAppserviceHttp } from "./delivery/appservice-http.ts";
import { type Arrival, canaryOverdueMs, createArrival } from "./delivery/arrival.ts";
import { createCanary } from "./delivery/canary.ts";
import { createConfirmation } from "./delivery/confirmation.ts";
import { createEventPut } from "./delivery/event-put.ts";
import { createMessages } from "./delivery/messages.ts";
import { failureOf, isAway } from "./errors.ts";
import { registerUser } from "./ghosts/ghost-account.ts";
import { createGhostIds } from "./ghosts/ghost-id.ts";
import { createGhosts } from "./ghosts/ghosts.ts";
import { displayNameOf } from "./ghosts/profile.ts";
import { interpret } from "./inbound.ts";
import { createMedia, type Media } from "./media/media.ts";
import type { MediaProxyConfig } from "./media/proxy.ts";
import { type MatrixPart, matrixCapabilities, noticeContent, plan } from "./outbound.ts";
import { puppetField, puppetMark } from "./puppets/access.ts";
import { createPuppets, type PuppetsConfig } from "./puppets/puppets.ts";
import { createPuppetSender } from "./puppets/send.ts";
import { createMembers } from "./rooms/members.ts";
import { createRoomLife } from "./rooms/room-life.ts";
import { createRoomState } from "./rooms/room-state.ts";
import { createRooms } from "./rooms/rooms.ts";
import { createSdk } from "./sdk.ts";
import { createSender } from "./send.ts";

export interface HomeserverOptions {
  /** Where we reach the homeserver. */
  readonly url: string;
  readonly serverName: string;
  /** `irc`: part of transaction ids and of what double puppets carry. */
  readonly span: string;
  readonly registration: {
    readonly id: string;
    readonly as_token: string;
    readonly hs_token: string;
    readonly sender_localpart: string;
    /** What ghosts' localparts begin with; default `_<span>_`. */
    readonly userPrefix?: string;
  };
  readonly listen: { readonly host: string; readonly port: number };
  readonly store: Pick<Store, "ghosts" | "kv" | "media" | "secrets">;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Of rooms that we make; default 11. */
  readonly roomVersion?: string;
  readonly canaryIntervalMs?: number;
  /** From when on a canary that stays out is an alarm. */
  readonly canaryOverdueMs?: number;
  readonly heartbeatMs?: number;
  /** Between two rooms of the patrol; 0: no patrol. */
  readonly patrolMs?: number;
  readonly requestTimeoutMs?: number;
  readonly connections?: number;
  /** Public addresses for files and long texts; absent: there are none. */
  readonly media?: MediaProxyConfig;
  /** How we act for people as themselves; absent: by their own tokens alone. */
  readonly puppets?: PuppetsConfig;
  readonly profile?: { readonly displayName?: (author: RemoteAuthor) => string };
}

export interface MatrixHomeserver extends Homeserver {
  /** The port that was bound, once started: for `listen.port` 0. */
  readonly port: number | undefined;
  /** Its budget, and the port of its public addresses. */
  readonly media: Pick<Media, "budget" | "port">;
  /** Resolves when no ping or gap repair is under way; a canary may still be out. */
  settled(): Promise<void>;
}

const notStarted: HomeserverStatus = { state: "starting", canaryOverdue: false };
const drainStepMs = 10;
/** The echo of our last words is still let in: some homeservers take half a minute's offence at one refused transaction. */
const echoMs = 60;

export function createHomeserver(options: HomeserverOptions): MatrixHomeserver {
  const parts = assemble(options);
  const { bot, ids, ghosts, rooms, sender } = parts;
  const running = createRunning(options, parts);
  return {
    openMedia: parts.media.openMedia,
    publish: parts.media.publish,
    media: parts.media,
    ...parts.roomLife,
    puppets: parts.puppets,
    userId: bot,
    serverName: options.serverName,
    capabilities: matrixCapabilities,
    catchUp: running.catchUp,
    start: running.start,
    stop: running.stop,
    status: running.status,
    settled: running.settled,
    get port() {
      return running.port;
    },
    interpret,
    plan: (_room, action, author, lookup) => plan(action, author, lookup),
    async sendPart(room, part, author, key, again) {
      if (again !== undefined) parts.confirmation.since(room, key, again.sinceMs);
      try {
        return await sender.sendPart(room, part as unknown as MatrixPart, author, key);
      } finally {
        ghosts.tend();
      }
    },
    notify: (room, text, key, toward) =>
      sender.sendAsBot(room, "m.room.message", noticeContent(text, toward), `notice/${key}`),
    applyRoom: rooms.applyRoom,
    describeRoom: rooms.describeRoom,
    newestEvent: async (room) => (await parts.messages.page(room, { limit: 1 })).events[0]?.event_id,
    nameOf: rooms.nameOf,
    powerOf: rooms.powerOf,
    joinRoom: rooms.joinRoom,
    leaveRoom: rooms.leaveRoom,
    invite: rooms.invite,
    createDirectRoom: rooms.createDirectRoom,
    ghostOf: ids.of,
    authorOf: ids.read,
    renameGhost: ghosts.rename,
    leaveGhost: ghosts.leave,
  };
}

type Parts = ReturnType<typeof assemble>;

/** Everything that lives as long as the homeserver object, connected; nothing is started. */
function assemble(options: HomeserverOptions) {
  const { registration, serverName, span, store, clock, log, meter } = options;
  const bot = userId(`@${registration.sender_localpart}:${serverName}`);
  const ids = createGhostIds(registration.userPrefix ?? `_${span}_`, serverName);
  const isOwn = (user: string) => user === bot || ids.isGhost(user);
  const client = createClient({
    url: options.url,
    token: registration.as_token,
    clock,
    meter,
    timeoutMs: options.requestTimeoutMs ?? 60_000,
    ...(options.connections === undefined ? {} : { connections: options.connections }),
  });
  const sdk = createSdk(client, options.url);
  const caps = createCaps(client, store.kv, log);
  const messages = createMessages(client, caps, bot, span);
  const puppets = createPuppets({
    client,
    url: options.url,
    serverName,
    spanToken: registration.as_token,
    isOwn,
    store,
    clock,
    log,
    config: options.puppets ?? {},
  });
  const mark = puppetMark(span);
  const isMarked = (event: MatrixEvent) => event.content[puppetField] === mark;
  const isPuppets = (event: MatrixEvent) => isMarked(event) && puppets.mayHaveSaid(event.sender);
  const isOurs = (event: MatrixEvent) => isOwn(event.sender) || isMarked(event) || asPuppet.didRedact(event);
  const confirmation = createConfirmation({ messages, kv: store.kv, log, isOwn, isPuppets });
  const members = createMembers(client, bot);
  const displayName = options.profile?.displayName ?? displayNameOf;
  let probe = () => {};
  const now = () => clock.now();
  const puts = createEventPut({ client, confirmation, span, now, probe: () => probe() });
  const media = createMedia({
    url: options.url,
    token: registration.as_token,
    client,
    caps,
    store: store.media,
    bot,
    clock,
    log,
    meter,
    proxy: options.media,
  });
  const { files, takeOver } = media;
  const ghostStore = store.ghosts;
  const shared = { client, sdk, caps, ids, members, bot, span, serverName, kv: store.kv, takeOver, clock, log };
  const ghosts = createGhosts({ ...shared, store: ghostStore, displayName });
  const state = createRoomState(client, members, bot);
  const rooms = createRooms({ ...shared, ghosts, state, roomVersion: options.roomVersion ?? "11" });
  const asPuppet = createPuppetSender({ client, put: puts.put, puppets, members, ids, bot, span, now });
  const sender = createSender({ files, client, put: puts.put, sdk, ghosts, ids, bot, now, log, asPuppet, members });
  const canary = createCanary({
    sender,
    createRoom: () => rooms.createOwnRoom(`Trestle canary (${span})`),
    kv: store.kv,
    clock,
    log,
    meter,
    intervalMs: options.canaryIntervalMs ?? 5_000,
    overdueMs: options.canaryOverdueMs ?? canaryOverdueMs,
  });
  probe = () => {
    canary.nudge().catch((error: unknown) => log.debug({ error }, "the homeserver takes nothing at all"));
  };
  const stopping = new AbortController();
  const roomLife = createRoomLife({
    ...shared,
    ghosts,
    ghostStore,
    state,
    sender,
    put: puts.put,
    createSpace: rooms.createSpace,
    signal: stopping.signal,
  });
  return {
    bot,
    ids,
    isOwn,
    isOurs,
    puppets,
    asPuppet,
    media,
    client,
    caps,
    messages,
    confirmation,
    members,
    ghosts,
    rooms,
    roomLife,
    puts,
    sender,
    canary,
    stopping,
  };
}

/** What runs between start and stop. */
function createRunning(options: HomeserverOptions, parts: Parts) {
  const { clock, log } = options;
  const { bot, client, confirmation, puts, stopping } = parts;
  let http: AppserviceHttp | undefined;
  let arrival: Arrival | undefined;
  let watching: Promise<unknown> | undefined;
  let port: number | undefined;

  /** A token that the homeserver does not know is the admin's to mend; a homeserver that is away is not. */
  async function firstRegistration(): Promise<void> {
    try {
      await registerUser(client, bot, 10_000);
    } catch (error) {
      const failure = failureOf(error);
      if (failure?.errcode === "M_UNKNOWN_TOKEN" || (!isAway(error) && failure !== undefined)) {
        throw new BridgeError("registration-mismatch", `${failure.errcode ?? failure.status}: ${failure.text}`, {
          cause: error,
        });
      }
      log.warn({ error }, "the homeserver is not reachable yet");
    }
  }

  async function start(host: HomeserverHost): Promise<void> {
    arrival = createArrival(options, parts, host, stopping.signal);
    await arrival.prepare();
    await confirmation.open();
    await parts.puppets.open(host);
    http = createAppserviceHttp({
      listen: options.listen,
      hsToken: options.registration.hs_token,
      transaction: arrival.transaction,
      connectionLost: () => arrival?.suspect("its connection to us broke"),
      clock,
      log,
      meter: options.meter,
    });
    port = await http.listen();
    try {
      await parts.media.start(host);
      await firstRegistration();
    } catch (error) {
      await stop(0);
      throw error;
    }
    arrival.run();
    watching = parts.puppets.watch(stopping.signal);
  }

  async function stop(drainMs: number): Promise<void> {
    arrival?.refuse();
    const endMs = clock.now() + drainMs;
    const busy = () => puts.underWay + parts.media.uploads.underWay > 0 || clock.now() - puts.lastAtMs < echoMs;
    while (busy() && clock.now() < endMs) await clock.wait(drainStepMs);
    stopping.abort();
    if (puts.underWay === 0 && port !== undefined) await confirmation.close();
    await Promise.all([arrival?.stop(), http?.close(), parts.media.stop(), parts.puppets.close(), client.close()]);
    await Promise.all([arrival?.ended(), watching]);
  }

  return {
    start,
    stop,
    status: () => arrival?.status() ?? notStarted,
    settled: async () => arrival?.settled(),
    catchUp: async (room: Parameters<Homeserver["catchUp"]>[0]) => arrival?.catchUp(room),
    get port() {
      return port;
    },
  };
}
