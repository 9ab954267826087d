import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createSandboxHomeserver, registerPerson, type SandboxHomeserver } from "@trestle/sandbox";
import { openStore } from "@trestle/store";
import { parse } from "yaml";
import { loadConfig } from "../src/config-file.ts";
import { loadCredentials } from "../src/credentials.ts";
import { createRedactor } from "../src/redact.ts";
import { spanCommand } from "../src/run-span.ts";
import { newKey } from "../src/secret-key.ts";
import { aFolder, fakeSpan, freePort, type TestFolder } from "./a-span.ts";

let folder: TestFolder;
let homeserver: SandboxHomeserver;
const taken: Server[] = [];

beforeAll(async () => {
  homeserver = await createSandboxHomeserver({ profile: "synapse", serverName: "example.org" });
});
afterAll(() => homeserver.stop());
beforeEach(async () => {
  folder = await aFolder(homeserver.url);
});
afterEach(() => {
  for (const server of taken.splice(0)) server.close();
  folder.remove();
});

async function registered(): Promise<void> {
  await folder.command("register", "--server", "synapse", "--config", folder.config);
  homeserver.addAppservice(parse(readFileSync(folder.registration, "utf8")));
}

async function take(listen: string): Promise<void> {
  const port = Number(listen.split(":")[1]);
  const server = createServer().listen(port, "127.0.0.1");
  taken.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
}

const configured = () => parse(readFileSync(folder.config, "utf8")) as Record<string, Record<string, string>>;
const run = () => folder.command("run", "--config", folder.config);

describe("[A8] what an admin got wrong ends in one message, its own exit code and no stack trace", () => {
  const rows: readonly [string, number, string, () => Promise<void> | void][] = [
    ["a config that is not there", 66, "there is no such file", () => rmSync(folder.config)],
    ["a config with a mistake", 65, 'did you mean "level"', () => folder.write({ log: { levl: "info" } })],
    ["no registration", 67, "there is no registration at", () => {}],
    [
      "a registration with placeholders",
      67,
      "placeholder",
      async () =>
        void (await folder.command("register", "--server", "synapse", "--config", folder.config, "--placeholders")),
    ],
    [
      "a registration of another address",
      67,
      "url: The registration says",
      async () => {
        await registered();
        folder.write({ appservice: { ...configured()["appservice"], url: "http://elsewhere:1" } });
      },
    ],
    [
      "a registration of another server name",
      67,
      "No pattern covers the ghosts of this config, like @_fake_x:other.org",
      async () => {
        await registered();
        folder.write({ homeserver: { url: homeserver.url, name: "other.org" } });
      },
    ],
    ["a registration that is no YAML", 67, "not a mapping", () => writeFileSync(folder.registration, "{")],
    [
      "a taken appservice port",
      71,
      "Another program listens there",
      async () => {
        await registered();
        await take(configured()["appservice"]?.["listen"] ?? "");
      },
    ],
    [
      "a taken admin port",
      71,
      "admin.listen",
      async () => {
        await registered();
        await take(configured()["admin"]?.["listen"] ?? "");
      },
    ],
    [
      "a database in a folder that is not there",
      73,
      "See that the folder exists",
      async () => {
        await registered();
        folder.write({ database: { url: "sqlite:/nowhere/at/all/x.db" } });
      },
    ],
    [
      "a PostgreSQL that is not there",
      73,
      "PostgreSQL runs",
      async () => {
        await registered();
        folder.write({ database: { url: "postgres://me:hunter22@127.0.0.1:9/x" } });
      },
    ],
    [
      "a link to a network that is not in the config",
      65,
      'links[0].network names "fakent", a network that this config does not have. Did you mean "fakenet"? It has: fakenet',
      // Nothing else is looked at before: there is no registration here, no homeserver and no database.
      () =>
        folder.write({
          database: { url: "sqlite:/nowhere/at/all/x.db" },
          links: [{ room: "!r", network: "fakent", chat: "#a" }],
        }),
    ],
    [
      "a homeserver that does not know the token",
      68,
      "does not know this bridge",
      async () => void (await folder.command("register", "--server", "synapse", "--config", folder.config)),
    ],
  ];

  test.each(rows)("%s", async (_name, code, words, arrange) => {
    await arrange();
    const ran = await run();
    expect(ran.err.toLowerCase()).toContain(words.toLowerCase());
    expect(ran.code).toBe(code);
    expect(ran.err).not.toMatch(/^\s+at /m);
    expect(ran.err).not.toContain("hunter22");
  });

  test("a second process on one database", async () => {
    await registered();
    const store = await openStore({ url: `sqlite:${join(folder.path, "fake.db")}` });
    const ran = await run();
    await store.close();
    expect(ran.code).toBe(72);
    expect(ran.err).toContain("two would send everything twice");
  });

  test("an unknown verb", async () => {
    const ran = await folder.command("rnu");
    expect([ran.code, ran.err]).toEqual([64, expect.stringContaining('Did you mean "run"?')]);
  });
});

