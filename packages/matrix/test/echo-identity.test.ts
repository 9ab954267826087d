import type { MatrixEvent } from "@trestle/core";
import { createTestClock, createTestLog, createTestMeter } from "@trestle/testing";
import { createIngest } from "../src/delivery/ingest.ts";

test("[S1 matrix] only an event whose sender is ours confirms a send; one that calls itself our puppet's is dropped and confirms nothing", async () => {
  const echoed: string[] = [];
  const taken: string[] = [];
  const ingest = createIngest({
    span: "irc",
    isOwn: (user) => user === "@_irc_bot:hs.test",
    actsFor: () => false,
    echo: (event) => echoed.push(event.event_id),
    feed: () => undefined,
    take: async (events) => void taken.push(...events.map(({ event_id }) => event_id)),
    ephemeral: () => undefined,
    clock: createTestClock(),
    log: createTestLog(),
    meter: createTestMeter(),
  });
  const event = (id: string, sender: string, content: MatrixEvent["content"]) => ({
    event_id: id,
    room_id: "!room:hs.test",
    sender,
    type: "m.room.message",
    origin_server_ts: 1,
    content,
  });
  const origin = { "dev.trestle.origin": { key: "r/net/1/1/0" } };
  const puppet = { "fi.mau.double_puppet_source": "trestle-irc" };
  await ingest.transaction({
    events: [
      event("$real", "@_irc_bot:hs.test", origin),
      event("$forged", "@mallory:hs.test", { ...origin, ...puppet }),
      event("$plain", "@mallory:hs.test", { body: "hello" }),
    ],
  });
  expect(echoed).toEqual(["$real"]);
  expect(taken).toEqual(["$plain"]);
});
