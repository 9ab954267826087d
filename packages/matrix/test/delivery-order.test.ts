/** Servers push the newest first after a restart, and bring what came before late or never: order per room holds all the same. */
import { jobKey, type Part, partKey, roomId, systemClock } from "@trestle/core";
import { profileNames } from "@trestle/sandbox";
import { author, until } from "./a-bridge.ts";
import { createStage, createTickClock, type Stage } from "./delivery-stage.ts";

const quick = { canaryIntervalMs: 300, heartbeatMs: 100, patrolMs: 0 };
let stage: Stage | undefined;
afterEach(() => stage?.close());

test.each(profileNames)(
  "[L1] [L3] %s killed with a transaction open: what is said after is taken after, although it is pushed before",
  async (profile) => {
    stage = await createStage(profile, systemClock);
    const { host, server } = stage;
    const matrix = await stage.open(quick);
    const ann = await stage.person("ann");
    const room = await stage.room(ann, matrix);
    await ann.say(room, "anchor");
    await until("the anchor is taken", () => host.said(room).length === 1);
    await matrix.settled();
    let release = () => {};
    host.holding = new Promise((resolve) => {
      release = resolve;
    });
    const takes = host.takes;
    const lines = Array.from({ length: 12 }, (_one, index) => `line ${index}`);
    for (const line of lines) await ann.say(room, line);
    await until("a transaction is open", () => host.takes > takes);
    await server.stop("kill");
    host.holding = undefined;
    host.failing = new Error("what was open is not stored");
    release();
    await new Promise((resolve) => setTimeout(resolve, 30));
    host.failing = undefined;
    await server.start();
    for (const line of ["newer 0", "newer 1"]) await ann.say(room, line);
    await until("all are taken", () => host.said(room).length >= lines.length + 3, 15_000);
    expect(host.said(room)).toEqual(["anchor", ...lines, "newer 0", "newer 1"]);
  },
  20_000,
);

test.each(profileNames)(
  "[L1] %s is slower than we wait: nothing is sent beside the first try, and it is one event",
  async (profile) => {
    const clock = createTickClock(100);
    stage = await createStage(profile, clock);
    const matrix = await stage.open({ requestTimeoutMs: 150, patrolMs: 0 });
    const ann = await stage.person("ann");
    const room = roomId(await stage.room(ann, matrix));
    const send = (body: string) => {
      const part: Part = { op: "event", type: "m.room.message", content: { msgtype: "m.text", body } };
      return matrix.sendPart(room, part, author("bob"), partKey(jobKey(body), 0));
    };
    await send("warm");
    await matrix.settled();
    const held = stage.server.faults.hang({ method: "PUT", path: /send\/m\.room\.message/ }, { late: true });
    await expect(send("slow")).rejects.toMatchObject({ code: "homeserver-unreachable" });
    await expect(send("slow")).rejects.toMatchObject({ retry: { afterMs: expect.any(Number) } });
    held.release();
    await clock.wait(31_000);
    await send("slow");
    clock.stop();
    const there = (await ann.history(room)).filter(({ type }) => type === "m.room.message");
    expect(there.map(({ content }) => content["body"])).toEqual(["warm", "slow"]);
  },
);
