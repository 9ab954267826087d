/** For the proofs of delivery: a sandbox homeserver and our side of it on one clock that runs fast, and a host that keeps what it takes. */
import { type AddressInfo, createServer } from "node:net";
import { type Clock, type RepairRoom, roomId } from "@trestle/core";
import {
  createSandboxHomeserver,
  type ProfileName,
  registerPerson,
  type SandboxHomeserver,
  type SandboxPerson,
} from "@trestle/sandbox";
import { createMemoryStore, createTestLog, createTestMeter, type MemoryStore } from "@trestle/testing";
import { createHomeserver, type HomeserverOptions, type MatrixHomeserver, makeRegistration } from "../src/index.ts";
import { RememberingHost } from "./a-bridge.ts";

export const serverName = "delivery.test";

export interface TickClock extends Clock {
  /** Time goes on by so much in each turn of the event loop. */
  stepMs: number;
  stop(): void;
}

/**
 * Time that goes by turns of the event loop, however long each took: a busy machine slows it down with everything else, so
 * nothing times out because of it. The larger the step, the slower all requests seem to be.
 */
export function createTickClock(stepMs: number): TickClock {
  let nowMs = Date.now();
  let timer: NodeJS.Timeout;
  const waits = new Set<{ readonly atMs: number; readonly done: () => void }>();
  const tick = (): void => {
    nowMs += clock.stepMs;
    const due = [...waits].filter(({ atMs }) => atMs <= nowMs).sort((left, right) => left.atMs - right.atMs);
    for (const { done } of due) done();
    timer = setTimeout(tick, 1);
  };
  timer = setTimeout(tick, 1);
  const clock: TickClock = {
    stepMs,
    now: () => nowMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const entry = {
          atMs: nowMs + ms,
          done: () => {
            waits.delete(entry);
            signal?.removeEventListener("abort", entry.done);
            resolve();
          },
        };
        waits.add(entry);
        signal?.addEventListener("abort", entry.done, { once: true });
      }),
    stop: () => clearTimeout(timer),
  };
  return clock;
}

/** Serves gap repair from what it took, as the core's journal does. */
export class JournalHost extends RememberingHost {
  readonly linked: string[] = [];
  override async repairRooms(): Promise<RepairRoom[]> {
    return this.linked.map((room) => {
      const last = this.taken.findLast((event) => event.room_id === room);
      return {
        room: roomId(room),
        ...(last === undefined ? {} : { lastEvent: last.event_id, lastAtMs: last.origin_server_ts }),
      };
    });
  }
  said(room: string): unknown[] {
    return this.taken
      .filter((event) => event.room_id === room && event.type === "m.room.message")
      .map((event) => event.content["body"]);
  }
}

export interface Stage {
  readonly server: SandboxHomeserver;
  readonly clock: Clock;
  readonly host: JournalHost;
  readonly store: MemoryStore;
  readonly log: ReturnType<typeof createTestLog>;
  readonly meter: ReturnType<typeof createTestMeter>;
  /** Of ours, one after the other on the same store. */
  open(more?: Partial<HomeserverOptions>): Promise<MatrixHomeserver>;
  /** A person's room with our bot in it, linked. */
  room(person: SandboxPerson, matrix: MatrixHomeserver): Promise<string>;
  person(name: string): Promise<SandboxPerson>;
  close(): Promise<void>;
}

export async function createStage(profile: ProfileName, clock: Clock): Promise<Stage> {
  const port = await freePort();
  const registration = makeRegistration({
    span: "irc",
    serverName,
    url: `http://127.0.0.1:${port}`,
    server: profile,
  });
  const server = await createSandboxHomeserver({ profile, serverName, registrations: [registration], clock });
  const [store, log, meter, host] = [createMemoryStore(), createTestLog(), createTestMeter(), new JournalHost()];
  const opened: MatrixHomeserver[] = [];
  return {
    server,
    clock,
    host,
    store,
    log,
    meter,
    async open(more = {}) {
      const matrix = createHomeserver({
        url: server.url,
        serverName,
        span: "irc",
        registration,
        listen: { host: "127.0.0.1", port },
        store,
        clock,
        log,
        meter,
        ...more,
      });
      opened.push(matrix);
      await matrix.start(host);
      return matrix;
    },
    async room(person, matrix) {
      const room = await person.createRoom({ preset: "public_chat", room_version: "11" });
      await person.invite(room, matrix.userId);
      await matrix.joinRoom(room);
      host.linked.push(room);
      return room;
    },
    person: (name) => registerPerson(server.url, name),
    async close() {
      for (const matrix of opened) await matrix.stop(100).catch(() => undefined);
      await server.stop("kill");
    },
  };
}

/** Says it until the homeserver took it, as a person's client does; false when `signal` ended that. */
export async function insist(
  person: SandboxPerson,
  room: string,
  body: string,
  signal?: AbortSignal,
): Promise<boolean> {
  while (signal?.aborted !== true) {
    try {
      await person.say(room, body);
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
