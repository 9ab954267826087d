/** The Homeserver port's contract on the sandbox's two profiles: what each of them loses, holds back and insists on included. */

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { systemClock } from "@trestle/core";
import { createSandboxHomeserver, registerPerson } from "@trestle/sandbox";
import {
  createMemoryStore,
  createTestLog,
  createTestMeter,
  describeHomeserver,
  type HomeserverTrial,
} from "@trestle/testing";
import { createHomeserver, type MatrixHomeserver, makeRegistration } from "../src/index.ts";

const serverName = "sandbox.test";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const trialOn = (profile: "synapse" | "conduit") => async (): Promise<HomeserverTrial> => {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const registration = makeRegistration({ span: "irc", serverName, url: endpoint, server: profile });
  const sandbox = await createSandboxHomeserver({ profile, serverName, registrations: [registration] });
  if (profile === "conduit") await registerPerson(sandbox.url, "admin");
  const store = createMemoryStore();
  return {
    serverName,
    endpoint,
    hsToken: registration.hs_token,
    open: () =>
      createHomeserver({
        url: sandbox.url,
        serverName,
        span: "irc",
        registration,
        listen: { host: "127.0.0.1", port },
        store,
        clock: systemClock,
        log: createTestLog(),
        meter: createTestMeter(),
        heartbeatMs: 100,
        canaryIntervalMs: 200,
        patrolMs: 0,
      }),
    person: (name) => registerPerson(sandbox.url, name),
    settled: (homeserver) => (homeserver as MatrixHomeserver).settled(),
    restartServer: (kind) => sandbox.restart(kind === "TERM" ? "term" : "kill", 50),
    loseAnswer: () => sandbox.faults.answerThenDie(),
    close: () => sandbox.stop(),
  };
};

for (const profile of ["synapse", "conduit"] as const) {
  describeHomeserver(`the sandbox as ${profile}`, trialOn(profile), { restartsServer: true, losesAnswers: true });
}
