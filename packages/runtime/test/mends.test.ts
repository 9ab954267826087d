/** That the mend which a message names is the one that mends it. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { type Key, openStore } from "@trestle/store";
import { parse } from "yaml";
import { ensureKeys, newKey } from "../src/secret-key.ts";
import { aFolder, freePort, type TestFolder } from "./a-span.ts";

let folder: TestFolder;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await aFolder();
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  folder.remove();
});

const keyFile = () => join(folder.path, "fake.key");
const command = (verb: string, ...more: string[]) => folder.command(verb, "--config", folder.config, ...more);
const linesWith = (text: string, words: string) => text.split("\n").filter((line) => line.includes(words));

/** Takes the port of a section's `listen`, which the config then has. */
async function take(section: string, host = "127.0.0.1"): Promise<void> {
  const config = parse(readFileSync(folder.config, "utf8"));
  const listen = `${host}:${await freePort()}`;
  const url = section === "media" ? { url: "https://media.example.org" } : {};
  folder.write({ ...config, [section]: { ...config[section], ...url, listen } });
  if (host !== "127.0.0.1") return;
  const server = createServer().listen(Number(listen.split(":")[1]), host);
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
}

async function sealWith(...keys: Key[]): Promise<void> {
  const store = await openStore({ url: `sqlite:${join(folder.path, "fake.db")}`, keys });
  await store.secrets.put("token/a", "x").finally(() => store.close());
}

describe("[A8] a port that cannot be used names its own key", () => {
  const others = { appservice: /admin|media/, admin: /appservice|media/, media: /appservice|admin/ };

  test.each(["appservice", "admin", "media"] as const)("%s.listen, taken", async (section) => {
    await command("register", "--server", "synapse");
    await take(section);
    for (const verb of ["run", "check"]) {
      const { code, out, err } = await command(verb);
      const [mend = "", ...more] = linesWith(out + err, "choose another port");
      expect(more).toEqual([]);
      expect(mend).toContain(`choose another port in ${section}.listen`);
      expect(mend).not.toMatch(others[section]);
      expect(mend.includes("register again")).toBe(section === "appservice");
      if (verb === "run") expect([code, err]).toEqual([71, expect.stringContaining(`${section}.listen 127.0.0.1:`)]);
    }
  });

  test.each(["appservice", "admin", "media"] as const)("%s.listen, no address of this machine", async (section) => {
    await command("register", "--server", "synapse");
    await take(section, "192.0.2.7");
    for (const verb of ["run", "check"]) {
      const { out, err } = await command(verb);
      expect(linesWith(out + err, `Give an address of this machine in ${section}.listen`)).toHaveLength(1);
      expect(out + err).not.toContain("Another program");
    }
  });
});

describe("[A8] [S4] a secret key that is not the right one", () => {
  test("another than what sealed: put the former one back, not a word of folders", async () => {
    await sealWith(newKey("elsewhere"));
    ensureKeys("fake", { keyFile: keyFile() });
    for (const verb of ["check", "rotate-key"]) {
      const { out, err } = await command(verb);
      expect(linesWith(out + err, "sealed with another key")).toHaveLength(1);
      expect(linesWith(out + err, "-> Put the former key back")).toHaveLength(1);
      expect(out + err).not.toContain("folder exists");
    }
  });

  test("not there: give it, not a word of folders", async () => {
    await sealWith(newKey("elsewhere"));
    const { out } = await command("check");
    expect(linesWith(out, "there is no key to open it")).toHaveLength(1);
    expect(linesWith(out, "-> Give the bridge its secret key")).toHaveLength(1);
    expect(out).not.toContain("folder exists");
  });

  test.each([
    ["that others may read", () => chmodSync(keyFile(), 0o644), "others may read the secret key"],
    ["that is none", () => writeFileSync(keyFile(), "nonsense\n"), "holds no secret key"],
  ])("one %s is said once, and the database is looked at all the same", async (_what, spoil, words) => {
    await sealWith(...ensureKeys("fake", { keyFile: keyFile() }).keys);
    spoil();
    const { out } = await command("check");
    expect(linesWith(out, words)).toHaveLength(1);
    expect(out).toContain("ok    database:");
  });

  test("a registration that is not there is said once too", async () => {
    expect(linesWith((await command("check")).out, "there is no registration at")).toHaveLength(1);
  });
});
