/** A profile of the sandbox's homeserver with our side of it, for the contract suite. */
import { createServer } from "node:net";
import { systemClock } from "@trestle/core";
import { createSandboxHomeserver, type ProfileName, registerPerson } from "@trestle/sandbox";
import { createMemoryStore, createTestLog, createTestMeter, type HomeserverTrial } from "@trestle/testing";
import { createHomeserver, type MatrixHomeserver, makeRegistration } from "../src/index.ts";

const serverName = "contract.test";

/** The server's time runs faster than ours: its back-offs of half a minute pass in a second and a half. */
const speed = 20;
const begunMs = Date.now();
const fastClock = {
  now: () => begunMs + (Date.now() - begunMs) * speed,
  wait: (ms: number, signal?: AbortSignal) => systemClock.wait(ms / speed, signal),
};

export async function sandboxTrial(profile: ProfileName): Promise<HomeserverTrial> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const registration = makeRegistration({ span: "irc", serverName, url: endpoint, server: profile });
  const server = await createSandboxHomeserver({
    profile,
    serverName,
    registrations: [registration],
    clock: fastClock,
  });
  const store = createMemoryStore();
  return {
    serverName,
    endpoint,
    hsToken: registration.hs_token,
    open: () =>
      createHomeserver({
        url: server.url,
        serverName,
        span: "irc",
        registration,
        listen: { host: "127.0.0.1", port },
        store,
        clock: systemClock,
        log: createTestLog(),
        meter: createTestMeter(),
        heartbeatMs: 100,
        canaryIntervalMs: 300,
        patrolMs: 0,
        media: {
          listen: { host: "127.0.0.1", port: 0 },
          publicUrl: "https://media.contract.test",
          key: "k".repeat(32),
        },
      }),
    person: (name) => registerPerson(server.url, name),
    settled: (homeserver) => (homeserver as MatrixHomeserver).settled(),
    restartServer: (kind) => server.restart(kind === "TERM" ? "term" : "kill", 50),
    loseAnswer: () => server.faults.answerThenDie(),
    close: () => server.stop(),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
