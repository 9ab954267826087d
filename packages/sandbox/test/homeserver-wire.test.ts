import { createSandboxHomeserver, type SandboxHomeserver } from "../src/homeserver/homeserver.ts";
import { registerPerson } from "../src/homeserver/person.ts";
import { expectedOf, openWire, probeRegistration, type Wire } from "../src/homeserver/probes/wire.ts";
import { wireProbes } from "../src/homeserver/probes/wire-probes.ts";
import { profileNames } from "../src/homeserver/profiles.ts";

describe.each(profileNames)("the %s profile answers as the real one", (profile) => {
  let server: SandboxHomeserver;
  let wire: Wire;
  beforeAll(async () => {
    const registration = probeRegistration("probe.test", null);
    server = await createSandboxHomeserver({ profile, serverName: "probe.test", registrations: [registration] });
    const setting = {
      url: server.url,
      serverName: "probe.test",
      registration,
      person: (name: string) => registerPerson(server.url, name),
    };
    wire = openWire(setting, await registerPerson(server.url, "alice"));
    await wire.as(undefined, "POST", "/v3/register", { type: "m.login.application_service", username: "probebot" });
  });
  afterAll(() => server.stop());

  it.each(wireProbes.map((probe) => [probe.name, probe] as const))("%s", async (_name, probe) => {
    const expected = expectedOf(probe, profile);
    const answer = await probe.run(wire);
    if (expected === "unknown") expect(JSON.stringify(answer)).not.toContain("500");
    else expect(answer).toEqual(expected);
  });
});
