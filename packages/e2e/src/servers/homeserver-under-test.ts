/**
 * Any homeserver the scenarios run on, behind one face: the sandbox, a real Synapse, Conduit or Dendrite. It hides how each
 * takes a registration and how each makes people.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSandboxHomeserver,
  type ProfileName,
  registerPerson,
  type SandboxClock,
  type SandboxHomeserver,
  type SandboxRegistration,
} from "@trestle/sandbox";
import { parse } from "yaml";
import { createMatrixObserver, type MatrixObserver } from "../observers/matrix-observer.ts";
import { freePort } from "./process.ts";
import { type Synapse, startSynapse } from "./synapse.ts";

export type HomeserverKind = `sandbox-${ProfileName}` | "synapse" | "conduit" | "dendrite";

export interface RealServerOptions {
  /** The largest file it takes; default: its own. */
  readonly mediaMaxBytes?: number;
  /** As servers on the internet are (Synapse): strangers may register, and logins are few. */
  readonly open?: boolean;
}

export interface HomeserverUnderTest {
  readonly kind: HomeserverKind;
  /** For `register --server`. */
  readonly registerAs: ProfileName;
  /** The longest it may keep silent after it could not reach an appservice. */
  readonly quietMs: number;
  /** It puts messages of several people at one time into one order for everybody: clients, history, appservices. */
  readonly ordersAtOnce: boolean;
  /** Killed, it may lack events that it had acknowledged, for everybody. */
  readonly forgetsWhenKilled?: boolean;
  readonly url: string;
  readonly serverName: string;
  /** Makes the appservice known and the server run with it; again when the file was changed. */
  addRegistration(path: string): Promise<void>;
  /** A person who watches from now on. */
  person(name: string): Promise<MatrixObserver>;
  stop(signal?: "TERM" | "KILL"): Promise<void>;
  start(): Promise<void>;
  /** Only the sandbox can be told to misbehave. */
  readonly sandbox?: SandboxHomeserver;
  remove(): Promise<void>;
}

/** How much faster than ours the stand-ins' time goes: their back-offs of half a minute would be most of a run. */
const hurry = 10;

function hurriedClock(): SandboxClock {
  const began = Date.now();
  return {
    now: () => began + (Date.now() - began) * hurry,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, ms / hurry);
        function done(): void {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        }
        signal?.addEventListener("abort", done, { once: true });
        if (signal?.aborted) done();
      }),
  };
}

/** The stand-in, in our own process. */
export async function createSandboxUnderTest(
  profile: ProfileName,
  options: RealServerOptions = {},
): Promise<HomeserverUnderTest> {
  const { mediaMaxBytes } = options;
  const sandbox = await createSandboxHomeserver({
    profile,
    serverName: "sandbox.test",
    clock: hurriedClock(),
    ...(mediaMaxBytes === undefined ? {} : { media: { uploadBytesMax: mediaMaxBytes } }),
  });
  const people: MatrixObserver[] = [];
  return {
    kind: `sandbox-${profile}`,
    registerAs: profile,
    quietMs: 30_000,
    ordersAtOnce: true,
    url: sandbox.url,
    serverName: sandbox.serverName,
    sandbox,
    addRegistration: async (path) => sandbox.addAppservice(parse(readFileSync(path, "utf8")) as SandboxRegistration),
    async person(name) {
      const { userId, token } = await registerPerson(sandbox.url, name);
      const person = await createMatrixObserver({ url: sandbox.url, userId, token });
      people.push(person);
      return person;
    },
    stop: (signal = "TERM") => sandbox.stop(signal === "TERM" ? "term" : "kill"),
    start: () => sandbox.start(),
    async remove() {
      for (const person of people) person.close();
      await sandbox.stop("kill");
    },
  };
}

const openConfig = {
  enable_registration: true,
  enable_registration_without_verification: true,
  rc_login: { account: { per_second: 0.1, burst_count: 1 } },
};

/** A real Synapse in a fresh folder; it starts when it gets its first registration. */
export async function createSynapseUnderTest(options: RealServerOptions = {}): Promise<HomeserverUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), "trestle-synapse-"));
  const port = await freePort();
  const serverName = "synapse.test";
  const config = {
    ...(options.mediaMaxBytes === undefined ? {} : { max_upload_size: options.mediaMaxBytes }),
    ...(options.open ? openConfig : {}),
  };
  const registrations: string[] = [];
  const people: MatrixObserver[] = [];
  let synapse: Synapse | undefined;
  const running = (): Synapse => {
    if (!synapse) throw new Error("Synapse was not started yet: addRegistration does that");
    return synapse;
  };
  return {
    kind: "synapse",
    registerAs: "synapse",
    quietMs: 30_000,
    ordersAtOnce: true,
    url: `http://127.0.0.1:${port}`,
    serverName,
    async addRegistration(path) {
      if (!registrations.includes(path)) registrations.push(path);
      await synapse?.stop();
      synapse = await startSynapse({ dir, registrations, serverName, port, config });
    },
    async person(name) {
      const { userId, token } = await running().registerUser(name);
      const person = await createMatrixObserver({ url: running().url, userId, token });
      people.push(person);
      return person;
    },
    stop: (signal = "TERM") => running().stop(signal),
    start: () => running().start(),
    async remove() {
      for (const person of people) person.close();
      await synapse?.stop("KILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