describe("[P3] the double-puppet registration", () => {
  const puppets = () => join(folder.path, "doublepuppet.yaml");
  const registerPuppets = (...more: string[]) =>
    folder.command("register", "double-puppet", "--server", "synapse", "--config", folder.config, ...more);
  const check = async () => (await folder.command("check", "--config", folder.config)).out;

  test("is written beside the config, which then names it, and checked against the homeserver", async () => {
    await registered();
    const ran = await registerPuppets();
    expect([ran.code, ran.err]).toEqual([
      0,
      expect.stringContaining("fake.yaml now says double_puppet.registration: ./doublepuppet.yaml"),
    ]);
    expect(ran.out).toContain(`  - ${puppets()}`);
    expect(ran.out).toContain("It is one for all spans");
    const file = parse(readFileSync(puppets(), "utf8"));
    expect(file).toMatchObject({
      id: "trestle-doublepuppet",
      url: null,
      rate_limited: false,
      namespaces: { users: [{ exclusive: false, regex: "^@.*:example\\.org$" }] },
    });
    expect(ran.out + ran.err).not.toContain(file.as_token);
    expect(statSync(puppets()).mode & 0o777).toBe(0o600);
    expect(configured()["double_puppet"]).toEqual({ registration: "./doublepuppet.yaml" });
    expect((await registerPuppets()).err).toContain("nothing changed");
    expect(await check()).toContain("FAIL  double_puppet: the homeserver does not know");
    homeserver.addAppservice(file);
    expect(await check()).toContain("ok    double_puppet: the homeserver takes");
  });

  test.each([
    [
      "a pattern that claims everybody",
      { namespaces: { users: [{ exclusive: true, regex: "^@.*:example\\.org$" }] } },
      "nobody else can register or log in",
    ],
    [
      "another server's people",
      { namespaces: { users: [{ exclusive: false, regex: "^@.*:other\\.org$" }] } },
      "covers @somebody:example.org",
    ],
    ["no pattern", { namespaces: {} }, "covers @somebody:example.org"],
    [
      "a pattern that is none",
      { namespaces: { users: [{ exclusive: false, regex: "(" }] } },
      "is no regular expression",
    ],
    ["an address", { url: "http://127.0.0.1:1" }, "pushes every event of the server twice"],
    ["a rate limit", { rate_limited: true }, "is rate limited"],
    ["a placeholder", { as_token: "REPLACE-BY-trestle-register-as" }, "Its tokens are placeholders"],
    ["a short token", { as_token: "hunter2" }, "Its tokens are placeholders"],
    ["a token that is a number", { hs_token: 12 }, "Its tokens are placeholders"],
    ["no address at all", { url: undefined }, "The double-puppet registration has no url"],
  ])("with %s keeps the span from starting, and check says why", async (_what, change, words) => {
    await registered();
    await registerPuppets();
    writeFileSync(puppets(), JSON.stringify({ ...parse(readFileSync(puppets(), "utf8")), ...change }));
    const ran = await run();
    expect([ran.code, ran.err]).toEqual([67, expect.stringContaining(words)]);
    expect(await check()).toContain(words);
  });

  test("that is not there or no mapping is said as such", async () => {
    await registered();
    folder.write({ ...configured(), double_puppet: { registration: "./none.yaml" } });
    expect((await run()).err).toContain("`trestle register double-puppet` writes it");
    writeFileSync(join(folder.path, "none.yaml"), "[1]");
    expect((await run()).err).toContain("not a mapping of keys");
  });
});

