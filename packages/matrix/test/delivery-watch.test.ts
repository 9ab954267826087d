/** What Dendrite never pushes, found by looking; and that nobody is asked for ever who does not answer. */
import { type MatrixEvent, roomId } from "@trestle/core";
import { profileNames } from "@trestle/sandbox";
import { until } from "./a-bridge.ts";
import { createStage, createTickClock, type Stage, serverName, type TickClock } from "./delivery-stage.ts";

const bot = `@ircbot:${serverName}`;
let stage: Stage;
let clock: TickClock;
beforeEach(() => {
  clock = createTickClock(100);
});
afterEach(async () => {
  await stage.close();
  clock.stop();
});

const invites = () =>
  stage.host.taken.filter(
    ({ type, state_key, content }) =>
      type === "m.room.member" && state_key === bot && content["membership"] === "invite",
  );
const redactions = () => stage.host.taken.filter(({ type }) => type === "m.room.redaction");

test.each(profileNames)("[L3] %s: a redaction is taken, once, under its own id", async (profile) => {
  stage = await createStage(profile, clock);
  const matrix = await stage.open();
  const ann = await stage.person("ann");
  const room = await stage.room(ann, matrix);
  const event = await ann.say(room, "regretted");
  await until("it is taken", () => stage.host.said(room).length === 1);
  const redaction = await ann.redact(room, event);
  await until("the redaction is taken", () => redactions().length > 0);
  await clock.wait(30_000);
  expect(redactions()).toHaveLength(1);
  expect(redactions()[0]).toMatchObject({ event_id: redaction, room_id: room, sender: ann.userId });
});

test.each(["the bot's /sync", "paging"])(
  "[S2] [L3] Dendrite: a redaction that is found by %s holds at a public address once it is taken",
  async (by) => {
    stage = await createStage("dendrite", clock);
    if (by === "paging") stage.server.faults.failNext(500, { count: 1_000, match: { path: /\/sync/ } });
    const publicUrl = "https://media.example.org";
    const media = { listen: { host: "127.0.0.1", port: 0 }, publicUrl, key: "k".repeat(32) };
    const matrix = await stage.open({ media, patrolMs: 0 });
    const ann = await stage.person("ann");
    const room = await stage.room(ann, matrix);
    const url = await ann.upload(Buffer.from("a picture"), "image/png");
    const id = await ann.say(room, { msgtype: "m.image", body: "cat.png", url });
    const said = () => stage.host.taken.find(({ event_id }) => event_id === id);
    await until("it is taken and we are up", () => said() !== undefined && matrix.status().state === "up");
    await matrix.settled();
    // From here time goes as slowly as for a person: the homeserver's last word on the event is remembered for 5 s.
    clock.stepMs = 1;
    const address = await matrix.publish(said() as MatrixEvent, "file");
    const status = async () =>
      (await fetch(`http://127.0.0.1:${matrix.media.port}${address?.slice(publicUrl.length)}`)).status;
    expect(await status()).toBe(200);
    await ann.redact(room, id);
    if (by === "paging") await matrix.catchUp(roomId(room));
    await until("the redaction is taken", () => redactions().length > 0);
    expect(await status()).toBe(410);
  },
);

test.each(profileNames)("[L3] %s: an invite from another server is taken, once", async (profile) => {
  stage = await createStage(profile, clock);
  await stage.open();
  const room = stage.server.inviteFromAfar("@eve:far.test", bot);
  await until("the invite is taken", () => invites().length > 0);
  await clock.wait(30_000);
  expect(invites()).toHaveLength(1);
  expect(invites()[0]).toMatchObject({ room_id: room, sender: "@eve:far.test", content: { is_direct: true } });
});

test("[L3] Dendrite: an invite that is pushed is not taken a second time from what the bot's /sync shows", async () => {
  stage = await createStage("dendrite", clock);
  const matrix = await stage.open();
  const ann = await stage.person("ann");
  await until("up", () => matrix.status().state === "up");
  const room = await ann.createRoom({ preset: "private_chat", room_version: "11" });
  await ann.invite(room, bot);
  await clock.wait(60_000);
  expect(invites().map(({ event_id }) => event_id)).toEqual([expect.stringMatching(/^\$(?!trestle)/)]);
});

test("[L3] Dendrite: what happened while we were away is found at the next start, and the place is kept", async () => {
  stage = await createStage("dendrite", clock);
  const first = await stage.open();
  const ann = await stage.person("ann");
  const room = await stage.room(ann, first);
  const event = await ann.say(room, "regretted");
  await until("it is taken", () => stage.host.said(room).length === 1);
  await clock.wait(40_000);
  await first.stop(100);
  await ann.redact(room, event);
  stage.server.inviteFromAfar("@eve:far.test", bot);
  const second = await stage.open();
  const fromAfar = () => invites().filter(({ sender }) => sender === "@eve:far.test");
  await until("both are taken", () => redactions().length > 0 && fromAfar().length > 0);
  await second.stop(100);
  await stage.open();
  await clock.wait(60_000);
  expect([redactions().length, fromAfar().length]).toEqual([1, 1]);
});

test.each(["synapse", "conduit", "conduwuit", "continuwuity"] as const)(
  "[L3] %s refuses the bot's /sync: it is asked three times and never again, after a restart of ours neither",
  async (profile) => {
    stage = await createStage(profile, clock);
    const refused = () =>
      stage.log.entries.filter(({ message }) => message.includes("own /sync was not answered")).length;
    const first = await stage.open();
    await until("it was asked three times", () => refused() === 3);
    await clock.wait(5_000);
    await first.stop(100);
    await stage.open();
    await clock.wait(30_000);
    expect(refused()).toBe(3);
  },
);

test("[L3] Conduit holds everything back for minutes after a time of failures: all is found and taken in order", async () => {
  clock.stepMs = 400;
  stage = await createStage("conduit", clock);
  const { host } = stage;
  const matrix = await stage.open();
  const ann = await stage.person("ann");
  const room = await stage.room(ann, matrix);
  await ann.say(room, "0");
  await until("it is taken", () => host.said(room).length === 1);
  await clock.wait(30_000);
  host.failing = new Error("the disk is full");
  for (let number = 1; number <= 40; number++) {
    await ann.say(room, String(number));
    await clock.wait(5_000);
  }
  host.failing = undefined;
  const pushed = stage.server.counts().pushedEvents;
  for (let number = 41; number <= 80; number++) await ann.say(room, String(number));
  await clock.wait(60_000);
  expect(stage.server.counts().pushedEvents).toBe(pushed);
  expect(host.said(room)).toEqual(Array.from({ length: 81 }, (_one, index) => String(index)));
  await clock.wait(60_000);
  expect(matrix.status().canaryOverdue).toBe(true);
  const alarms = stage.log.entries.filter(
    ({ level, message }) => level === "error" && message.includes("does not push"),
  );
  expect([alarms.length, stage.meter.counted("trestle_canary_overdue_total")]).toEqual([1, 1]);
  await clock.wait(400_000);
  await until("the canary is back", () => !matrix.status().canaryOverdue);
  expect(Math.max(...stage.meter.observed("trestle_canary_seconds"))).toBeGreaterThan(60);
});
