import { type BridgeError, jobKey, type Part, partKey } from "@trestle/core";
import { createMemoryStore } from "@trestle/testing";
import { aBridge, aHomeserver, author, closeAll, room, until } from "./a-bridge.ts";
import type { Fault, Seen, TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

const key = (name: string) => partKey(jobKey(name), 0);
const text = (body: string): Part => ({ op: "event", type: "m.room.message", content: { msgtype: "m.text", body } });
const ann = author("ann");

const once = (part: string, fault: Fault) => {
  let left = 1;
  return (seen: Seen) => (seen.path.includes(part) && left-- > 0 ? fault : undefined);
};
const bodies = (server: TinyHomeserver) =>
  server.rooms
    .get(room)
    ?.events.filter((event) => event.type === "m.room.message")
    .map((event) => event.content["body"]);

async function ready() {
  const server = await aHomeserver();
  const bridge = await aBridge(server);
  await bridge.matrix.sendPart(room, text("zero"), ann, key("zero"));
  server.seen.length = 0;
  return { server, ...bridge };
}

test("[L1] an answer lost on the way: the second try finds the event and sends nothing", async () => {
  const { server, matrix } = await ready();
  server.pushTo = undefined;
  server.faults.push(once("/send/m.room.message", "do-and-drop"));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toMatchObject({
    code: "homeserver-unreachable",
  });
  server.transactions.clear();
  const id = await matrix.sendPart(room, text("a"), ann, key("a"));
  expect(bodies(server)).toEqual(["zero", "a"]);
  expect(id).toBe(server.rooms.get(room)?.events.at(-1)?.event_id);
  expect(server.requests("/messages")).toHaveLength(1);
});

test("[L1] an echo tells what the lost answer did not, without asking", async () => {
  const { server, matrix } = await ready();
  server.faults.push(once("/send/m.room.message", "do-and-drop"));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toThrow();
  await until("the echo", () => matrix.status().lastTransactionAtMs !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 30));
  server.transactions.clear();
  await matrix.sendPart(room, text("a"), ann, key("a"));
  expect(bodies(server)).toEqual(["zero", "a"]);
  expect(server.requests("/messages")).toHaveLength(0);
});

test("[L1] what never arrived is sent, under the same transaction id", async () => {
  const { server, matrix } = await ready();
  server.faults.push(once("/send/m.room.message", "drop"));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toThrow();
  await matrix.sendPart(room, text("a"), ann, key("a"));
  expect(bodies(server)).toEqual(["zero", "a"]);
  const paths = server.requests("/send/m.room.message").map((seen) => seen.path);
  expect(paths).toHaveLength(2);
  expect(new Set(paths).size).toBe(1);
});

test("[L1] the same text under another key is another message", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text("same"), ann, key("a"));
  await matrix.sendPart(room, text("same"), ann, key("b"));
  expect(bodies(server)).toEqual(["zero", "same", "same"]);
});

test("[L1] somebody else's event with our key in it confirms nothing", async () => {
  const { server, matrix } = await ready();
  server.faults.push(once("/send/m.room.message", "drop"));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toThrow();
  server.say(room, "@alice:hs.test", "m.room.message", { body: "forged", "dev.trestle.origin": { key: "a/0" } });
  await matrix.sendPart(room, text("a"), ann, key("a"));
  expect(bodies(server)).toEqual(["zero", "forged", "a"]);
});

test("[L1] killed between request and answer, the homeserver restarted too: nothing is doubled", async () => {
  const server = await aHomeserver();
  const store = createMemoryStore();
  const first = await aBridge(server, { store });
  await first.matrix.sendPart(room, text("zero"), ann, key("zero"));
  server.faults.push(once("/send/m.room.message", "hang"));
  const lost = first.matrix.sendPart(room, text("a"), ann, key("a")).catch((error: BridgeError) => error);
  await until("the request is out", () => server.requests("/send/m.room.message").length > 1);
  // The homeserver did it; we never heard. Nothing of ours runs on: the mark in the store still says so.
  const done = server.say(room, "@_irc_libera_ann:hs.test", "m.room.message", {
    body: "a",
    "dev.trestle.origin": { key: "a/0" },
  });
  await first.stop();
  await lost;
  server.faults = [];
  server.transactions.clear();
  const second = await aBridge(server, { store });
  server.seen.length = 0;
  expect(await second.matrix.sendPart(room, text("a"), ann, key("a"))).toBe(done.event_id);
  await second.matrix.sendPart(room, text("b"), ann, key("b"));
  expect(bodies(server)).toEqual(["zero", "a", "b"]);
  expect(server.requests("/messages")).toHaveLength(1);
});

test("[L1] after a clean end nothing is asked", async () => {
  const server = await aHomeserver();
  const store = createMemoryStore();
  const first = await aBridge(server, { store });
  await first.matrix.sendPart(room, text("zero"), ann, key("zero"));
  await first.stop();
  const second = await aBridge(server, { store });
  server.seen.length = 0;
  await second.matrix.sendPart(room, text("a"), ann, key("a"));
  expect(server.seen.filter((seen) => seen.path.includes("/rooms/")).map((seen) => seen.method)).toEqual(["PUT"]);
});

test("[L1] while the homeserver is away the message waits, it is not sent blindly afterwards", async () => {
  const { server, matrix } = await ready();
  server.pushTo = undefined;
  server.faults.push(once("/send/m.room.message", "do-and-drop"));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toThrow();
  server.transactions.clear();
  server.faults.push((seen) => (seen.path.includes("/messages") ? { status: 503 } : undefined));
  await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toMatchObject({
    code: "homeserver-unreachable",
  });
  server.faults = [];
  await matrix.sendPart(room, text("a"), ann, key("a"));
  expect(bodies(server)).toEqual(["zero", "a"]);
});

test("[L3] a homeserver that fails on one event and takes others: the one is given up, the rest goes on", async () => {
  const { server, matrix } = await ready();
  server.faults.push((seen) =>
    seen.body["body"] === "poison" ? { status: 500, body: { errcode: "M_UNKNOWN" } } : undefined,
  );
  const codes: string[] = [];
  for (let tries = 0; tries < 6; tries++) {
    await matrix.sendPart(room, text("poison"), ann, key("p")).catch((error: BridgeError) => codes.push(error.code));
    await matrix.sendPart(room, text(`ok${tries}`), ann, key(`ok${tries}`));
  }
  expect(codes.slice(0, 4)).toEqual(Array(4).fill("homeserver-unreachable"));
  expect(codes).toContain("homeserver-refused");
});

test("[L3] a homeserver that fails on everything is away: nothing is given up", async () => {
  const { server, matrix } = await ready();
  server.faults.push((seen) => (seen.method === "PUT" ? { status: 500 } : undefined));
  for (let tries = 0; tries < 12; tries++) {
    await expect(matrix.sendPart(room, text("a"), ann, key("a"))).rejects.toMatchObject({
      code: "homeserver-unreachable",
    });
  }
});

test("[L1] a hundred lost answers with a restart each double nothing", async () => {
  const { server, matrix } = await ready();
  server.pushTo = undefined;
  for (let index = 0; index < 100; index++) {
    server.faults = [once("/send/m.room.message", index % 2 === 0 ? "do-and-drop" : "drop")];
    const send = () => matrix.sendPart(room, text(`m${index}`), ann, key(`m${index}`));
    await expect(send()).rejects.toThrow();
    server.transactions.clear();
    await send();
  }
  expect(bodies(server)).toEqual(["zero", ...Array.from({ length: 100 }, (_one, index) => `m${index}`)]);
});
