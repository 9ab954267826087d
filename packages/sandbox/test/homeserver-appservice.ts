/** For the homeserver's tests: an appservice that writes down what is pushed and answers as told, and a clock moved by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { SandboxRegistration } from "../src/homeserver/appservices.ts";
import type { SandboxClock } from "../src/homeserver/clock.ts";
import {
  createSandboxHomeserver,
  type SandboxHomeserver,
  type SandboxHomeserverOptions,
} from "../src/homeserver/homeserver.ts";
import { registerPerson, type SandboxPerson } from "../src/homeserver/person.ts";

type Json = Record<string, unknown>;

export interface Pushed {
  readonly txn: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: Json;
  /** Message bodies in it. */
  readonly texts: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface TestAppservice {
  readonly url: string;
  readonly pushed: Pushed[];
  readonly asked: string[];
  /** What every transaction and query is answered; undefined: nothing, for ever. */
  answer: (pushed: Pushed) => Answer | undefined;
  /** Text of all transactions, in order. */
  texts(): string[];
  close(): Promise<void>;
}

export const ok: Answer = { status: 200, text: "{}" };
export const broken: Answer = { status: 500, text: "{}" };

export async function createTestAppservice(): Promise<TestAppservice> {
  const pushed: Pushed[] = [];
  const asked: string[] = [];
  const reply = (response: ServerResponse, answer: Answer | undefined): void => {
    if (answer) response.writeHead(answer.status, answer.status === 302 ? { location: "/" } : {}).end(answer.text);
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let raw = "";
    request.on("data", (chunk: Buffer) => {
      raw += chunk.toString("utf8");
    });
    request.on("end", () => {
      const url = request.url ?? "";
      const txn = /\/transactions\/([^?]+)/.exec(url)?.[1];
      if (txn === undefined) asked.push(url);
      const body = (raw === "" ? {} : JSON.parse(raw)) as Json;
      const events = (body["events"] ?? []) as { content: Json }[];
      const texts = events.flatMap(({ content }) => (typeof content["body"] === "string" ? [content["body"]] : []));
      const entry = { txn: txn ?? "", url, authorization: request.headers.authorization, body, texts };
      if (txn !== undefined) pushed.push(entry);
      reply(response, service.answer(entry));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const service: TestAppservice = {
    url: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    pushed,
    asked,
    answer: () => ok,
    texts: () => pushed.flatMap(({ texts }) => texts),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return service;
}

export interface HandClock extends SandboxClock {
  advance(ms: number): Promise<void>;
}

export function createHandClock(): HandClock {
  let nowMs = 1_700_000_000_000;
  const waits = new Set<{ readonly atMs: number; readonly done: () => void }>();
  return {
    now: () => nowMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const entry = {
          atMs: nowMs + ms,
          done: () => {
            waits.delete(entry);
            resolve();
          },
        };
        waits.add(entry);
        signal?.addEventListener("abort", entry.done, { once: true });
      }),
    advance: async (ms) => {
      nowMs += ms;
      for (const entry of [...waits]) if (entry.atMs <= nowMs) entry.done();
      await quiet();
    },
  };
}

/** Long enough for what is under way on loopback. */
export const quiet = (ms = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("It never came true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const registrationOf = (url: string | null, more: Partial<SandboxRegistration> = {}): SandboxRegistration => ({
  id: "irc",
  url,
  as_token: "as-token",
  hs_token: "hs-token",
  sender_localpart: "bot",
  rate_limited: false,
  namespaces: {
    users: [{ exclusive: true, regex: "^@_irc_.*:test$" }],
    aliases: [{ exclusive: true, regex: "^#_irc_.*:test$" }],
    rooms: [],
  },
  ...more,
});

export interface Scene {
  readonly server: SandboxHomeserver;
  readonly service: TestAppservice;
  readonly clock: HandClock;
  readonly alice: SandboxPerson;
  /** Alice's room with the bot in it; what its making pushed is forgotten. */
  readonly room: string;
  /** A call with the appservice's token. */
  as(method: string, path: string, body?: Json): Promise<{ status: number; body: Json }>;
  newRoom(): Promise<string>;
  say(...texts: string[]): Promise<void>;
  close(): Promise<void>;
}

export async function createScene(
  profile: SandboxHomeserverOptions["profile"],
  more: Partial<SandboxRegistration> = {},
): Promise<Scene> {
  const service = await createTestAppservice();
  const clock = createHandClock();
  const registrations = [registrationOf(service.url, more)];
  const server = await createSandboxHomeserver({ profile, serverName: "test", registrations, clock });
  const as: Scene["as"] = async (method, path, body) => {
    const answer = await fetch(`${server.url}/_matrix/client${path}`, {
      method,
      headers: { authorization: "Bearer as-token" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: answer.status, body: (await answer.json()) as Json };
  };
  await as("POST", "/v3/register", { type: "m.login.application_service", username: "bot" });
  const alice = await registerPerson(server.url, "alice");
  const newRoom = async (): Promise<string> => {
    const room = await alice.createRoom({ preset: "public_chat" });
    await as("POST", `/v3/join/${encodeURIComponent(room)}`, {});
    await quiet(20);
    return room;
  };
  const room = await newRoom();
  service.pushed.length = 0;
  return {
    server,
    service,
    clock,
    alice,
    room,
    as,
    newRoom,
    say: async (...texts) => {
      for (const text of texts) await alice.say(room, text);
    },
    close: async () => {
      await server.stop();
      await service.close();
    },
  };
}

export const numbered = (count: number, name = "line"): string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`);
