/**
 * The sandbox's wire probes on a real Synapse: what they expect of the `synapse` profile must be what Synapse 1.163 answers. Run
 * through packages/e2e/jest.config.mjs with TRESTLE_SYNAPSE=1.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectedOf, openWire, probeRegistration, type Wire, wireProbes } from "@trestle/sandbox";
import { type Synapse, startSynapse } from "../servers/synapse.ts";

if (process.env["TRESTLE_SYNAPSE"] !== "1") throw new Error("Set TRESTLE_SYNAPSE=1: this suite starts a real Synapse.");

describe("real Synapse answers what the sandbox's profile claims", () => {
  const dir = mkdtempSync(join(tmpdir(), "trestle-wire-"));
  let synapse: Synapse;
  let wire: Wire;
  beforeAll(async () => {
    const registration = probeRegistration("probe.test", null);
    const file = join(dir, "registration.yaml");
    writeFileSync(file, JSON.stringify(registration));
    synapse = await startSynapse({ dir: join(dir, "synapse"), serverName: "probe.test", registrations: [file] });
    const setting = { url: synapse.url, serverName: "probe.test", registration, person: synapse.registerUser };
    wire = openWire(setting, await synapse.registerUser("alice"));
    await wire.as(undefined, "POST", "/v3/register", { type: "m.login.application_service", username: "probebot" });
  });
  afterAll(async () => {
    await synapse?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(wireProbes.map((probe) => [probe.name, probe] as const))("%s", async (_name, probe) => {
    expect(await probe.run(wire)).toEqual(expectedOf(probe, "synapse"));
  });
});
