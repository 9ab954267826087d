/** Servers push the newest first after a restart, and bring what came before late or never: order per room holds all the same. */
import { systemClock } from "@trestle/core";
import { profileNames } from "@trestle/sandbox";
import { until } from "./a-bridge.ts";
import { createStage, type Stage } from "./delivery-stage.ts";

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
