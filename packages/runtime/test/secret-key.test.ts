import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "@trestle/store";
import { deriveSecret, ensureKeys, newKey, printKeys, readKeys, secretsOf } from "../src/secret-key.ts";
import { createSecretFile } from "../src/write-file.ts";
import { aFolder, type TestFolder } from "./a-span.ts";

let folder: TestFolder;
beforeEach(async () => {
  folder = await aFolder();
});
afterEach(() => folder.remove());

const keyFile = () => join(folder.path, "fake.key");
const url = () => `sqlite:${join(folder.path, "fake.db")}`;
const wordsIn = (path: string): string[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

describe("[S4] the secret key", () => {
  test("is made once, for its owner only, and is the same ever after", () => {
    expect(readKeys({ keyFile: keyFile() })).toBeUndefined();
    const first = ensureKeys("fake", { keyFile: keyFile() });
    expect(first).toMatchObject({ made: true, keys: [{ from: keyFile() }] });
    expect(first.keys[0]?.secret).toHaveLength(32);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(ensureKeys("fake", { keyFile: keyFile() })).toEqual({ ...first, made: false });
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("never takes the place of one that somebody else made at the same moment", () => {
    expect(createSecretFile(keyFile(), "theirs")).toBe(true);
    expect(createSecretFile(keyFile(), "ours")).toBe(false);
    expect(readFileSync(keyFile(), "utf8")).toBe("theirs");
  });

  test.each([0o640, 0o604, 0o660, 0o644, 0o610])("that others may read (%o) is refused with its mend", (mode) => {
    ensureKeys("fake", { keyFile: keyFile() });
    chmodSync(keyFile(), mode);
    expect(() => readKeys({ keyFile: keyFile() })).toThrow(
      expect.objectContaining({ code: "config-invalid", message: expect.stringContaining(`chmod 600 ${keyFile()}`) }),
    );
  });

  test.each([
    ["nothing", ""],
    ["a comment only", "# here it was\n"],
    ["a password", "hunter2\n"],
    ["too few bytes", `${Buffer.alloc(31).toString("base64")}\n`],
    ["a good key and half of one", `${Buffer.alloc(32).toString("base64")}\nabc\n`],
  ])("that is %s is refused without being shown", (_what, text) => {
    writeFileSync(keyFile(), text, { mode: 0o600 });
    const tried = () => readKeys({ keyFile: keyFile() });
    expect(tried).toThrow(/holds no secret key.*openssl rand -base64 32/);
    if (text.includes("hunter2")) expect(tried).not.toThrow(/hunter2/);
  });

  test("comes from the environment instead, several newest first, in either alphabet of base64", () => {
    const [one, two] = [Buffer.alloc(32, 251), Buffer.alloc(32, 7)];
    const keys = readKeys({ keyFile: keyFile(), key: `${one.toString("base64url")} ${two.toString("base64")}` });
    expect(keys?.map(({ secret, from }) => [Buffer.from(secret).toString("hex"), from])).toEqual([
      [one.toString("hex"), "secrets.key"],
      [two.toString("hex"), "secrets.key"],
    ]);
  });

  test("that cannot be written anywhere says where it should stand", () => {
    expect(() => ensureKeys("fake", { keyFile: "/nowhere/at/all/fake.key" })).toThrow(
      expect.objectContaining({ code: "config-invalid", message: expect.stringContaining("secrets.keyFile") }),
    );
  });

  test("gives every purpose a secret of its own, the same each time", () => {
    const key = newKey("here");
    const media = deriveSecret(key, "media addresses");
    expect(media).toMatch(/^[0-9a-f]{64}$/);
    expect(deriveSecret(key, "media addresses")).toBe(media);
    expect(deriveSecret(key, "other")).not.toBe(media);
    expect(deriveSecret(newKey("here"), "media addresses")).not.toBe(media);
    expect(secretsOf([key]).join()).not.toContain(media);
  });
});

describe("[S4] rotate-key", () => {
  const rotate = (env: Record<string, string> = {}) => folder.commandWith(env, "rotate-key", "--config", folder.config);
  const put = async (...texts: string[]) => {
    const store = await openStore({ url: url(), keys: ensureKeys("fake", { keyFile: keyFile() }).keys });
    for (const text of texts) await store.secrets.put(`token/${text}`, text);
    await store.close();
  };
  const opened = async (name: string) => {
    const store = await openStore({ url: url(), keys: readKeys({ keyFile: keyFile() }) ?? [] });
    return store.secrets.get(name).finally(() => store.close());
  };

  test("seals everything anew; afterwards the old key is gone and opens nothing", async () => {
    await put("a", "b");
    const before = readKeys({ keyFile: keyFile() }) ?? [];
    const ran = await rotate();
    expect([ran.code, ran.err]).toEqual([0, ""]);
    expect(ran.out).toContain("2 secrets are sealed anew");
    expect(wordsIn(keyFile())).toHaveLength(1);
    expect(secretsOf(before)).not.toContain(wordsIn(keyFile())[0]);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(await opened("token/b")).toBe("b");
    const store = await openStore({ url: url(), keys: before });
    await expect(store.secrets.get("token/a")).rejects.toMatchObject({ code: "database-failed" });
    await store.close();
  });

  test("leaves everything as it was while the span runs", async () => {
    await put("a");
    const before = readFileSync(keyFile(), "utf8");
    const running = await openStore({ url: url() });
    const ran = await rotate();
    await running.close();
    expect([ran.code, ran.err]).toEqual([72, expect.stringContaining("Stop it first")]);
    expect(readFileSync(keyFile(), "utf8")).toBe(before);
  });

  test("cut off behind any of its steps leaves what opens, and can be done again", async () => {
    await put("a");
    const former = readKeys({ keyFile: keyFile() }) ?? [];
    // as it is cut off after the new key is written down, and again after everything is sealed with it
    const both = [newKey(keyFile()), ...former];
    writeFileSync(keyFile(), printKeys("fake", both));
    expect(await opened("token/a")).toBe("a");
    const store = await openStore({ url: url(), keys: both });
    await store.secrets.reseal();
    await store.close();
    expect(await opened("token/a")).toBe("a");
    expect((await rotate()).code).toBe(0);
    expect(wordsIn(keyFile())).toHaveLength(1);
    expect(await opened("token/a")).toBe("a");
  });

  test("keeps the old key when a secret does not open", async () => {
    await put("a");
    const former = wordsIn(keyFile())[0];
    rmSync(keyFile());
    await put("b");
    const ran = await rotate();
    expect([ran.code, ran.err]).toEqual([73, expect.stringContaining('"token/a" is sealed with another key')]);
    expect(wordsIn(keyFile())).toHaveLength(2);
    writeFileSync(keyFile(), `${readFileSync(keyFile(), "utf8")}${former}\n`);
    expect((await rotate()).code).toBe(0);
    expect([await opened("token/a"), await opened("token/b")]).toEqual(["a", "b"]);
  });

  test("without its file, where something is sealed, writes nothing and says how to mend it", async () => {
    await put("a");
    const former = readFileSync(keyFile(), "utf8");
    rmSync(keyFile());
    const there = readdirSync(folder.path);
    const ran = await rotate();
    expect([ran.code, ran.out]).toEqual([65, ""]);
    expect(ran.err).toContain(`there is no secret key at ${keyFile()}, and one sealed what stands in the database (1)`);
    expect(ran.err).toMatch(/\n-> Put the former key back .* secrets\.keyFile .* start the bridge/);
    expect(readdirSync(folder.path)).toEqual(there);
    writeFileSync(keyFile(), former, { mode: 0o600 });
    expect((await rotate()).code).toBe(0);
    expect(await opened("token/a")).toBe("a");
  });

  test("without its file, where nothing is sealed, makes one", async () => {
    const ran = await rotate();
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining("0 secrets are sealed anew")]);
    expect(wordsIn(keyFile())).toHaveLength(1);
  });

  test("with keys of the environment seals with the first, and says what to do next", async () => {
    await put("a");
    const old = wordsIn(keyFile())[0] ?? "";
    const fresh = Buffer.alloc(32, 9).toString("base64url");
    const alone = await rotate({ TRESTLE_SECRETS_KEY: old });
    expect([alone.code, alone.out]).toEqual([0, expect.stringContaining("Put a new one in front of it")]);
    const both = await rotate({ TRESTLE_SECRETS_KEY: `${fresh} ${old}` });
    expect([both.code, both.out]).toEqual([0, expect.stringContaining("1 secret is sealed anew")]);
    expect(both.out + both.err).not.toContain(fresh);
    writeFileSync(keyFile(), fresh);
    expect(await opened("token/a")).toBe("a");
  });
});

describe("[S4] check", () => {
  const check = () => folder.command("check", "--config", folder.config);

  test("says where the key stands, and that it is made at the first start", async () => {
    expect((await check()).out).toContain(`ok    secrets: ${keyFile()} is made at the first start`);
    ensureKeys("fake", { keyFile: keyFile() });
    expect((await check()).out).toContain(`ok    secrets: ${keyFile()} holds 1 key\n`);
    chmodSync(keyFile(), 0o644);
    expect((await check()).out).toContain("FAIL  config-invalid: others may read the secret key: chmod 600");
  });

  test("finds secrets that the key does not open", async () => {
    const store = await openStore({ url: url(), keys: [newKey("elsewhere")] });
    await store.secrets.put("token/a", "x");
    await store.close();
    ensureKeys("fake", { keyFile: keyFile() });
    expect((await check()).out).toMatch(
      /FAIL {2}database-failed: the secret "token\/a" is sealed with another key.*fake\.key/,
    );
  });

  test.each([
    [
      "https://media.example.org",
      "127.0.0.1:0",
      "ok    media.url: https://media.example.org (your web server must lead it",
    ],
    ["http://media.example.org", "0.0.0.0:0", "ok    media.url: http://media.example.org (without https anybody"],
    ["http://127.0.0.1:29312", "127.0.0.1:0", "FAIL  media.url: http://127.0.0.1:29312 leads to this machine only"],
  ])("[S2] looks whether people elsewhere can open %s", async (mediaUrl, listen, words) => {
    folder.write({ media: { listen, url: mediaUrl } });
    expect((await check()).out).toContain(words);
  });
});
