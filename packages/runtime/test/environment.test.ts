import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { parseConfig } from "../src/config-file.ts";

const source = {
  name: "irc",
  schema: z.strictObject({
    networks: z.record(
      z.string(),
      z.strictObject({
        nick: z.string(),
        password: z.string().optional(),
        pingIntervalMs: z.number().default(1),
        sasl: z.strictObject({ account: z.string(), password: z.string() }).optional(),
        servers: z.array(z.strictObject({ host: z.string(), tls: z.boolean().default(true) })).default([]),
      }),
    ),
  }),
};

const base = `homeserver: { url: "http://a:1", name: example.org }
appservice: { listen: "127.0.0.1:1", url: "http://a:2", registration: r.yaml }
database: { url: "sqlite:a.db" }
irc:
  networks:
    libera-chat: { nick: trestle, servers: [{ host: one }, { host: two }] }
`;

const folder = mkdtempSync(join(tmpdir(), "trestle-env-"));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (env: Record<string, string>) => parseConfig(base, join(folder, "irc.yaml"), source, env);
const network = (env: Record<string, string>) => load(env).span.networks["libera-chat"];

describe("[A3] the environment over the file", () => {
  test("replaces a value of a section", () => {
    expect(load({ TRESTLE_HOMESERVER_URL: "http://b:9" }).shared.homeserver.url).toBe("http://b:9");
  });

  test("makes a section that the file does not have", () => {
    expect(load({ TRESTLE_LOG_LEVEL: "debug" }).shared.log).toEqual({ level: "debug", format: "json" });
  });

  test("reaches keys of several words, networks by name and lists by number", () => {
    expect(load({ TRESTLE_RETENTION_TEXT_DAYS: "3" }).shared.retention.textDays).toBe(3);
    expect(network({ TRESTLE_IRC_NETWORKS_LIBERA_CHAT_PING_INTERVAL_MS: "77" })?.pingIntervalMs).toBe(77);
    expect(network({ TRESTLE_IRC_NETWORKS_LIBERA_CHAT_SERVERS_1_TLS: "false" })?.servers[1]?.tls).toBe(false);
    expect(network({ TRESTLE_NOTICES_REACTIONS: "true" })).toBeDefined();
  });

  test("a text stays a text, however much it looks like a number or a truth", () => {
    expect(network({ TRESTLE_IRC_NETWORKS_LIBERA_CHAT_PASSWORD: "0123" })?.password).toBe("0123");
    expect(network({ TRESTLE_IRC_NETWORKS_LIBERA_CHAT_PASSWORD: "true" })?.password).toBe("true");
    expect(network({ TRESTLE_IRC_NETWORKS_LIBERA_CHAT_PASSWORD: "a: b # c" })?.password).toBe("a: b # c");
  });

  test("a secret can stand in a file, whose last line end is not part of it", () => {
    writeFileSync(join(folder, "secret"), "pa ss\n");
    const env = {
      TRESTLE_IRC_NETWORKS_LIBERA_CHAT_SASL_PASSWORD_FILE: "secret",
      TRESTLE_IRC_NETWORKS_LIBERA_CHAT_SASL_ACCOUNT: "me",
    };
    expect(network(env)?.sasl).toEqual({ account: "me", password: "pa ss" });
    expect(load(env).secrets).toContain("pa ss");
  });

  test("a secret's file that cannot be read is said, without reading on", () => {
    expect(() => load({ TRESTLE_DATABASE_URL_FILE: "/nowhere/x" })).toThrow(
      "environment variable TRESTLE_DATABASE_URL_FILE: database.url should be in the file /nowhere/x, which cannot be read",
    );
  });

  test("a wrong value is placed in the variable, not in the file", () => {
    expect(() => load({ TRESTLE_HOMESERVER_URL: "nowhere" })).toThrow(
      "environment variable TRESTLE_HOMESERVER_URL: homeserver.url is no URL",
    );
  });

  test("a misspelt variable of a section of ours is named with the nearest", () => {
    expect(() => load({ TRESTLE_HOMESERVER_ULR: "x" })).toThrow(
      "environment variable TRESTLE_HOMESERVER_ULR: names no key of the config. Did you mean TRESTLE_HOMESERVER_URL?",
    );
  });

  test("variables that are not of a section are somebody else's", () => {
    expect(() => load({ TRESTLE_E2E_CONDUIT: "/x", PATH: "y", TRESTLE_: "z" })).not.toThrow();
  });
});
