/**
 * A real Dendrite on loopback, when somebody has built one (TRESTLE_E2E_DENDRITE names the program): SQLite, no federation,
 * its message queue in the process, registrations in its config, people by shared secret.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMatrixObserver, type MatrixObserver } from "../observers/matrix-observer.ts";
import type { HomeserverUnderTest, RealServerOptions } from "./homeserver-under-test.ts";
import { freePort, type ServerProcess, spawnServer } from "./process.ts";
import { registerBySecret } from "./shared-secret.ts";

const serverName = "dendrite.test";

export async function createDendriteUnderTest(
  program: string,
  options: RealServerOptions = {},
): Promise<HomeserverUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), "trestle-dendrite-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secret = randomBytes(24).toString("hex");
  const registrations: string[] = [];
  const people: MatrixObserver[] = [];
  let server: ServerProcess | undefined;
  writeFileSync(join(dir, "key.pem"), signingKey());
  const start = async (): Promise<void> => {
    if (server?.running()) return;
    // JSON is YAML, and nothing has to be escaped by hand
    writeFileSync(join(dir, "dendrite.yaml"), JSON.stringify(config(dir, secret, registrations, options), null, 2));
    server = await spawnServer(program, ["-config", "dendrite.yaml", "-http-bind-address", `127.0.0.1:${port}`], {
      name: "dendrite",
      logFile: join(dir, "dendrite.log"),
      cwd: dir,
      ready: { probe: async () => (await fetch(`${url}/_matrix/client/versions`)).ok },
    });
  };
  const stop = async (signal: "TERM" | "KILL" = "TERM"): Promise<void> => {
    await server?.stop(signal);
    server = undefined;
  };
  return {
    kind: "dendrite",
    registerAs: "dendrite",
    quietMs: 90_000,
    // it sends clients what branched off in the order of the graph, appservices in the order of arrival
    ordersAtOnce: false,
    // what its room server took reaches its other parts by a queue that is not flushed to the disk at once
    forgetsWhenKilled: true,
    url,
    serverName,
    async addRegistration(path) {
      if (!registrations.includes(path)) registrations.push(path);
      await stop();
      await start();
    },
    async person(name) {
      const { userId, token } = await registerBySecret(url, secret, name);
      const person = await createMatrixObserver({ url, userId, token });
      people.push(person);
      return person;
    },
    stop,
    start,
    async remove() {
      for (const person of people) person.close();
      await stop("KILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A fresh ed25519 key as Dendrite reads it. */
function signingKey(): string {
  const seed = randomBytes(32).toString("base64");
  return `-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:test\n\n${seed}\n-----END MATRIX PRIVATE KEY-----\n`;
}

function config(dir: string, secret: string, registrations: readonly string[], options: RealServerOptions): object {
  const database = (name: string): object => ({ database: { connection_string: `file:${join(dir, name)}.db` } });
  return {
    version: 2,
    global: {
      server_name: serverName,
      private_key: join(dir, "key.pem"),
      disable_federation: true,
      trusted_third_party_id_servers: [],
      presence: { enable_inbound: false, enable_outbound: false },
      report_stats: { enabled: false },
      jetstream: { addresses: [], storage_path: dir, topic_prefix: "Test" },
    },
    app_service_api: { config_files: registrations },
    client_api: {
      registration_disabled: true,
      guests_disabled: true,
      registration_shared_secret: secret,
      rate_limiting: { enabled: false },
    },
    federation_api: { ...database("federation"), key_perspectives: [] },
    key_server: database("keys"),
    media_api: {
      ...database("media"),
      base_path: join(dir, "media"),
      max_file_size_bytes: options.mediaMaxBytes ?? 10_485_760,
    },
    mscs: database("mscs"),
    relay_api: database("relay"),
    room_server: database("rooms"),
    sync_api: database("sync"),
    user_api: { bcrypt_cost: 4, account_database: { connection_string: `file:${join(dir, "accounts")}.db` } },
    logging: [{ type: "std", level: "warn" }],
  };
}
