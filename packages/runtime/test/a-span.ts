/** A span on the fake network, its config in a folder of its own, and a terminal that remembers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeConnector, type FakeConnector } from "@trestle/testing";
import { stringify } from "yaml";
import { z } from "zod";
import { spanCommand } from "../src/run-span.ts";
import type { Span, Terminal } from "../src/span.ts";

interface FakeConfig {
  readonly greeting?: string | undefined;
}

export const connectors: FakeConnector[] = [];

export const fakeSpan: Span<FakeConfig> = {
  name: "fake",
  schema: z.strictObject({ greeting: z.string().optional() }),
  example: 'fake:\n  greeting: "hello" # said by nobody\n',
  networks: () => ["fakenet"],
  connector: () => {
    const connector = createFakeConnector({ name: "fake" });
    connectors.push(connector);
    return connector;
  },
};

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TestFolder {
  readonly path: string;
  readonly config: string;
  readonly registration: string;
  write(changes?: Readonly<Record<string, unknown>>): void;
  command(...args: string[]): Promise<Ran>;
  /** The same in this environment. */
  commandWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran>;
  /** Starts `run`; what it writes grows in the returned object. */
  terminal(): Terminal & { readonly text: { out: string; err: string } };
  remove(): void;
}

export async function aFolder(homeserverUrl = "http://127.0.0.1:9"): Promise<TestFolder> {
  const path = mkdtempSync(join(tmpdir(), "trestle-runtime-"));
  const [appservice, admin] = [await freePort(), await freePort()];
  const config = join(path, "fake.yaml");
  const terminal = () => {
    const text = { out: "", err: "" };
    const add = (key: "out" | "err") => (more: string) => {
      text[key] += more;
    };
    return { text, out: add("out"), err: add("err") };
  };
  const folder: TestFolder = {
    path,
    config,
    registration: join(path, "registration.yaml"),
    write(changes = {}) {
      const sections = {
        homeserver: { url: homeserverUrl, name: "example.org" },
        appservice: {
          listen: `127.0.0.1:${appservice}`,
          url: `http://127.0.0.1:${appservice}`,
          registration: "./registration.yaml",
        },
        database: { url: "sqlite:./fake.db" },
        permissions: { "@admin:example.org": "admin" },
        admin: { listen: `127.0.0.1:${admin}` },
        log: { level: "error" },
        fake: {},
      };
      writeFileSync(config, stringify({ ...sections, ...changes }));
    },
    command: (...args) => folder.commandWith({}, ...args),
    async commandWith(env, ...args) {
      const heard = terminal();
      const code = await spanCommand(fakeSpan, args, env, heard);
      return { code, ...heard.text };
    },
    terminal,
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
  folder.write();
  return folder;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
