import { type Answer, broken, numbered, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";
import { type Claim, holdsTo, onAll } from "./homeserver-claims.ts";

const enc = encodeURIComponent;
const bot = `user_id=${enc("@bot:test")}`;

/** Of the first transaction. */
const eventsOf = ({ service }: Scene): Record<string, unknown>[] => {
  const [first] = service.pushed;
  return (first?.body["events"] ?? []) as Record<string, unknown>[];
};

/** Seconds after the first try at which there was another, looked at every other second; `talk`: something new is said each time. */
async function triesOf(scene: Scene, seconds: number, answer: Answer | undefined, talk = false): Promise<number[]> {
  scene.service.answer = () => answer;
  await scene.say("tried");
  await until(() => scene.service.pushed.length === 1);
  await quiet(20);
  const tries: number[] = [];
  for (let second = 2; second <= seconds; second += 2) {
    const before = scene.service.pushed.length;
    await scene.clock.advance(2_000);
    if (talk) {
      await scene.say(`at ${second}`);
      await quiet(15);
    }
    if (scene.service.pushed.length > before) tries.push(second);
  }
  return tries;
}

const claims: readonly Claim[] = [
  {
    says: "AS hangs: cut after 60.0 s, again 2 s later | cut after 30.0 s | cut after 30.0 s",
    run: async (scene) => {
      scene.service.answer = () => undefined;
      await scene.say("x");
      await until(() => scene.service.pushed.length === 1);
      let cutAfter = 0;
      for (let second = 5; second <= 65 && cutAfter === 0; second += 5) {
        await scene.clock.advance(5_000);
        if (scene.server.counts().refusedTransactions > 0) cutAfter = second;
      }
      return cutAfter;
    },
    on: { synapse: 60, conduit: 30, conduwuit: 35, continuwuity: 35, tuwunel: 35, dendrite: 30 },
  },
  {
    says: "AS answers 500 for 20 s: tries at 0, 2, 6, 14, 30 s | only when the next event comes and >=30 s passed | 0, 2, 6, 14, 30 s",
    run: (scene) => triesOf(scene, 31, broken, scene.server.profile === "conduit"),
    on: { synapse: [2, 6, 14, 30], conduit: [30], dendrite: [2, 6, 14, 30] },
  },
  {
    says: "400 401 403 404 413 429: all retried with back-off, never dropped | same (next event) | same",
    run: async (scene) => {
      const statuses = [400, 401, 403, 404, 413, 429];
      scene.service.answer = () => ({ status: statuses.shift() ?? 200, text: "{}" });
      await scene.say("kept");
      for (let tries = 1; tries <= 7; tries++) {
        await until(() => scene.service.pushed.length >= tries);
        await quiet(15);
        await scene.clock.advance(24 * 3_600_000);
        if (scene.server.profile === "conduit") await scene.say("next");
      }
      return new Set(scene.service.pushed.slice(0, 7).map(({ texts }) => texts[0])).size;
    },
    on: onAll(1),
  },
  {
    says: "counts as delivered: 200, 201, 202 with JSON body | <400, also 302; empty or odd body fine | 200 only; body ignored",
    run: async (scene) => {
      const taken: string[] = [];
      for (const [status, text] of [
        [200, "{}"],
        [201, "{}"],
        [202, "{}"],
        [204, ""],
        [200, ""],
        [200, "ok"],
        [302, ""],
        [400, "{}"],
      ] as const) {
        const refused = scene.server.counts().refusedTransactions;
        const sent = scene.server.counts().pushedTransactions;
        scene.service.answer = () => ({ status, text });
        await scene.say("x");
        await until(() => scene.server.counts().pushedTransactions > sent);
        if (scene.server.counts().refusedTransactions === refused) taken.push(`${status}${text}`);
        scene.service.answer = () => ok;
        await scene.clock.advance(64_000);
        await quiet(15);
        if (scene.server.profile === "conduit") await scene.say("y");
        await quiet(15);
      }
      return taken;
    },
    on: {
      synapse: ["200{}", "201{}", "202{}"],
      conduit: ["200{}", "201{}", "202{}", "204", "200", "200ok", "302"],
      dendrite: ["200{}", "200", "200ok"],
    },
  },
  {
    says: "keys of an event: also top-level age and user_id; unsigned.age | unsigned.transaction_id of every sender | no unsigned at all",
    run: async (scene) => {
      await scene.alice.say(scene.room, "hello", "her-txn");
      await until(() => scene.service.pushed.length === 1);
      const [event] = eventsOf(scene);
      const { unsigned } = event as { unsigned?: Record<string, unknown> };
      return ["age" in (event ?? {}), "user_id" in (event ?? {}), unsigned === undefined ? [] : Object.keys(unsigned)];
    },
    on: {
      synapse: [true, true, ["age"]],
      conduit: [false, false, ["transaction_id"]],
      dendrite: [false, false, []],
    },
  },
  {
    says: "port closed 35 s, 9 events: all, 28.5 s after the port was back | none until an event >=120 s after the 2nd failure | all, 27 s after",
    run: async (scene) => {
      scene.service.answer = () => broken;
      for (let second = 0; second < 36; second += 2) {
        if (second % 4 === 0) await scene.say(`line ${second}`);
        await quiet(5);
        await scene.clock.advance(2_000);
      }
      scene.service.answer = () => ok;
      scene.service.pushed.length = 0;
      let after = 0;
      while (scene.service.texts().length === 0 && after < 40) {
        await scene.clock.advance(2_000);
        after += 2;
      }
      await quiet(40);
      return after === 40 ? "none" : [Math.abs(after - 27) <= 2, scene.service.texts().length];
    },
    on: { synapse: [true, 9], conduit: "none", dendrite: [true, 9] },
  },
  {
    says: "ping when the AS is back: delivers at once | 200 but releases nothing | 404",
    run: async (scene) => {
      scene.service.answer = () => broken;
      await scene.say("x");
      await until(() => scene.service.pushed.length === 1);
      await quiet(20);
      scene.service.answer = () => ok;
      const { status } = await scene.as("POST", "/v1/appservice/irc/ping", {});
      await quiet(40);
      return [status, scene.service.pushed.length];
    },
    on: {
      synapse: [200, 2],
      conduit: [200, 1],
      dendrite: [404, 1],
      conduwuit: [200, 1],
      continuwuity: [200, 1],
      tuwunel: [200, 2],
    },
  },
  {
    says: "AS down, 40 events, server restart: 40 of 40, only after the next event | 40 of 40, no event needed | 40 of 40, 27 s after boot",
    run: async (scene) => {
      scene.service.answer = () => broken;
      await scene.say(...numbered(40));
      await until(() => scene.service.pushed.length >= 1);
      await quiet(20);
      scene.service.answer = () => ok;
      await scene.server.restart("kill");
      scene.service.pushed.length = 0;
      await quiet();
      const atOnce = scene.service.texts().length;
      await scene.clock.advance(30_000);
      await quiet();
      const later = scene.service.texts().length;
      await scene.say("next");
      await scene.clock.advance(2_000);
      await quiet(300);
      return [atOnce === 40, later === 40, new Set(scene.service.texts()).size];
    },
    on: { synapse: [false, false, 41], conduit: [true, true, 41], dendrite: [false, true, 41] },
  },
  {
    says: "events while the bot is only invited: not pushed (the invite is); room with no bot and no ghost; after the last ghost left: not pushed",
    run: async (scene) => {
      const room = await scene.alice.createRoom({ preset: "public_chat" });
      await scene.alice.say(room, "nobody there");
      await scene.alice.invite(room, "@bot:test");
      await scene.alice.say(room, "only invited");
      await scene.as("POST", `/v3/join/${enc(room)}?${bot}`, {});
      await scene.alice.say(room, "joined");
      await scene.as("POST", `/v3/rooms/${enc(room)}/leave?${bot}`, {});
      await scene.alice.say(room, "after it left");
      await until(() => scene.service.texts().includes("joined"));
      await quiet(30);
      const members = scene.service.pushed.flatMap(({ body }) =>
        (body["events"] as { type: string; content: Record<string, unknown> }[]).flatMap(({ type, content }) =>
          type === "m.room.member" ? [content["membership"]] : [],
        ),
      );
      return [scene.service.texts(), members];
    },
    on: onAll([["joined"], ["invite", "join", "leave"]]),
  },
  {
    says: "invite event carries invite_room_state: yes | none | yes",
    run: async (scene) => {
      const room = await scene.alice.createRoom({ preset: "private_chat" });
      await scene.alice.invite(room, "@bot:test");
      await until(() => scene.service.pushed.length === 1);
      const [event] = eventsOf(scene);
      const { unsigned } = event as { unsigned?: Record<string, unknown> };
      return Array.isArray(unsigned?.["invite_room_state"]);
    },
    on: { synapse: true, conduit: false, dendrite: true },
  },
];

describe("delivery as measured", () => holdsTo(claims));
