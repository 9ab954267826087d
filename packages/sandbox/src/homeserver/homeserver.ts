/**
 * A stand-in homeserver that speaks the client-server API over HTTP and pushes to appservices as each of six servers does, their
 * losses and delays included. It puts the parts together and owns their life: start, restart, stop on one port.
 */
import { randomBytes } from "node:crypto";
import { createAccessTokens, type SandboxAccounts } from "./access-tokens.ts";
import { createAppserviceClient } from "./appservice-client.ts";
import { createAppservices, type SandboxRegistration } from "./appservices.ts";
import { realClock, type SandboxClock } from "./clock.ts";
import { createDatabase } from "./database.ts";
import { createDelivery } from "./delivery.ts";
import { forbidden } from "./fault.ts";
import { createFaults, type SandboxFaults } from "./faults.ts";
import { createFront } from "./http.ts";
import { openLedger } from "./ledger.ts";
import { type MediaProfile, mediaProfileOf } from "./media-profile.ts";
import { createMembers } from "./membership.ts";
import type { ProfileName } from "./profile.ts";
import { profiles } from "./profiles.ts";
import { createRateLimit } from "./rate-limit.ts";
import { requesterOf, tokenOf } from "./requester.ts";
import { createRoomCreation } from "./room-creation.ts";
import { type Call, param, type Register, type Route } from "./route.ts";
import { createRouter, type Router } from "./router.ts";
import { accountRoutes } from "./routes-account.ts";
import { createMediaRoutes, type SandboxMedia } from "./routes-media.ts";
import { oauthRoutes, type SandboxOAuth } from "./routes-oauth.ts";
import { readingRoutes } from "./routes-reading.ts";
import { roomsRoutes } from "./routes-rooms.ts";
import { sendingRoutes } from "./routes-sending.ts";
import { serverRoutes, versionsOf } from "./routes-server.ts";
import { syncRoutes } from "./sync.ts";
import { createTimeline } from "./timeline.ts";
import { createTransactionIds } from "./transaction-ids.ts";
import { createTyping } from "./typing.ts";

export interface SandboxHomeserverOptions {
  readonly profile: ProfileName;
  readonly serverName: string;
  /** 0, the default: any free one. Kept over restarts. */
  readonly port?: number;
  /** `memory` (default), or a folder that survives the process. */
  readonly persistence?: string;
  readonly registrations?: readonly SandboxRegistration[];
  readonly clock?: SandboxClock;
  /** For benches: history is cut to a short tail, only counts are kept. */
  readonly lean?: boolean;
  /** What differs from the profile about files. */
  readonly media?: Partial<MediaProfile>;
}

export interface SandboxHomeserver {
  readonly url: string;
  readonly port: number;
  readonly serverName: string;
  readonly profile: ProfileName;
  readonly faults: SandboxFaults;
  readonly media: SandboxMedia;
  readonly accounts: SandboxAccounts;
  readonly oauth: SandboxOAuth;
  /** Known at once, as Conduit does it; Synapse would want a restart. The same id replaces. */
  addAppservice(registration: SandboxRegistration): void;
  /** A room with these joined members (registered where they are not), made without HTTP: for benches with many rooms. */
  seedRoom(
    creator: string,
    members: readonly string[],
    wanted?: { readonly version?: "11" | "12"; readonly public?: boolean },
  ): string;
  /** A room of somebody on another server, and his invite to this user of ours, as federation would bring it. */
  inviteFromAfar(inviter: string, user: string): string;
  counts(): SandboxCounts;
  /** Goes down as the real one does, losing what it loses, and comes back on the same port after `downMs`. */
  restart(kind: "term" | "kill", downMs?: number): Promise<void>;
  /** Closes the port and every connection; `start` opens it again. */
  stop(kind?: "term" | "kill"): Promise<void>;
  start(): Promise<void>;
}

export interface SandboxCounts {
  readonly events: number;
  readonly rooms: number;
  readonly users: number;
  readonly pushedTransactions: number;
  readonly pushedEvents: number;
  readonly refusedTransactions: number;
}

/** Builds and starts one. */
export async function createSandboxHomeserver(options: SandboxHomeserverOptions): Promise<SandboxHomeserver> {
  const { serverName, clock = realClock } = options;
  const parts = assemble(options, clock);
  const { database, delivery, front, syncs, txns, typing } = parts;
  let port = options.port ?? 0;
  const homeserver: SandboxHomeserver = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    serverName,
    profile: options.profile,
    faults: parts.faults,
    media: parts.media,
    accounts: parts.tokens,
    oauth: parts.oauth(() => homeserver.url),
    addAppservice: (registration) => void parts.appservices.add(registration),
    seedRoom: (creator, others, wanted = {}) => seedRoom(parts, creator, others, wanted),
    inviteFromAfar: (inviter, user) => inviteFromAfar(parts, inviter, user),
    counts: () => ({
      events: database.counts.events,
      rooms: database.rooms.size,
      users: database.users.size,
      pushedTransactions: delivery.pushed.transactions,
      pushedEvents: delivery.pushed.events,
      refusedTransactions: delivery.pushed.refused,
    }),
    restart: async (kind, downMs = 0) => {
      await homeserver.stop(kind);
      if (downMs > 0) await clock.wait(downMs);
      await homeserver.start();
    },
    stop: async (kind = "term") => {
      delivery.halt(kind === "term");
      txns.forget();
      typing.forget();
      const closed = front.close();
      syncs.halt();
      await closed;
    },
    start: async () => {
      port = await front.listen(port);
      delivery.boot();
    },
  };
  await homeserver.start();
  return homeserver;
}

