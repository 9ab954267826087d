/// <reference types="jest" />
/** The contract's part on ingest: durable before the answer, harmless refusals, replays, queries, typing. */
import { request } from "node:http";
import {
  bodyOf,
  freshAuthor,
  freshName,
  type HomeserverTrial,
  push,
  type RawAnswer,
  type Running,
  rawMessage,
  sayAs,
  until,
} from "./homeserver-trial.ts";

const modern = (id: string): string => `/_matrix/app/v1/transactions/${id}`;
const legacy = (id: string): string => `/transactions/${id}`;
const mallory = "@mallory:elsewhere.test";

export function describeIngest(get: () => Running): void {
  const takenBodies = (): string[] => get().host.taken.map((event) => bodyOf(event));
  describe("ingest", () => {
    describeDurability(get, takenBodies);
    describeTokens(get, takenBodies);
    describeBodies(get, takenBodies);
    describeOddities(get, takenBodies);
    describeQueries(get);
  });
}

type Bodies = () => string[];

function describeDurability(get: () => Running, takenBodies: Bodies): void {
  it("what people say is taken in order, what our own say is not", async () => {
    const { alice, homeserver, host, room } = get();
    const here = await room();
    const said: string[] = [];
    for (let index = 0; index < 12; index++) {
      said.push(freshName("line "));
      await alice.say(here, said[index] ?? "");
      await sayAs(homeserver, here, freshAuthor("Bob"), `ours ${index}`);
    }
    await until("all were taken", () => host.bodies(here).length >= said.length);
    expect(host.bodies(here)).toEqual(said);
  });

  it("answers only when the events are durable, and then `200 {}`", async () => {
    const { host, trial } = get();
    const hold = host.hold();
    const body = freshName("held ");
    let answered = false;
    const pushing = push(trial, modern(freshName("t")), { body: { events: [rawMessage("!r", mallory, body)] } });
    void pushing.then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([answered, takenBodies().includes(body)]).toEqual([false, false]);
    hold.release();
    expect(await pushing).toEqual({ status: 200, text: "{}" });
    expect(takenBodies()).toContain(body);
  });

  it("answers 500 when the store fails, and takes the same transaction when it comes again", async () => {
    const { host, trial } = get();
    const body = freshName("again ");
    const transaction = { body: { events: [rawMessage("!r", mallory, body)] } };
    const id = freshName("t");
    host.failNext(1);
    expect((await push(trial, modern(id), transaction)).status).toBe(500);
    expect(takenBodies()).not.toContain(body);
    expect(await push(trial, modern(id), transaction)).toEqual({ status: 200, text: "{}" });
    expect(takenBodies()).toContain(body);
  });
}

function describeTokens(get: () => Running, takenBodies: Bodies): void {
  it("takes both path styles and both places of the token", async () => {
    const { trial } = get();
    for (const [path, inQuery] of [
      [modern, false],
      [legacy, true],
      [modern, true],
      [legacy, false],
    ] as const) {
      const body = freshName("style ");
      const answer = await push(trial, path(freshName("t")), {
        inQuery,
        body: { events: [rawMessage("!r", mallory, body)] },
      });
      expect(answer).toEqual({ status: 200, text: "{}" });
      expect(takenBodies()).toContain(body);
    }
  });

  it.each([
    ["no token", { token: undefined }, 401],
    ["a wrong token", { token: "wrong" }, 403],
    ["a wrong token in the query", { token: "wrong", inQuery: true }, 403],
    ["an empty token", { token: "" }, [401, 403]],
  ] as const)("with %s: refused, nothing taken", async (_what, options, status) => {
    const { trial } = get();
    const body = freshName("forbidden ");
    const answer = await push(trial, modern(freshName("t")), {
      ...options,
      body: { events: [rawMessage("!r", mallory, body)] },
    });
    expect([status].flat()).toContain(answer.status);
    expect(JSON.parse(answer.text)).toHaveProperty("errcode");
    expect(takenBodies()).not.toContain(body);
  });
}

function describeBodies(get: () => Running, takenBodies: Bodies): void {
  it.each([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["nothing", ""],
    ["events that are no array", '{"events":{"a":1}}'],
    ["bytes that are no text", "\u0000\u0001"],
  ])("a body with %s is answered 400 and harms nothing", async (_what, body) => {
    const { trial } = get();
    expect((await push(trial, modern(freshName("t")), { body })).status).toBe(400);
    await soundAfterwards(trial, takenBodies);
  });

  it("more than 64 MiB is answered 413 and harms nothing", async () => {
    const { trial } = get();
    expect((await declare(trial, 64 * 1024 * 1024 + 1)).status).toBe(413);
    await soundAfterwards(trial, takenBodies);
  });

  it("a transaction of many megabytes, as a hundred full events make, is taken", async () => {
    const { host, trial } = get();
    const mark = freshName("big");
    const events = Array.from({ length: 100 }, (_, index) =>
      rawMessage(`!${mark}`, mallory, `${index} ${"x".repeat(60_000)}`),
    );
    expect(await push(trial, modern(freshName("t")), { body: { events } })).toEqual({ status: 200, text: "{}" });
    expect(host.taken.filter(({ room_id }) => room_id === `!${mark}`)).toHaveLength(100);
  });
}

