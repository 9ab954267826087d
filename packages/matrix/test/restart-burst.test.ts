import { type AddressInfo, createServer } from "node:net";
import { systemClock } from "@trestle/core";
import { createSandboxHomeserver, profileNames, registerPerson, type SandboxPerson } from "@trestle/sandbox";
import { createMemoryStore, createTestLog, createTestMeter } from "@trestle/testing";
import { createHomeserver, makeRegistration } from "../src/index.ts";
import { RememberingHost, until } from "./a-bridge.ts";

const serverName = "burst.test";
const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** As the core's journal: repair rooms from what was taken last. */
class LinkedHost extends RememberingHost {
  readonly linked: string[] = [];
  override async repairRooms() {
    return this.linked.map((room) => {
      const last = this.taken.findLast((event) => event.room_id === room);
      return {
        room: room as never,
        ...(last === undefined ? {} : { lastEvent: last.event_id, lastAtMs: last.origin_server_ts }),
      };
    });
  }
}

/** Says it until the homeserver took it: a person's client does the same. */
async function insist(person: SandboxPerson, room: string, body: string): Promise<void> {
  for (;;) {
    try {
      await person.say(room, body);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

test.each(profileNames)(
  "[L1] [L3] a burst while %s restarts eight times: every message once, in order per room",
  async (profile) => {
    const port = await freePort();
    const registration = makeRegistration({
      span: "irc",
      serverName,
      url: `http://127.0.0.1:${port}`,
      server: profile,
    });
    const sandbox = await createSandboxHomeserver({ profile, serverName, registrations: [registration] });
    open.push(() => sandbox.stop());
    const host = new LinkedHost();
    const matrix = createHomeserver({
      url: sandbox.url,
      serverName,
      span: "irc",
      registration,
      listen: { host: "127.0.0.1", port },
      store: createMemoryStore(),
      clock: systemClock,
      log: createTestLog(),
      meter: createTestMeter(),
      heartbeatMs: 100,
      canaryIntervalMs: 200,
      patrolMs: 0,
    });
    await registerPerson(sandbox.url, "admin");
    open.push(() => matrix.stop(200));
    await matrix.start(host);
    const people = await Promise.all(["ann", "bob", "cat"].map((name) => registerPerson(sandbox.url, name)));
    const rooms: string[] = [];
    for (const person of people) {
      const room = await person.createRoom({ preset: "public_chat", room_version: "11" });
      await person.invite(room, matrix.userId);
      await matrix.joinRoom(room);
      await person.say(room, "first");
      rooms.push(room);
      host.linked.push(room);
    }
    const bodiesOf = (room: string) =>
      host.taken.filter((event) => event.room_id === room && event.type === "m.room.message");
    await until("the first ones came", () => rooms.every((room) => bodiesOf(room).length === 1));
    const restarts = (async () => {
      for (let index = 0; index < 8; index++) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        await sandbox.restart(index % 2 === 0 ? "term" : "kill", 20);
      }
    })();
    const said = Array.from({ length: 100 }, (_one, index) => `m${index}`);
    await Promise.all(
      people.map(async (person, index) => {
        for (const body of said) {
          await insist(person, rooms[index] ?? "", body);
          await new Promise((resolve) => setTimeout(resolve, 8));
        }
      }),
    );
    await restarts;
    const seen = (room: string) => new Set(bodiesOf(room).map((event) => event.content["body"]));
    await until("all came", () => rooms.every((room) => said.every((body) => seen(room).has(body))), 15_000);
    for (const [index, room] of rooms.entries()) {
      // What is in the room: a client that got no answer may have said something twice.
      const there = (await (people[index] as SandboxPerson).history(room)).filter(
        ({ type }) => type === "m.room.message",
      );
      expect(bodiesOf(room).map((event) => event.content["body"])).toEqual(there.map(({ content }) => content["body"]));
    }
  },
  30_000,
);
