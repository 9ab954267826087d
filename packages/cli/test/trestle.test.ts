import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bin/trestle.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trestle-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function trestle(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

describe("the trestle command", () => {
  test.concurrent("without words shows its help", async () => {
    const { code, out } = await trestle();
    expect(code).toBe(0);
    expect(out).toContain("trestle register irc --server synapse");
  });

  test.concurrent("says which verb was meant, which span is missing, which spans there are", async () => {
    const [verb, none, unknown] = await Promise.all([
      trestle("regster", "irc"),
      trestle("run"),
      trestle("run", "smoke"),
    ]);
    expect([verb.code, verb.err]).toEqual([64, expect.stringContaining('Did you mean "register"?')]);
    expect([none.code, none.err]).toEqual([64, "Which span? For example: trestle run irc\n"]);
    expect([unknown.code, unknown.err]).toEqual([
      64,
      expect.stringContaining('There is no span "smoke" here. There is: irc'),
    ]);
  });

  test.concurrent("[A1] prints the example of a span, which is a config that the span takes", async () => {
    const { code, out } = await trestle("example", "irc");
    expect(code).toBe(0);
    const config = join(folder, "example.yaml");
    writeFileSync(config, out);
    const registered = await trestle("register", "irc", "--server", "conduit", "--config", config, "--out", "-");
    expect(registered.err).toBe("");
    expect(registered.out).toContain("trestle-irc");
  });

  test.concurrent("[P3] registers double puppets without a span's name, or with one", async () => {
    const { out } = await trestle("example", "irc");
    const config = join(folder, "puppets.yaml");
    writeFileSync(config, out);
    const options = ["--server", "synapse", "--config", config, "--out", "-"];
    const [plain, named, turned] = await Promise.all([
      trestle("register", "double-puppet", ...options),
      trestle("register", "double-puppet", "irc", ...options),
      trestle("register", "irc", "double-puppet", ...options),
    ]);
    for (const { code, out: registration } of [plain, named, turned]) {
      expect([code, registration]).toEqual([0, expect.stringContaining("id: 'trestle-doublepuppet'")]);
    }
  });

  test.concurrent("[A8] hands on the span's exit code and message, and no stack trace comes through", async () => {
    const config = join(folder, "broken.yaml");
    writeFileSync(config, "homeserver: {url: nowhere}\n");
    const { code, err } = await trestle("run", "irc", "--config", config);
    expect(code).toBe(65);
    expect(err).toContain("broken.yaml:1:14: homeserver.url is no URL");
    expect(err).not.toMatch(/^\s+at /m);
  });

  test.concurrent("puts status, links, failures and retry to the running span, and says when there is none", async () => {
    const { code, err } = await trestle("retry", "irc", "17", "--config", join(folder, "none.yaml"));
    expect([code, err]).toEqual([66, expect.stringContaining("there is no such file")]);
  });
});
