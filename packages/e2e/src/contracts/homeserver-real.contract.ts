/**
 * The Homeserver port's contract on a real homeserver, with the same suite that the sandbox's profiles pass in `npm test`. Run
 * through packages/e2e/jest.config.mjs: TRESTLE_SYNAPSE=1 for Synapse; TRESTLE_E2E_CONDUIT or TRESTLE_E2E_DENDRITE, which name
 * the program, for those.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@trestle/core";
import { createHomeserver, type MatrixHomeserver, makeRegistration } from "@trestle/matrix";
import { personOf } from "@trestle/sandbox";
import {
  createMemoryStore,
  createTestLog,
  createTestMeter,
  describeHomeserver,
  type HomeserverTrial,
} from "@trestle/testing";
import { createConduitUnderTest } from "../servers/conduit.ts";
import { createDendriteUnderTest } from "../servers/dendrite.ts";
import { createSynapseUnderTest, type HomeserverUnderTest } from "../servers/homeserver-under-test.ts";
import { createLossyProxy } from "../servers/lossy-proxy.ts";
import { freePort } from "../servers/process.ts";

const { TRESTLE_SYNAPSE: synapse, TRESTLE_E2E_CONDUIT: conduit, TRESTLE_E2E_DENDRITE: dendrite } = process.env;
const servers: Readonly<Record<string, () => Promise<HomeserverUnderTest>>> = {
  ...(synapse === "1" ? { Synapse: () => createSynapseUnderTest() } : {}),
  ...(conduit === undefined ? {} : { Conduit: () => createConduitUnderTest(conduit) }),
  ...(dendrite === undefined ? {} : { Dendrite: () => createDendriteUnderTest(dendrite) }),
};
if (Object.keys(servers).length === 0) {
  throw new Error(
    "Set TRESTLE_SYNAPSE=1, TRESTLE_E2E_CONDUIT or TRESTLE_E2E_DENDRITE: this suite wants a real server.",
  );
}

async function trialOn(make: () => Promise<HomeserverUnderTest>): Promise<HomeserverTrial> {
  const server = await make();
  const { serverName, registerAs } = server;
  const dir = mkdtempSync(join(tmpdir(), "trestle-contract-"));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const registration = makeRegistration({ span: "irc", serverName, url: endpoint, server: registerAs });
  const file = join(dir, "registration.yaml");
  writeFileSync(file, JSON.stringify(registration));
  await server.addRegistration(file);
  const proxy = await createLossyProxy(server.url);
  const store = createMemoryStore();
  return {
    serverName,
    endpoint,
    hsToken: registration.hs_token,
    open: () =>
      createHomeserver({
        url: proxy.url,
        serverName,
        span: "irc",
        registration,
        listen: { host: "127.0.0.1", port },
        store,
        clock: systemClock,
        log: createTestLog(),
        meter: createTestMeter(),
        heartbeatMs: 200,
        canaryIntervalMs: 1_000,
        patrolMs: 0,
      }),
    person: async (name) => {
      const { userId, token } = await server.person(name);
      return personOf(server.url, { user_id: userId, access_token: token });
    },
    settled: (homeserver) => (homeserver as MatrixHomeserver).settled(),
    restartServer: async (kind) => {
      await server.stop(kind);
      await server.start();
    },
    loseAnswer: () => proxy.loseAnswer(),
    close: async () => {
      await proxy.close();
      await server.remove();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

for (const [name, make] of Object.entries(servers)) {
  describeHomeserver(`a real ${name}`, () => trialOn(make), { restartsServer: true, losesAnswers: true });
}
