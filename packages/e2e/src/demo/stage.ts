/**
 * Everything the demo stands on: a homeserver, an IRC server, the IRC span as production runs it, a room that a Matrix person
 * linked by typing the command, and people on both sides. All on loopback, all gone when it stops.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandboxHomeserver, createSandboxIrc, registerPerson, type SandboxRegistration } from "@trestle/sandbox";
import { parse } from "yaml";
import { connectIrcObserver, type IrcObserver } from "../observers/irc-observer.ts";
import { createMatrixObserver, type MatrixObserver } from "../observers/matrix-observer.ts";
import { startSynapse } from "../servers/synapse.ts";
import { createSpan, type Span } from "../span.ts";

export type HomeserverKind = "sandbox" | "synapse";

/** Someone on the Matrix side, with an independent reader of his own. */
export interface MatrixPerson {
  readonly name: string;
  readonly client: MatrixObserver;
}

export interface Stage {
  readonly homeserver: { readonly url: string; readonly kind: HomeserverKind };
  readonly irc: { readonly host: string; readonly port: number };
  readonly channel: string;
  readonly room: string;
  readonly alias: string;
  readonly alice: MatrixPerson;
  readonly visitor: MatrixPerson;
  readonly dora: IrcObserver;
  readonly ircVisitor: IrcObserver;
  readonly span: Span;
  /** Password of the Matrix people, for a visitor's own client. */
  readonly password: string;
  stop(): Promise<void>;
}

export const channel = "#trestle";
const serverName = "demo.localhost";
const password = "welcome to the demo";
const ircCaps = "message-tags server-time draft/message-redaction";

/** Builds the stage, telling each step; rejects with what failed, and leaves nothing running then. */
export async function buildStage(kind: HomeserverKind, tell: (step: string) => void): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "trestle-demo-"));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    tell("an IRC server");
    const irc = await createSandboxIrc({
      features: {
        messageTags: true,
        serverTime: true,
        msgid: true,
        batch: true,
        echoMessage: true,
        labeledResponse: true,
        chathistory: true,
        redaction: true,
        react: true,
      },
    });
    closers.push(() => irc.stop());

    tell("the span's config and registration, by its own commands");
    const homeserver = await prepareHomeserver(kind, folder);
    closers.push(() => homeserver.stop());
    const span = await createSpan({
      homeserver: { url: homeserver.url, name: serverName },
      serverKind: "synapse",
      permissions: { [`@alice:${serverName}`]: "admin", [serverName]: "user", "*": "relay" },
      networks: {
        demo: { servers: [{ host: irc.host, port: irc.port, tls: false }], nick: "trestle", pace: "unlimited" },
      },
    });
    closers.push(() => span.remove());
    const registered = await span.register();
    if (registered.code !== 0) throw new Error(`the registration could not be made:\n${registered.err}`);

    tell(kind === "synapse" ? "Synapse, with the registration" : "a sandbox homeserver, with the registration");
    await homeserver.start(span.registration);
    tell("the IRC span");
    await span.start();

    tell("people on both sides, and a room that one of them links");
    const [alice, visitor] = await Promise.all([homeserver.person("alice"), homeserver.person("visitor")]);
    closers.push(
      () => alice.client.close(),
      () => visitor.client.close(),
    );
    const connect = (nick: string, caps: string) => connectIrcObserver({ host: irc.host, port: irc.port, nick, caps });
    // The page shows the visitor his own lines too, as the server repeats them.
    const visitorCaps = `${ircCaps} echo-message`;
    const [dora, ircVisitor] = await Promise.all([connect("dora", ircCaps), connect("visitor", visitorCaps)]);
    closers.push(
      () => dora.close(),
      () => ircVisitor.close(),
    );
    await Promise.all([dora.join(channel), ircVisitor.join(channel)]);
    const room = await linkRoom(alice.client, span);
    // Dora founded the channel; only its operators may set the topic.
    await dora.wait((line) => line.command === "JOIN" && line.nick === "trestle", 10_000, 0);
    dora.send(`MODE ${channel} +o trestle`);
    await visitor.client.join(room);

    const { url } = homeserver;
    const alias = `#trestle:${serverName}`;
    return {
      homeserver: { url, kind },
      irc: { host: irc.host, port: irc.port },
      channel,
      room,
      alias,
      alice,
      visitor,
      dora,
      ircVisitor,
      span,
      password,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As a person does it: make a room, invite the bot, type the command, read the answer. */
async function linkRoom(alice: MatrixObserver, span: Span): Promise<string> {
  const bot = `@${span.botLocalpart}:${serverName}`;
  const room = await alice.createRoom({
    name: "Trestle demo",
    preset: "public_chat",
    room_alias_name: "trestle",
    room_version: "11",
    power_level_content_override: { users: { [alice.userId]: 100, [bot]: 50 } },
  });
  await alice.invite(room, bot);
  const joined = (user: string) => (event: { type: string; state_key?: string; content: Record<string, unknown> }) =>
    event.type === "m.room.member" && event.state_key === user && event.content["membership"] === "join";
  await alice.wait(room, joined(bot), { what: "the bot to join", since: 0 });
  await alice.say(room, `!irc link demo ${channel}`);
  const saidLinked = (event: { content: Record<string, unknown> }) => /^Linked to/u.test(String(event.content["body"]));
  await alice.wait(room, saidLinked, { what: "the bot to say that the room is linked", since: 0 });
  return room;
}

interface DemoHomeserver {
  readonly url: string;
  start(registration: string): Promise<void>;
  person(name: string): Promise<MatrixPerson>;
  stop(): Promise<unknown>;
}

async function prepareHomeserver(kind: HomeserverKind, folder: string): Promise<DemoHomeserver> {
  return kind === "synapse" ? prepareSynapse(folder) : prepareSandbox();
}

async function prepareSandbox(): Promise<DemoHomeserver> {
  const server = await createSandboxHomeserver({ profile: "synapse", serverName });
  return {
    url: server.url,
    start: async (registration) =>
      server.addAppservice(parse(readFileSync(registration, "utf8")) as SandboxRegistration),
    person: async (name) => {
      const { userId, token } = await registerPerson(server.url, name, password);
      return { name, client: await createMatrixObserver({ url: server.url, userId, token }) };
    },
    stop: () => server.stop(),
  };
}

/** The port is chosen first: the span's config names it before Synapse, which wants the registration, can start. */
async function prepareSynapse(folder: string): Promise<DemoHomeserver> {
  const { freePorts } = await import("../servers/process.ts");
  const [port = 0] = await freePorts(1);
  let server: Awaited<ReturnType<typeof startSynapse>> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    start: async (registration) => {
      server = await startSynapse({ dir: join(folder, "synapse"), registrations: [registration], serverName, port });
    },
    person: async (name) => {
      if (server === undefined) throw new Error("Synapse is not started");
      const { userId, token } = await server.registerUser(name, password);
      return { name, client: await createMatrixObserver({ url: server.url, userId, token }) };
    },
    stop: async () => server?.stop(),
  };
}
