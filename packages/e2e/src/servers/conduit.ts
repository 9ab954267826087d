/**
 * A real Conduit, when somebody has built one (TRESTLE_E2E_CONDUIT names the program). People come by a registration token, the
 * first of them is its admin, and registrations are given to it in its admin room.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMatrixObserver, type MatrixObserver } from "../observers/matrix-observer.ts";
import type { HomeserverUnderTest, RealServerOptions } from "./homeserver-under-test.ts";
import { freePort, type ServerProcess, spawnServer } from "./process.ts";

const registrationToken = "e2e-token";
const serverName = "conduit.test";

export async function createConduitUnderTest(
  program: string,
  options: RealServerOptions = {},
): Promise<HomeserverUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), "trestle-conduit-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const people: MatrixObserver[] = [];
  const configFile = join(dir, "conduit.toml");
  writeFileSync(configFile, config(dir, port, options));
  let server: ServerProcess | undefined;
  let admin: MatrixObserver | undefined;
  const start = async (): Promise<void> => {
    if (server?.running()) return;
    server = await spawnServer(program, [], {
      name: "conduit",
      logFile: join(dir, "conduit.log"),
      cwd: dir,
      env: { CONDUIT_CONFIG: configFile },
      ready: { probe: async () => (await fetch(`${url}/_matrix/client/versions`)).ok },
    });
  };
  const person = async (name: string): Promise<MatrixObserver> => {
    const one = await createMatrixObserver({ url, ...(await register(url, name)) });
    people.push(one);
    return one;
  };
  return {
    kind: "conduit",
    registerAs: "conduit",
    quietMs: 120_000,
    ordersAtOnce: true,
    url,
    serverName,
    async addRegistration(path) {
      await start();
      // the first one to register is the admin
      admin ??= await person("operator");
      const room = await adminRoom(url, admin);
      const text = `@conduit:${serverName}: register-appservice\n\`\`\`\n${readFileSync(path, "utf8")}\n\`\`\``;
      const since = admin.seen.length;
      await admin.say(room, text);
      await admin.wait(
        room,
        (event) =>
          /^appservice registered/i.test(String(event.content["body"] ?? "")) && event.sender !== admin?.userId,
        { since, what: "Conduit's answer to the registration" },
      );
    },
    person,
    stop: async (signal = "TERM") => {
      await server?.stop(signal);
      server = undefined;
    },
    start,
    async remove() {
      for (const one of people) one.close();
      await server?.stop("KILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Strings and numbers are written alike in JSON and TOML. */
function config(dir: string, port: number, options: RealServerOptions): string {
  const keys = {
    server_name: serverName,
    database_backend: "sqlite",
    database_path: dir,
    address: "127.0.0.1",
    port,
    max_request_size: options.mediaMaxBytes ?? 20_000_000,
    allow_registration: true,
    registration_token: registrationToken,
    allow_check_for_updates: false,
    allow_federation: false,
    enable_lightning_bolt: false,
    trusted_servers: [],
    log: "warn",
  };
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `[global]\n${lines.join("\n")}\n`;
}

async function register(url: string, name: string): Promise<{ userId: string; token: string }> {
  const post = async (auth: object): Promise<Record<string, unknown>> => {
    const body = JSON.stringify({ username: name, password: "correct horse", ...auth });
    const response = await fetch(`${url}/_matrix/client/v3/register`, { method: "POST", body });
    return (await response.json()) as Record<string, unknown>;
  };
  const asked = await post({});
  const auth = { type: "m.login.registration_token", token: registrationToken, session: asked["session"] };
  const answer = await post({ auth });
  if (typeof answer["access_token"] !== "string")
    throw new Error(`Conduit did not register ${name}: ${JSON.stringify(answer)}`);
  return { userId: String(answer["user_id"]), token: answer["access_token"] };
}

async function adminRoom(url: string, admin: MatrixObserver): Promise<string> {
  const alias = encodeURIComponent(`#admins:${serverName}`);
  const response = await fetch(`${url}/_matrix/client/v3/directory/room/${alias}`);
  const { room_id: room } = (await response.json()) as { room_id?: string };
  if (room === undefined) throw new Error(`Conduit has no admin room for ${admin.userId}`);
  return room;
}
