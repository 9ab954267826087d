/** A sandbox homeserver, alice on it, a room of hers, and a Homeserver of ours that may act for her as the test wants. */
import {
  type Action,
  type EventId,
  emptyLookup,
  jobKey,
  networkId,
  type PartKey,
  partKey,
  type RemoteAuthor,
  remoteUserId,
  roomId,
  systemClock,
  type UserId,
  userId,
} from "@trestle/core";
import {
  createSandboxHomeserver,
  type ProfileName,
  registerPerson,
  type SandboxHomeserver,
  type SandboxPerson,
  type SandboxRegistration,
} from "@trestle/sandbox";
import { aMessage, createMemoryStore, createTestLog, createTestMeter, type MemoryStore } from "@trestle/testing";
import {
  createHomeserver,
  type HomeserverOptions,
  type MatrixHomeserver,
  makePuppetRegistration,
  makeRegistration,
  type Registration,
} from "../src/index.ts";
import { RememberingHost } from "./a-bridge.ts";

export const serverName = "puppets.test";
const speed = 50;
const begunMs = Date.now();
/** Waits of a minute pass in a second, on both sides alike. */
export const fastClock = {
  now: () => begunMs + (Date.now() - begunMs) * speed,
  wait: (ms: number, signal?: AbortSignal) => systemClock.wait(ms / speed, signal),
};

export interface PuppetStage {
  readonly server: SandboxHomeserver;
  readonly alice: SandboxPerson;
  readonly user: UserId;
  readonly room: string;
  readonly host: RememberingHost;
  readonly matrix: MatrixHomeserver;
  readonly store: MemoryStore;
  readonly log: ReturnType<typeof createTestLog>;
  readonly registration: Registration;
  readonly doublePuppet: Registration;
  /** Alice over there. */
  readonly ann: RemoteAuthor;
  say(text: string, key?: PartKey, author?: RemoteAuthor): Promise<EventId>;
  send(action: Action<EventId>, key?: PartKey): Promise<EventId>;
  /** Messages with this body: who said them. */
  saidBy(text: string): Promise<string[]>;
  /** A restart of ours; `killed` as if it had not ended by itself. */
  reopen(killed?: "killed"): Promise<void>;
}

export interface PuppetStageOptions {
  readonly profile?: ProfileName;
  /** Whether we have the double-puppet registration, and how ours differs. */
  readonly ours?: false | Partial<Registration>;
  /** Whether the homeserver has it, and how its copy differs. */
  readonly theirs?: false | Partial<SandboxRegistration>;
  readonly options?: Partial<HomeserverOptions>;
  readonly fast?: boolean;
}

const open: (() => Promise<unknown>)[] = [];

export async function closeStages(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

let keys = 0;
export const aKey = (): PartKey => partKey(jobKey(`job${keys++}`), 0);

export async function aStage(wanted: PuppetStageOptions = {}): Promise<PuppetStage> {
  const { profile = "synapse", ours = {}, theirs = {} } = wanted;
  const clock = wanted.fast === true ? fastClock : systemClock;
  const doublePuppet = makePuppetRegistration({ serverName, server: profile });
  const registration = makeRegistration({ span: "irc", serverName, url: "http://127.0.0.1:1", server: profile });
  const server = await createSandboxHomeserver({ profile, serverName, clock });
  open.push(() => server.stop());
  if (theirs !== false) server.addAppservice({ ...doublePuppet, ...theirs } as SandboxRegistration);
  const store = createMemoryStore();
  const host = new RememberingHost();
  const log = createTestLog();
  let matrix: MatrixHomeserver | undefined;
  const start = async () => {
    const made = createHomeserver({
      url: server.url,
      serverName,
      span: "irc",
      registration,
      listen: { host: "127.0.0.1", port: matrix?.port ?? 0 },
      store,
      clock,
      log,
      meter: createTestMeter(),
      heartbeatMs: 1_000,
      canaryIntervalMs: 300,
      patrolMs: 0,
      ...wanted.options,
      puppets: {
        checkMs: 50,
        ...wanted.options?.puppets,
        ...(ours === false ? {} : { registration: { ...doublePuppet, ...ours } }),
      },
    });
    // The bot has to be known before it starts, its port only afterwards.
    server.addAppservice(registration as SandboxRegistration);
    await made.start(host);
    server.addAppservice({ ...registration, url: `http://127.0.0.1:${made.port}` } as SandboxRegistration);
    await made.settled();
    matrix = made;
    return made;
  };
  const current = () => matrix as MatrixHomeserver;
  await start();
  open.push(() => current().stop(100));
  const alice = await registerPerson(server.url, "alice");
  const user = userId(alice.userId);
  const room = await alice.createRoom({ preset: "public_chat", room_version: "11" });
  await alice.invite(room, current().userId);
  await current().joinRoom(room);
  const ann: RemoteAuthor = { network: networkId("net"), id: remoteUserId("ann"), name: "Ann", puppet: user };
  const send = async (action: Action<EventId>, key: PartKey = aKey(), author: RemoteAuthor = ann) => {
    const [part] = current().plan(roomId(room), action, author, emptyLookup);
    if (part === undefined) throw new Error("nothing to send");
    return current().sendPart(roomId(room), part, author, key);
  };
  return {
    server,
    alice,
    user,
    room,
    host,
    get matrix() {
      return current();
    },
    store,
    log,
    registration,
    doublePuppet,
    ann,
    send,
    say: (text, key, author) => send(aMessage<EventId>(text), key, author),
    saidBy: async (text) =>
      (await alice.history(room)).filter(({ content }) => content["body"] === text).map(({ sender }) => sender),
    reopen: async (killed) => {
      await current().stop(100);
      if (killed) await store.kv.put("matrix/running", "yes");
      await start();
    },
  };
}