describe("a span that runs", () => {
  test("[A8] becomes ready, answers commands, counts, survives a check beside it, and drains on SIGTERM", async () => {
    await registered();
    const admin = await registerPerson(homeserver.url, "admin");
    const room = await admin.createRoom({ preset: "public_chat" });
    folder.write({
      homeserver: configured()["homeserver"],
      appservice: configured()["appservice"],
      admin: configured()["admin"],
      links: [{ room, network: "fakenet", chat: "#lobby" }],
    });
    const before = process.listenerCount("SIGTERM");
    const heard = folder.terminal();
    const running = spanCommand(fakeSpan, ["run", "--config", folder.config], {}, heard);
    const base = `http://${configured()["admin"]?.["listen"]}`;
    await until(async () => (await fetch(`${base}/ready`)).ok);

    const asked = await folder.command("ask", "--config", folder.config, "status");
    expect([asked.code, asked.out]).toEqual([0, expect.stringContaining("Homeserver: up")]);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toContain("trestle_ready 1");
    const checked = await folder.command("check", "--config", folder.config);
    expect([checked.code, checked.out]).toEqual([0, expect.stringContaining("in use by this span, which is running")]);
    const exported = await folder.command("export", "--config", folder.config);
    expect(parse(exported.out)).toMatchObject({ span: "fake", links: [{ room, network: "fakenet", chat: "#lobby" }] });
    const backup = join(folder.path, "links.yaml");
    writeFileSync(backup, exported.out);
    const restored = await folder.command("restore", backup, "--config", folder.config);
    expect([restored.code, restored.out]).toEqual([0, expect.stringContaining("there already")]);
    const rotated = await folder.command("rotate-key", "--config", folder.config);
    expect([rotated.code, rotated.err]).toEqual([72, expect.stringContaining("Stop it first")]);

    process.emit("SIGTERM");
    expect(await running).toBe(0);
    expect(heard.text.err).toBe("");
    expect(process.listenerCount("SIGTERM")).toBe(before);
    await expect(fetch(`${base}/health`)).rejects.toThrow();
  });

  test("[S4] with public media and double puppets serves the one, knows the other, and keeps its key apart from both", async () => {
    // One of its own: the shared one waits with what it pushes since the span before was stopped.
    const fresh = await createSandboxHomeserver({ profile: "synapse", serverName: "example.org" });
    folder.write({ ...configured(), homeserver: { url: fresh.url, name: "example.org" } });
    await folder.command("register", "--server", "synapse", "--config", folder.config);
    await folder.command("register", "double-puppet", "--server", "synapse", "--config", folder.config);
    const puppets = parse(readFileSync(join(folder.path, "doublepuppet.yaml"), "utf8"));
    for (const one of [parse(readFileSync(folder.registration, "utf8")), puppets]) fresh.addAppservice(one);
    const media = `127.0.0.1:${await freePort()}`;
    folder.write({
      ...configured(),
      media: { listen: media, url: "https://media.example.org", behindProxy: false },
      log: { level: "warn" },
    });
    const before = await openStore({ url: `sqlite:${join(folder.path, "fake.db")}`, keys: [newKey("a lost file")] });
    await before.secrets.put("token/a", "x").finally(() => before.close());
    const written = jest.spyOn(process.stdout, "write").mockReturnValue(true);
    const base = `http://${configured()["admin"]?.["listen"]}`;
    const running = spanCommand(fakeSpan, ["run", "--config", folder.config], {}, folder.terminal());
    await until(async () => (await fetch(`${base}/ready`)).ok);
    const said = written.mock.calls.map(([line]) => String(line)).join("");
    written.mockRestore();
    expect(said).toContain("put the old one into the file again");
    const asked = (who: string) =>
      fetch(`http://${media}/x`, { method: "HEAD", headers: { "x-forwarded-for": who } }).then(({ status }) => status);
    const answers = [await asked("9.9.9.9")];
    while (answers.length < 250 && answers.at(-1) === 404) answers.push(await asked(`9.9.8.${answers.length}`));
    expect([answers[0], answers.at(-1)]).toEqual([404, 429]);
    process.emit("SIGTERM");
    expect(await running).toBe(0);
    await fresh.stop();

    const keyFile = join(folder.path, "fake.key");
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const [key = ""] = readFileSync(keyFile, "utf8").split("\n").slice(-2);
    const { secrets } = loadCredentials(fakeSpan, loadConfig(folder.config, fakeSpan, {}));
    const shown = createRedactor(secrets).text(`${key} ${puppets.as_token} ${puppets.hs_token}`);
    expect(shown).toBe("[redacted] [redacted] [redacted]");
  });

  test("waits for a homeserver that is away instead of giving up, and stops when told", async () => {
    await registered();
    folder.write({ homeserver: { url: "http://127.0.0.1:9", name: "example.org" }, admin: configured()["admin"] });
    const base = `http://${configured()["admin"]?.["listen"]}`;
    const running = spanCommand(fakeSpan, ["run", "--config", folder.config], {}, folder.terminal());
    await until(async () => (await fetch(`${base}/health`)).ok);
    expect((await fetch(`${base}/ready`)).status).toBe(503);
    process.emit("SIGTERM");
    expect(await running).toBe(0);
  });

  test("stops when told even while a homeserver that never answers keeps it from starting", async () => {
    await registered();
    const silent = createServer().listen(0, "127.0.0.1");
    taken.push(silent);
    await new Promise((resolve) => silent.once("listening", resolve));
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const sockets = new Set<Socket>();
    silent.on("connection", (socket) => sockets.add(socket));
    folder.write({
      homeserver: { url: `http://127.0.0.1:${port}`, name: "example.org" },
      appservice: configured()["appservice"],
    });
    const running = spanCommand(fakeSpan, ["run", "--config", folder.config], {}, folder.terminal());
    await until(async () => sockets.size > 0);
    process.emit("SIGTERM");
    expect(await running).toBe(0);
    for (const socket of sockets) socket.destroy();
  });

  test("ask says so when there is none", async () => {
    await registered();
    const asked = await folder.command("ask", "--config", folder.config, "status");
    expect([asked.code, asked.err]).toEqual([69, expect.stringContaining("Is it running?")]);
  });
});

