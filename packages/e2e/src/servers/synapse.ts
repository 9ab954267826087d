/** A real Synapse on loopback in a folder of its own: no federation, no limits for people, nothing phoned home. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { SandboxPerson } from "@trestle/sandbox";
import { freePort, type ServerProcess, spawnServer } from "./process.ts";
import { registerBySecret } from "./shared-secret.ts";
import { installSynapse } from "./synapse-install.ts";

export interface SynapseOptions {
  /** Made when missing; everything the server writes is in it. */
  readonly dir: string;
  /** Paths of appservice registration files, read at each start. */
  readonly registrations: readonly string[];
  /** Default: `trestle.test`. */
  readonly serverName?: string;
  /** Default: any free one; kept over restarts. */
  readonly port?: number;
  /** `sqlite` (default), or a postgres:// URL. */
  readonly database?: string;
  /** More keys of homeserver.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Synapse {
  readonly url: string;
  readonly port: number;
  readonly serverName: string;
  readonly logFile: string;
  /** Of the process now running. */
  readonly pid: number;
  /** A person with a token, by the shared-secret endpoint; logs in when the name is taken by an earlier call with this password. */
  registerUser(name: string, password?: string): Promise<SandboxPerson>;
  /** Ends the process with this signal and starts it again on the same port; resolves when it answers. */
  restart(signal?: "TERM" | "KILL", downMs?: number): Promise<void>;
  stop(signal?: "TERM" | "KILL"): Promise<void>;
  /** After `stop`: the same folder and port again. */
  start(): Promise<void>;
}

/** Installs Synapse if need be (synapse-install.ts), writes its config, starts it and waits until it answers. */
export async function startSynapse(options: SynapseOptions): Promise<Synapse> {
  const dir = resolve(options.dir);
  const serverName = options.serverName ?? "trestle.test";
  const database = options.database ?? "sqlite";
  const python = await installSynapse(database === "sqlite" ? [] : ["postgres"]);
  const port = options.port ?? (await freePort());
  const secret = randomBytes(24).toString("hex");
  mkdirSync(dir, { recursive: true });
  const configFile = join(dir, "homeserver.yaml");
  // JSON is YAML, and nothing has to be escaped by hand
  const config = { ...baseConfig(dir, serverName, port, secret), ...databaseConfig(dir, database), ...options.config };
  const registrations = options.registrations.map((path) => resolve(path));
  writeFileSync(configFile, JSON.stringify({ ...config, app_service_config_files: registrations }, null, 2));
  writeFileSync(join(dir, "signing.key"), `ed25519 a_test ${randomBytes(32).toString("base64").replace("=", "")}\n`);
  writeFileSync(join(dir, "log.yaml"), JSON.stringify(logConfig));
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(dir, "synapse.log");
  const spawn = () =>
    spawnServer(python, ["-m", "synapse.app.homeserver", "-c", configFile], {
      name: "synapse",
      logFile,
      cwd: dir,
      ready: { probe: async () => (await fetch(`${url}/_matrix/client/versions`)).ok, timeoutMs: 90_000 },
    });
  let server: ServerProcess = await spawn();
  return {
    url,
    port,
    serverName,
    logFile,
    get pid() {
      return server.pid;
    },
    registerUser: (name, password) => registerBySecret(url, secret, name, password),
    restart: async (signal = "TERM", downMs = 0) => {
      await server.stop(signal);
      if (downMs > 0) await new Promise((done) => setTimeout(done, downMs));
      server = await spawn();
    },
    stop: (signal = "TERM") => server.stop(signal),
    start: async () => {
      if (!server.running()) server = await spawn();
    },
  };
}

const logConfig = {
  version: 1,
  formatters: { plain: { format: "%(asctime)s %(levelname)s %(name)s: %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain", stream: "ext://sys.stderr" } },
  root: { level: "WARNING", handlers: ["console"] },
  disable_existing_loggers: false,
};

/** Nothing is limited for the people of a test; appservices have their own `rate_limited`. */
function noLimits(): Readonly<Record<string, unknown>> {
  const free = { per_second: 100_000, burst_count: 100_000 };
  const plain = [
    "rc_message",
    "rc_registration",
    "rc_registration_token_validity",
    "rc_admin_redaction",
    "rc_3pid_validation",
    "rc_media_create",
    "rc_room_creation",
    "rc_reports",
    "rc_joins_per_room",
  ];
  return {
    ...Object.fromEntries(plain.map((key) => [key, free])),
    rc_presence: { per_user: free },
    rc_login: { address: free, account: free, failed_attempts: free },
    rc_joins: { local: free, remote: free },
    rc_invites: { per_room: free, per_user: free, per_issuer: free },
  };
}

function baseConfig(dir: string, serverName: string, port: number, secret: string): Readonly<Record<string, unknown>> {
  return {
    server_name: serverName,
    pid_file: join(dir, "synapse.pid"),
    public_baseurl: `http://127.0.0.1:${port}/`,
    listeners: [
      {
        port,
        type: "http",
        tls: false,
        bind_addresses: ["127.0.0.1"],
        x_forwarded: false,
        resources: [{ names: ["client"], compress: false }],
      },
    ],
    signing_key_path: join(dir, "signing.key"),
    log_config: join(dir, "log.yaml"),
    media_store_path: join(dir, "media"),
    registration_shared_secret: secret,
    macaroon_secret_key: secret,
    form_secret: secret,
    bcrypt_rounds: 4,
    report_stats: false,
    enable_metrics: false,
    enable_registration: false,
    presence: { enabled: false },
    url_preview_enabled: false,
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    federation_domain_whitelist: [],
    ...noLimits(),
  };
}

function databaseConfig(dir: string, database: string): Readonly<Record<string, unknown>> {
  if (database === "sqlite") return { database: { name: "sqlite3", args: { database: join(dir, "homeserver.db") } } };
  const url = new URL(database);
  const args = {
    dbname: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    host: url.searchParams.get("host") ?? url.hostname,
    port: url.port === "" ? 5432 : Number(url.port),
    cp_min: 1,
    cp_max: 5,
  };
  return { database: { name: "psycopg2", args }, allow_unsafe_locale: true };
}
