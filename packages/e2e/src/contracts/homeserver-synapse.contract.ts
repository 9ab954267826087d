/**
 * The Homeserver port's contract on a real Synapse, with the same suite that the sandbox's profiles pass in `npm test`. Run
 * through packages/e2e/jest.config.mjs with TRESTLE_SYNAPSE=1.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@trestle/core";
import { createHomeserver, type MatrixHomeserver, makeRegistration } from "@trestle/matrix";
import {
  createMemoryStore,
  createTestLog,
  createTestMeter,
  describeHomeserver,
  type HomeserverTrial,
} from "@trestle/testing";
import { createLossyProxy } from "../servers/lossy-proxy.ts";
import { freePort } from "../servers/process.ts";
import { startSynapse } from "../servers/synapse.ts";

if (process.env["TRESTLE_SYNAPSE"] !== "1") throw new Error("Set TRESTLE_SYNAPSE=1: this suite starts a real Synapse.");

const serverName = "contract.test";

async function synapseTrial(): Promise<HomeserverTrial> {
  const dir = mkdtempSync(join(tmpdir(), "trestle-contract-"));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const registration = makeRegistration({ span: "irc", serverName, url: endpoint, server: "synapse" });
  const file = join(dir, "registration.yaml");
  writeFileSync(file, JSON.stringify(registration));
  const synapse = await startSynapse({ dir: join(dir, "synapse"), serverName, registrations: [file] });
  const proxy = await createLossyProxy(synapse.url);
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
    person: (name) => synapse.registerUser(name),
    settled: (homeserver) => (homeserver as MatrixHomeserver).settled(),
    restartServer: (kind) => synapse.restart(kind),
    loseAnswer: () => proxy.loseAnswer(),
    close: async () => {
      await proxy.close();
      await synapse.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeHomeserver("a real Synapse", synapseTrial, { restartsServer: true, losesAnswers: true });