describe("check", () => {
  test("finds nothing where everything is right", async () => {
    await registered();
    const { code, out } = await folder.command("check", "--config", folder.config);
    expect([code, out]).toEqual([0, expect.not.stringContaining("FAIL")]);
  });

  test.each<[string, number, string, string, () => Promise<void> | void]>([
    [
      "a token that is not loaded",
      68,
      "does not know the token",
      "Load the registration",
      async () => void (await folder.command("register", "--server", "synapse", "--config", folder.config, "--force")),
    ],
    [
      "a homeserver that is away",
      1,
      "nothing listens there",
      "homeserver.url is its client API",
      () =>
        folder.write({
          homeserver: { url: "http://127.0.0.1:9", name: "example.org" },
          appservice: configured()["appservice"],
        }),
    ],
    [
      "a taken port",
      71,
      "is taken by another program",
      "choose another port",
      () => take(configured()["appservice"]?.["listen"] ?? ""),
    ],
    [
      "a database that cannot be opened",
      73,
      "database-failed",
      "See that the folder exists",
      () => folder.write({ appservice: configured()["appservice"], database: { url: "sqlite:/nowhere/x.db" } }),
    ],
  ])("names %s with its mend", async (_name, code, says, mend, arrange) => {
    await registered();
    await arrange();
    const ran = await folder.command("check", "--config", folder.config);
    expect(ran.out).toContain(says);
    expect(ran.out).toContain(mend);
    expect(ran.code).toBe(code);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error("it never came to hold");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
