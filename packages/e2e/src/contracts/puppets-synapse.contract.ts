/**
 * Acting for people on a real Synapse: by the double-puppet registration and by their own tokens, and the self-check against
 * deliberate mistakes in what the homeserver has loaded. Run like the other contracts, with TRESTLE_SYNAPSE=1.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EventId,
  emptyLookup,
  jobKey,
  networkId,
  partKey,
  remoteUserId,
  roomId,
  systemClock,
  userId,
} from "@trestle/core";
import { createHomeserver, type MatrixHomeserver, makePuppetRegistration, makeRegistration } from "@trestle/matrix";
import { aMessage, createMemoryStore, createTestLog, createTestMeter, createTrialHost } from "@trestle/testing";
import { freePort } from "../servers/process.ts";
import { type Synapse, startSynapse } from "../servers/synapse.ts";

if (process.env["TRESTLE_SYNAPSE"] !== "1") throw new Error("Set TRESTLE_SYNAPSE=1: this suite starts a real Synapse.");

const serverName = "puppets.test";
const good = makePuppetRegistration({ serverName, server: "synapse" });
const user = userId(`@alice:${serverName}`);

describe("acting for people on a real Synapse", () => {
  const dir = mkdtempSync(join(tmpdir(), "trestle-puppets-"));
  const puppetFile = join(dir, "doublepuppet.yaml");
  const host = createTrialHost();
  let synapse: Synapse;
  let port: number;
  let matrix: MatrixHomeserver | undefined;
  const file = join(dir, "registration.yaml");
  let registration: ReturnType<typeof makeRegistration>;

  const load = async (theirs: object | undefined) => {
    const other = makePuppetRegistration({ serverName, server: "synapse", span: "other" });
    writeFileSync(puppetFile, JSON.stringify(theirs === undefined ? other : { ...good, ...theirs }));
    await synapse.restart();
  };
  const open = async (ours: object | false = {}): Promise<MatrixHomeserver> => {
    await matrix?.stop(100);
    matrix = createHomeserver({
      url: synapse.url,
      serverName,
      span: "irc",
      registration,
      listen: { host: "127.0.0.1", port },
      store: createMemoryStore(),
      clock: systemClock,
      log: createTestLog(),
      meter: createTestMeter(),
      patrolMs: 0,
      puppets: { checkMs: 300, ...(ours === false ? {} : { registration: { ...good, ...ours } }) },
    });
    await matrix.start(host);
    await matrix.settled();
    return matrix;
  };

  beforeAll(async () => {
    port = await freePort();
    registration = makeRegistration({ span: "irc", serverName, url: `http://127.0.0.1:${port}`, server: "synapse" });
    mkdirSync(join(dir, "synapse"), { recursive: true });
    writeFileSync(file, JSON.stringify(registration));
    writeFileSync(puppetFile, JSON.stringify(good));
    const config = {
      enable_registration: true,
      enable_registration_without_verification: true,
      rc_message: { per_second: 2, burst_count: 15 },
    };
    const registrations = [file, puppetFile];
    synapse = await startSynapse({ dir: join(dir, "synapse"), serverName, registrations, config });
    await synapse.registerUser("alice");
  });
  afterAll(async () => {
    await matrix?.stop(100);
    await synapse.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const stage = async (name = "alice") => {
    const homeserver = matrix as MatrixHomeserver;
    const person = await synapse.registerUser(name);
    const reader = await synapse.registerUser("reader");
    const room = await reader.createRoom({ preset: "public_chat", room_version: "11" });
    await reader.invite(room, homeserver.userId);
    await homeserver.joinRoom(room);
    const puppet = userId(person.userId);
    const author = { network: networkId("net"), id: remoteUserId("ann"), name: "Ann", puppet };
    const say = async (text: string) => {
      const [part] = homeserver.plan(roomId(room), aMessage<EventId>(text), author, emptyLookup);
      if (part === undefined) throw new Error("nothing to send");
      return homeserver.sendPart(roomId(room), part, author, partKey(jobKey(text), 0));
    };
    const saidBy = async (text: string) =>
      (await reader.history(room)).filter(({ content }) => content["body"] === text).map(({ sender }) => sender);
    return { person, reader, room, author, say, saidBy, homeserver };
  };
  const untilHeard = async (text: string) => {
    const end = Date.now() + 10_000;
    while (!host.taken.some((event) => event.content["body"] === text)) {
      if (Date.now() > end) throw new Error(`${text} was not pushed`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it.each(["registration", "token"] as const)("by %s: himself, once, and no echo", async (way) => {
    await open(way === "registration" ? {} : false);
    const { person, room, say, saidBy, homeserver } = await stage();
    if (way === "token") expect(await homeserver.puppets.login(user, person.token)).toMatchObject({ ok: true });
    await say(`mine by ${way}`);
    expect(await saidBy(`mine by ${way}`)).toEqual([user]);
    await person.say(room, `by hand, ${way}`);
    await untilHeard(`by hand, ${way}`);
    expect(host.taken.map((event) => event.content["body"])).not.toContain(`mine by ${way}`);
    expect(
      host.taken.filter((event) => event.type === "m.room.member" && event.room_id === room && event.sender === user),
    ).toEqual([]);
    expect(await homeserver.puppets.check(user)).toEqual({ ok: true, way, problems: [] });
  });

  it("a token that was logged out is noticed in a minute, and the ghost goes on", async () => {
    await open(false);
    const { person, say, saidBy, author, homeserver } = await stage();
    await homeserver.puppets.login(user, person.token);
    await person.request("POST", "/v3/logout", {});
    const end = Date.now() + 60_000;
    while (!host.lost.includes(user) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(host.lost.filter((one) => one === user)).toHaveLength(1);
    await say("after the logout");
    expect(await saidBy("after the logout")).toEqual([homeserver.ghostOf(author)]);
  });

  const everybody = { users: [{ exclusive: true, regex: `^@.*:puppets\\.test$` }] };
  const bob = { users: [{ exclusive: false, regex: `^@bob:puppets\\.test$` }] };
  it.each<[string, object | undefined, object, RegExp]>([
    ["not loaded", undefined, {}, /does not know the double-puppet registration/],
    ["for others only", { namespaces: bob }, {}, /has loaded does not cover @alice/],
    ["exclusive", { namespaces: everybody }, {}, /as exclusive/],
    ["with a url", { url: "http://127.0.0.1:1" }, {}, /is not null on the homeserver/],
    ["rate limited", { rate_limited: true }, {}, /limits the rate/],
    ["of the bridge's own token", {}, { as_token: "the span's" }, /the bridge's own `as_token`/],
  ])("the self-check names a registration %s", async (what, theirs, ours, expected) => {
    const asToken = "as_token" in ours ? { as_token: registration.as_token } : ours;
    // Beside an exclusive one of everybody the bridge does not even start: it comes while the bridge runs.
    await load({});
    const homeserver = await open(asToken);
    await load(theirs);
    if (what === "rate limited") {
      const { say } = await stage();
      for (let index = 0, refused = false; index < 60 && !refused; index++) {
        refused = await say(`quick ${index}`).then(
          () => false,
          (error: { code?: string }) => error.code === "homeserver-limit",
        );
      }
    }
    const found = (await homeserver.puppets.check(user)).problems.map(({ problem }) => problem);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it("the self-check names a stranger, a wrong token, an account that is not there and one that is deactivated", async () => {
    await load({});
    const homeserver = await open();
    const first = async (whom: string) => (await homeserver.puppets.check(userId(whom))).problems[0]?.problem;
    expect(await first("@alice:elsewhere.test")).toMatch(/is not an account of a person on/);
    expect(await first(`@nobody:${serverName}`)).toMatch(/There is no account @nobody/);
    const reader = await synapse.registerUser("reader");
    const { problems } = await homeserver.puppets.login(user, reader.token);
    expect(problems[0]?.problem).toMatch(/is of @reader/);
    const gone = await synapse.registerUser("gone");
    const auth = {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "gone" },
      password: "correct horse",
    };
    await gone.request("POST", "/v3/account/deactivate", { auth });
    expect(await first(`@gone:${serverName}`)).toMatch(/is deactivated/);
  });
});