function describeOddities(get: () => Running, takenBodies: Bodies): void {
  it("malformed events are left out one by one, the others taken", async () => {
    const { trial } = get();
    const [one, two] = [freshName("sound "), freshName("sound ")];
    const malformed = [
      null,
      7,
      "x",
      [],
      {},
      { event_id: 1 },
      { ...rawMessage("!r", mallory, "x"), content: "none" },
      { ...rawMessage("!r", mallory, "x"), sender: 9 },
    ];
    const events = [rawMessage("!r", mallory, one), ...malformed, rawMessage("!r", mallory, two)];
    expect(await push(trial, modern(freshName("t")), { body: { events } })).toEqual({ status: 200, text: "{}" });
    expect(takenBodies()).toEqual(expect.arrayContaining([one, two]));
  });

  it("replayed, grown and reordered transactions: each event is taken, none a second time", async () => {
    const { host, trial } = get();
    const mark = `!${freshName("order")}`;
    const [first, second, third] = [1, 2, 3].map((index) => rawMessage(mark, mallory, `event ${index}`));
    const id = Date.now();
    const deliver = (number: number, events: unknown[]) => push(trial, modern(String(number)), { body: { events } });
    await deliver(id + 1, [first]);
    await deliver(id + 1, [first]);
    await deliver(id + 1, [first, second]);
    await deliver(id, [third]);
    expect(host.bodies(mark)).toEqual(["event 1", "event 2", "event 3"]);
  });

  it("typing is passed on once, although it stands under two keys, and never our own", async () => {
    const { homeserver, host, trial } = get();
    const mark = `!${freshName("typing")}`;
    const users = [mallory, homeserver.ghostOf(freshAuthor("Bob"))];
    const edu = { type: "m.typing", room_id: mark, content: { user_ids: users } };
    const body = {
      events: [],
      ephemeral: [edu],
      "de.sorunome.msc2409.ephemeral": [edu],
      "de.sorunome.msc2409.to_device": [],
    };
    expect((await push(trial, modern(freshName("t")), { body })).status).toBe(200);
    expect(
      (await push(trial, modern(freshName("t")), { body: { events: [], "de.sorunome.msc2409.ephemeral": [edu] } }))
        .status,
    ).toBe(200);
    const seen = host.ephemerals.filter(({ room }) => room === mark);
    expect(seen).toEqual([
      { kind: "typing", room: mark, users: [mallory] },
      { kind: "typing", room: mark, users: [mallory] },
    ]);
  });

  it("odd typing and receipts harm nothing", async () => {
    const { trial } = get();
    const ephemeral = [
      null,
      1,
      {},
      { type: "m.typing" },
      { type: "m.typing", content: { user_ids: "x" } },
      { type: 4, content: {} },
    ];
    expect((await push(trial, modern(freshName("t")), { body: { events: [], ephemeral } })).status).toBe(200);
    expect((await push(trial, modern(freshName("t")), { body: { events: [], ephemeral: "x" } })).status).toBe(200);
    await soundAfterwards(trial, takenBodies);
  });
}

function describeQueries(get: () => Running): void {
  it("answers a ping, and only to the homeserver", async () => {
    const { trial } = get();
    const body = { transaction_id: "x" };
    expect(await push(trial, "/_matrix/app/v1/ping", { method: "POST", body })).toEqual({ status: 200, text: "{}" });
    expect((await push(trial, "/_matrix/app/v1/ping", { method: "POST", body, token: "wrong" })).status).toBe(403);
  });

  it.each([
    ["/_matrix/app/v1/users/%40_nobody%3Atest"],
    ["/users/%40_nobody%3Atest"],
    ["/_matrix/app/v1/rooms/%23nothing%3Atest"],
    ["/rooms/%23nothing%3Atest"],
    ["/_matrix/app/v1/users/%FF%00"],
  ])("the query %s is answered 404 at once", async (path) => {
    const begun = Date.now();
    const answer = await push(get().trial, path, { method: "GET" });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toHaveProperty("errcode");
    expect(Date.now() - begun).toBeLessThan(1_000);
  });

  it("takes nothing more once it is stopped, and goes on when opened again", async () => {
    const running = get();
    const { alice, homeserver, host, room, trial } = running;
    const here = await room();
    await homeserver.stop(500);
    const body = freshName("while away ");
    await alice.say(here, body);
    const answer = await push(trial, modern(freshName("t")), {
      body: { events: [rawMessage("!r", mallory, "x")] },
    }).catch(() => undefined);
    expect([undefined, 503]).toContain(answer?.status);
    await running.reopen();
    await alice.say(here, "and now");
    // A real Conduit comes again half a minute after it was refused, and then only with the next event.
    await until("both were taken", () => host.bodies(here).length >= 2, 75_000);
    expect([...host.bodies(here)].sort()).toEqual(["and now", body].sort());
  }, 90_000);
}

/** The next good transaction is taken as ever. */
async function soundAfterwards(trial: HomeserverTrial, taken: () => string[]): Promise<void> {
  const body = freshName("sound ");
  const answer = await push(trial, modern(freshName("t")), { body: { events: [rawMessage("!r", mallory, body)] } });
  expect(answer).toEqual({ status: 200, text: "{}" });
  expect(taken()).toContain(body);
}

/** Announces a body of this size and sends little of it. */
function declare(trial: HomeserverTrial, bytes: number): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${trial.endpoint}${modern(freshName("t"))}`,
      { method: "PUT", headers: { authorization: `Bearer ${trial.hsToken}`, "content-length": bytes } },
      (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0, text: "" });
        call.destroy();
      },
    );
    call.on("error", reject);
    call.write('{"events":[');
  });
}
