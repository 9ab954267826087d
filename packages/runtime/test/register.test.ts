import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { aFolder, type TestFolder } from "./a-span.ts";

let folder: TestFolder;
beforeEach(async () => {
  folder = await aFolder();
});
afterEach(() => folder.remove());

const written = () => parse(readFileSync(folder.registration, "utf8")) as Record<string, unknown>;
const register = (...args: string[]) => folder.command("register", "--config", folder.config, ...args);

describe("[A1] register writes what the homeserver at hand wants", () => {
  test.each(["synapse", "conduit", "conduwuit", "continuwuity", "tuwunel", "dendrite"])("%s", async (server) => {
    const { code } = await register("--server", server);
    expect(code).toBe(0);
    const file = written();
    expect(file).toMatchObject({
      id: "trestle-fake",
      sender_localpart: "_fake_bot",
      rate_limited: false,
      namespaces: {
        users: expect.arrayContaining([{ exclusive: true, regex: "^@_fake_.*:example\\.org$" }]),
        rooms: [],
      },
    });
    expect(file["as_token"]).toMatch(/^[0-9a-f]{64}$/);
    expect(file["hs_token"]).not.toBe(file["as_token"]);
    // Both ephemeral keys together are a "duplicate field" to the Conduit family.
    expect("de.sorunome.msc2409.push_ephemeral" in file).toBe(server === "synapse");
  });

  test("the file is its owner's only, and two runs never make the same tokens", async () => {
    await register("--server", "synapse");
    expect(statSync(folder.registration).mode & 0o777).toBe(0o600);
    const first = written();
    await register("--server", "synapse", "--force");
    expect(written()["as_token"]).not.toBe(first["as_token"]);
  });

  test("tokens that stand there are kept, and the rest follows the config", async () => {
    await register("--server", "synapse");
    const first = written();
    folder.write({ homeserver: { url: "http://127.0.0.1:9", name: "other.org" } });
    const { err } = await register("--server", "conduit");
    expect(err).toContain("with the tokens it had");
    expect(written()).toMatchObject({ as_token: first["as_token"], hs_token: first["hs_token"] });
    expect(JSON.stringify(written())).toContain("other\\\\.org");
  });

  test("running it twice changes nothing and says so", async () => {
    await register("--server", "synapse");
    const before = readFileSync(folder.registration, "utf8");
    const { err } = await register("--server", "synapse");
    expect(err).toContain("nothing changed");
    expect(readFileSync(folder.registration, "utf8")).toBe(before);
  });

  test("rights that the homeserver was given on the file stay, the world's go", async () => {
    await register("--server", "synapse");
    chmodSync(folder.registration, 0o644);
    await register("--server", "synapse", "--force");
    expect(statSync(folder.registration).mode & 0o777).toBe(0o640);
  });

  test("a file that is no registration is not written over", async () => {
    writeFileSync(folder.registration, "my diary\n");
    const { code, err } = await register("--server", "synapse");
    expect(code).toBe(67);
    expect(err).toContain("exists and is no registration. --force writes over it");
    expect(readFileSync(folder.registration, "utf8")).toBe("my diary\n");
  });

  test("placeholders in the file are replaced by real tokens", async () => {
    await register("--server", "synapse", "--placeholders");
    expect(written()["as_token"]).toContain("REPLACE");
    expect((await register("--server", "synapse")).code).toBe(0);
    expect(written()["as_token"]).toMatch(/^[0-9a-f]{64}$/);
  });

  test("--out - prints it and writes nothing", async () => {
    const { out } = await register("--server", "synapse", "--out", "-");
    expect(parse(out)).toMatchObject({ id: "trestle-fake" });
    expect(() => statSync(folder.registration)).toThrow();
  });

  test("[A3] another --out is written into the config, whose comments stay", async () => {
    writeFileSync(folder.config, `# mine\n${readFileSync(folder.config, "utf8")}`);
    const { err } = await register("--server", "synapse", "--out", join(folder.path, "elsewhere.yaml"));
    expect(err).toContain("now says appservice.registration: ./elsewhere.yaml");
    const config = readFileSync(folder.config, "utf8");
    expect(config.startsWith("# mine\n")).toBe(true);
    expect(parse(config)).toMatchObject({ appservice: { registration: "./elsewhere.yaml" } });
  });
});

describe("[A1] register says the next step", () => {
  test.each([
    ["synapse", ["app_service_config_files:", "homeserver.yaml", "restart Synapse"]],
    ["dendrite", ["app_service_api:", "config_files:", "dendrite.yaml"]],
    ["conduit", ["#admins:example.org", "\n@conduit:example.org: register-appservice\n```\nid: ", "\n```\n"]],
    ["conduwuit", ["\n!admin appservices register\n```\nid: "]],
    ["continuwuity", ["\n!admin appservices register\n```\nid: "]],
    ["tuwunel", ["\n!admin appservices register\n```\nid: ", "appservice_dir"]],
  ])("%s", async (server, parts) => {
    const { out } = await register("--server", server);
    for (const part of parts) expect(out).toContain(part);
    expect(out).toContain("trestle check fake");
  });

  test.each(["synapse", "dendrite"])("without showing a token, where %s reads the file itself", async (server) => {
    const { out, err } = await register("--server", server);
    expect(out + err).not.toContain(String(written()["as_token"]));
    expect(out).toContain(folder.registration);
  });

  test("and warns when the homeserver could not reach the bridge", async () => {
    folder.write({ homeserver: { url: "https://matrix.example.org", name: "example.org" } });
    expect((await register("--server", "synapse")).err).toContain("only a homeserver on this machine can reach");
  });
});