type Parts = ReturnType<typeof assemble>;

/** Everything but the port, connected. */
function assemble(options: SandboxHomeserverOptions, clock: SandboxClock) {
  const { serverName } = options;
  const profile = profiles[options.profile];
  const ledger =
    options.persistence === undefined || options.persistence === "memory" ? undefined : openLedger(options.persistence);
  const database = createDatabase({ lean: options.lean ?? false, ...(ledger ? { ledger } : {}) });
  ledger?.replay(database);
  const seed = randomBytes(24).toString("base64url");
  const timeline = createTimeline({ database, serverName, seed, now: clock.now });
  const members = createMembers(profile, database, timeline);
  const appservices = createAppservices(profile, serverName, database);
  const client = createAppserviceClient(profile, clock);
  const delivery = createDelivery({ profile, clock, database, appservices, client, serverName });
  const creation = createRoomCreation({ profile, serverName, database, timeline, members });
  const tokens = createAccessTokens(database, clock);
  const txns = createTransactionIds(profile, clock, database);
  const limit = createRateLimit(clock.now);
  const faults = createFaults();
  const router = createRouter<Route>();
  const register = registrar(router);
  const roomOf = (call: Call) => {
    const room = database.rooms.get(param(call, 0));
    if (!room) throw forbidden(`User ${call.who.user} not in room ${param(call, 0)}`);
    return room;
  };
  const syncs = syncRoutes({ profile, database, clock, typing: () => typing, isBot: appservices.isBot }, register);
  const typing = createTyping({
    clock,
    nextStream: timeline.nextStream,
    told: (room, edu) => {
      delivery.ephemeral(room, edu);
      syncs.wake(room);
    },
  });
  timeline.listen((event, room, before) => {
    if (before !== undefined && event.state_key !== undefined) appservices.memberChanged(room, event.state_key, before);
    delivery.eventStored(event, room);
    syncs.wake(room, event.type === "m.room.member" ? event.state_key : undefined);
  });
  accountRoutes({ profile, serverName, database, appservices, client, members, limit, tokens }, register);
  roomsRoutes(
    { profile, serverName, database, appservices, client, creation, timeline, members, limit, roomOf },
    register,
  );
  sendingRoutes({ profile, database, timeline, members, txns, limit, typing, roomOf }, register);
  readingRoutes({ profile, database, now: clock.now, roomOf }, register);
  serverRoutes({ profile, clock, appservices, client, delivery }, register);
  router.add("GET", "/_matrix/client/versions", { auth: "none", run: () => versionsOf(profile) });
  for (const registration of options.registrations ?? []) appservices.add(registration);
  const rules = { profile, serverName, database, appservices, tokens };
  const requester = (token: string | undefined, query: URLSearchParams) => requesterOf(rules, token, query);
  const media = createMediaRoutes({
    serverName,
    profile: { ...mediaProfileOf(options.profile), ...options.media },
    who: (request, query) => requester(tokenOf(profile, request.headers.authorization, query), query),
    judge: faults.judge,
  });
  const front = createFront({ profile, clock, router, faults, requesterOf: requester, media: media.handle });
  return {
    database,
    members,
    appservices,
    delivery,
    creation,
    txns,
    typing,
    syncs,
    faults,
    front,
    media: media.controls,
    tokens,
    oauth: (url: () => string) => oauthRoutes({ clock, tokens, url }, router),
  };
}

/** Routes are served under `r0` and `v3` unless they say otherwise. */
function registrar(router: Router<Route>): Register {
  return (method, path, run, given = {}) => {
    for (const version of given.versions ?? ["r0", "v3"])
      router.add(method, `/_matrix/client/${version}${path}`, { auth: given.auth ?? "user", run });
  };
}

function seedRoom(
  { database, creation, members }: Parts,
  creator: string,
  others: readonly string[],
  wanted: { readonly version?: "11" | "12"; readonly public?: boolean },
): string {
  for (const id of [creator, ...others]) if (!database.users.has(id)) database.addUser({ id });
  const preset = wanted.public ? "public_chat" : "private_chat";
  const room = creation.create(creator, { preset, room_version: wanted.version ?? "11" });
  for (const id of others) {
    members.change(room, creator, id, "invite");
    members.change(room, id, id, "join");
  }
  return room.id;
}

function inviteFromAfar({ database, creation, members }: Parts, inviter: string, user: string): string {
  if (!database.users.has(inviter)) database.addUser({ id: inviter });
  const room = creation.create(inviter, { preset: "private_chat", room_version: "11" });
  members.change(room, inviter, user, "invite", { is_direct: true });
  return room.id;
}
