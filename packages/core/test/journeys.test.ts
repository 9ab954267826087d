import { BridgeError, eventId, type NetworkId } from "@trestle/core";
import { admin, bob, linkedRoom, startJourney, until } from "./journey.ts";

const texts = (said: readonly { text: string }[]) => said.map(({ text }) => text);

describe("a message crosses", () => {
  test("[C1] from Matrix to the network, with the name of who said it, and back as a ghost", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(bob, room, "hello there");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]).toMatchObject({
      chat: "#chat",
      kind: "message",
      text: "hello there",
      author: "bob",
    });
    await journey.remote.says("#chat", "Carol", "hello yourself");
    await until(() => journey.matrix.bodiesIn(room).some(({ body }) => body === "hello yourself"));
    const answer = journey.matrix.bodiesIn(room).find(({ body }) => body === "hello yourself");
    expect(answer && journey.matrix.authorOf(answer.sender)).toMatchObject({ id: "carol" });
  });

  test("[L1] a transaction that comes twice is one message", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const id = await journey.matrix.sayAs(bob, room, "once");
    const [event] = journey.matrix.eventsIn(room).filter((one) => one.event_id === id);
    if (event === undefined) throw new Error("the event is not in the room");
    await journey.matrix.pushEvents([event, event]);
    await journey.matrix.sayAs(bob, room, "last");
    await until(() => journey.remote.said.length >= 2);
    expect(texts(journey.remote.said)).toEqual(["once", "last"]);
  });

  test("[L1] the bridge's own words do not echo, in either direction", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "carol", "from afar");
    await journey.matrix.sayAs(bob, room, "from here");
    await until(
      () => journey.remote.said.length === 1 && journey.matrix.bodiesIn(room).some(({ body }) => body === "from afar"),
    );
    await journey.clock.advance(60_000);
    expect(texts(journey.remote.said)).toEqual(["from here"]);
  });

  test("[C12] a reaction finds its message and is taken back with its redaction", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const id = await journey.remote.says("#chat", "carol", "nice?");
    await until(() => journey.matrix.bodiesIn(room).some(({ body }) => body === "nice?"));
    const event = journey.matrix.eventsIn(room).find((one) => one.content["body"] === "nice?");
    const reaction = await journey.matrix.reactAs(bob, room, event?.event_id ?? "", "👍");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]).toMatchObject({ kind: "react", text: "👍", target: id });
    await journey.matrix.redactAs(bob, room, reaction);
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]).toMatchObject({ kind: "unreact", text: "👍", target: id });
  });

  test("[C12] where the network has no reactions they are nothing, or a short notice when the config says so", async () => {
    const actions = new Set(["message"] as const);
    const quiet = await startJourney({ connector: { capabilities: { actions } } });
    const noisy = await startJourney({ connector: { capabilities: { actions } }, settings: { reactionNotices: true } });
    for (const journey of [quiet, noisy]) {
      const room = await linkedRoom(journey);
      const said = await journey.matrix.sayAs(bob, room, "tea?");
      await journey.matrix.reactAs(admin, room, said, "🫖");
      await journey.matrix.sayAs(bob, room, "end");
      await until(() => texts(journey.remote.said).includes("end"));
    }
    expect(texts(quiet.remote.said)).toEqual(["tea?", "end"]);
    expect(texts(noisy.remote.said)).toEqual(["tea?", "reacted with 🫖 to “tea?” by bob", "end"]);
  });

  test("[C10] a reply goes to the message it answers; without native replies it quotes it", async () => {
    const native = await startJourney();
    const plain = await startJourney({ connector: { capabilities: { replies: false } } });
    for (const journey of [native, plain]) {
      const room = await linkedRoom(journey);
      const first = await journey.matrix.sayAs(admin, room, "what is it?");
      await journey.matrix.sayAs(bob, room, "a trestle", { replyTo: first });
      await until(() => journey.remote.said.length === 2);
    }
    expect(native.remote.said[1]?.part).toMatchObject({ replyTo: native.remote.said[0]?.id });
    expect(plain.remote.said[1]?.text).toBe("> <admin> what is it?\na trestle");
  });

  test("[C10] a reply never quotes what was said before its author joined", async () => {
    const journey = await startJourney({ connector: { capabilities: { replies: false } } });
    const room = await linkedRoom(journey);
    const secret = await journey.matrix.sayAs(admin, room, "the secret");
    await until(() => journey.remote.said.length === 1);
    await journey.clock.advance(1_000);
    await journey.matrix.joinAs("@mallory:test", room, "Mallory");
    await journey.matrix.sayAs("@mallory:test", room, "tell me", { replyTo: secret });
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]?.text).not.toContain("secret");
    expect(journey.remote.said[1]?.text).toContain("tell me");
  });

  test("[C8] an edit by its author crosses, one by somebody else does not", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const said = await journey.matrix.sayAs(bob, room, "helo");
    await until(() => journey.remote.said.length === 1);
    await journey.matrix.editAs(admin, room, said, "I am a fool");
    await journey.matrix.editAs(bob, room, said, "hello");
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]).toMatchObject({ kind: "edit", text: "hello", target: journey.remote.said[0]?.id });
  });

  test("[C8] an edit of a message that nobody knows is not lost: it crosses as a message that says so", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.editAs(bob, room, "$unknown", "better words");
    await journey.clock.advance(11_000);
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]).toMatchObject({ kind: "message", text: "(edited) better words" });
  });

  test("[C9] a deletion crosses for its author and for a moderator, for nobody else", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const first = await journey.matrix.sayAs(bob, room, "one");
    const second = await journey.matrix.sayAs(bob, room, "two");
    await until(() => journey.remote.said.length === 2);
    await journey.matrix.redactAs("@mallory:test", room, first);
    await journey.matrix.redactAs(admin, room, first);
    await journey.matrix.redactAs(bob, room, second);
    await until(() => journey.remote.said.length >= 4);
    const [one, two, ...deletions] = journey.remote.said;
    expect(deletions.map(({ kind, target }) => [kind, target])).toEqual([
      ["delete", one?.id],
      ["delete", two?.id],
    ]);
  });

  test("[C9] where nothing can be deleted, whoever deleted is told once that it stays visible", async () => {
    const journey = await startJourney({ connector: { capabilities: { actions: new Set(["message"] as const) } } });
    const room = await linkedRoom(journey);
    const said = await journey.matrix.sayAs(bob, room, "oops");
    await until(() => journey.remote.said.length === 1);
    await journey.matrix.redactAs(bob, room, said);
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("stays visible")));
  });

  test("[R4] topics cross both ways and do not come back", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.setPower(room, { users: { [admin]: 100, [journey.matrix.userId]: 50 } });
    await journey.matrix.topicAs(admin, room, "from Matrix");
    await until(() => journey.remote.network.chat("fakenet", "#chat").topic === "from Matrix");
    await journey.remote.changesTopic("#chat", "carol", "from afar");
    await until(() => journey.matrix.eventsIn(room, "m.room.topic").length === 2);
    expect(journey.matrix.eventsIn(room, "m.room.topic").at(-1)?.content["topic"]).toBe("from afar");
    await journey.clock.advance(5_000);
    expect(journey.remote.network.chat("fakenet", "#chat").topic).toBe("from afar");
  });
});

describe("nothing is lost, nothing doubled", () => {
  test("[L1] what was taken before a kill is delivered after it, in order", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    const release = journey.remote.hang("#chat");
    for (let n = 0; n < 5; n++) await journey.matrix.sayAs(bob, room, `message ${n}`);
    journey = await journey.restart();
    release();
    await until(() => journey.remote.said.length === 5);
    expect(texts(journey.remote.said)).toEqual([0, 1, 2, 3, 4].map((n) => `message ${n}`));
  });

  test("[L1] a lost answer does not double a message, whichever side lost it", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    journey.remote.outcomeUnknown("#chat");
    journey.matrix.outcomeUnknown(room);
    await journey.matrix.sayAs(bob, room, "out");
    await journey.remote.says("#chat", "carol", "in");
    await journey.clock.advance(5_000);
    await until(
      () =>
        journey.remote.said.length === 1 &&
        journey.matrix.bodiesIn(room).filter(({ body }) => body === "in").length === 1,
    );
    expect(journey.remote.duplicates).toHaveLength(1);
  });

  test("[L1] killed at any hop of a long message, it continues at the part that was not confirmed", async () => {
    const long = "word ".repeat(1_000).trim();
    for (let hops = 0; hops < 40; hops += 1) {
      let journey = await startJourney({
        connector: { capabilities: { text: { max: 1_000, unit: "utf16", partsMax: 10 } } },
      });
      const room = await linkedRoom(journey);
      await journey.matrix.sayAs(bob, room, long);
      for (let hop = 0; hop < hops; hop += 1) await new Promise((resolve) => setImmediate(resolve));
      journey = await journey.restart();
      await until(() => texts(journey.remote.said).join("") === long);
      // At most the one part that was under way at the kill is sent again.
      expect(journey.remote.duplicates.length).toBeLessThanOrEqual(1);
    }
  });

  test("[L2] a hanging chat delays no other, and keeps its own order", async () => {
    const journey = await startJourney();
    const slow = await linkedRoom(journey, "#slow");
    const quick = await linkedRoom(journey, "#quick");
    const release = journey.remote.hang("#slow");
    for (let n = 0; n < 100; n++) {
      await journey.matrix.sayAs(bob, slow, `slow ${n}`);
      await journey.matrix.sayAs(bob, quick, `quick ${n}`);
    }
    await until(() => journey.remote.said.filter(({ chat }) => chat === "#quick").length === 100);
    expect(journey.remote.said.some(({ chat }) => chat === "#slow")).toBe(false);
    release();
    await until(() => journey.remote.said.length === 200);
    const inSlow = journey.remote.said.filter(({ chat }) => chat === "#slow");
    expect(texts(inSlow)).toEqual(Array.from({ length: 100 }, (_, n) => `slow ${n}`));
  });

  test("[L1] more jobs than memory holds come from disk, each once and in order", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const release = journey.remote.hang("#chat");
    for (let n = 0; n < 300; n++) await journey.matrix.sayAs(bob, room, String(n));
    release();
    await until(() => journey.remote.said.length >= 300);
    expect(texts(journey.remote.said)).toEqual(Array.from({ length: 300 }, (_, n) => String(n)));
  });

  test("[L5] an outage waits and says so once; past the age limit a message is given up and can be retried", async () => {
    const journey = await startJourney({ connector: { capabilities: { ageLimitMs: 3_600_000 } } });
    const room = await linkedRoom(journey);
    await journey.remote.setDown("cable cut");
    await journey.matrix.sayAs(bob, room, "anyone?");
    await journey.matrix.sayAs(bob, room, "hello?");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("waits")));
    await journey.clock.advance(2 * 3_600_000);
    expect(journey.matrix.noticesIn(room).filter((text) => text.includes("not reachable"))).toHaveLength(1);
    expect(await journey.bridge.command("failures")).toContain("too-old");
    await journey.remote.setUp();
    await journey.clock.advance(60_000);
    expect(journey.remote.said).toHaveLength(0);
    await journey.matrix.sayAs(bob, room, "!fake retry all");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("for moderators")));
    journey.remote.failNext(new BridgeError("network-down", "a hiccup"));
    await journey.matrix.sayAs(admin, room, "!fake retry all");
    await until(() => journey.log.entries.some((entry) => JSON.stringify(entry).includes("hiccup")));
    await journey.clock.advance(5_000);
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[0]?.text).toMatch(/^\[.*UTC\] anyone\?$/u);
  });

  test("[L5] what waited for an outage goes at once when the far side is back, also when that came while it was being tried", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.setDown("restart");
    await journey.matrix.sayAs(bob, room, "patience");
    await journey.clock.advance(10 * 60_000);
    journey = await journey.restart();
    const release = journey.remote.hang("#chat");
    await journey.clock.settle();
    journey.remote.failNext(new BridgeError("not-joined", "not yet"));
    await journey.remote.emit({ kind: "joined", chat: journey.remote.network.chatKey("#chat") });
    release();
    await until(() => journey.remote.said.length === 1);
  });

  test("[L1] nothing is planned before the far side's offers are known: a reaction waits for them", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const target = await journey.matrix.sayAs(bob, room, "like it?");
    await until(() => journey.remote.said.length === 1);
    let known = false;
    const { capabilities, network } = journey.remote;
    Object.assign(journey.remote, {
      capabilities: (id: NetworkId) => ({ ...capabilities(id), ...(known ? {} : { actions: new Set(["message"]) }) }),
      whenReady: async () => {
        if (!known) throw new BridgeError("network-down", "not connected yet");
      },
    });
    await journey.matrix.reactAs(bob, room, target, "👍");
    await journey.clock.settle();
    known = true;
    await journey.remote.emit({ kind: "joined", chat: network.chatKey("#chat") });
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]).toMatchObject({ kind: "react", text: "👍" });
  });

  test("[L3] an old message that the server pushes behind newer ones of its sender says when it was said", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(bob, room, "newer", { atMs: 2_000_000 });
    await journey.matrix.sayAs(bob, room, "older", { atMs: 1_000_000 });
    await journey.matrix.sayAs(admin, room, "another clock", { atMs: 500_000 });
    await until(() => journey.remote.said.length === 3);
    expect(texts(journey.remote.said)).toEqual(["newer", "[1970-01-01 00:16:40 UTC] older", "another clock"]);
  });

  test("[L1] a mistake of ours is tried five times and then listed, while the lane goes on", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    journey.remote.failNext(new BridgeError("internal", "boom"), { times: 5 });
    await journey.matrix.sayAs(bob, room, "cursed");
    await journey.matrix.sayAs(bob, room, "fine");
    await journey.clock.advance(120_000);
    await until(() => journey.remote.said.length === 1);
    expect(texts(journey.remote.said)).toEqual(["fine"]);
    expect(await journey.bridge.command("failures")).toContain("boom");
  });

  test("[L1] an author who is refused for a while is set aside; the others go on; his order is kept", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    journey.remote.failNext(new BridgeError("network-limit", "too fast", { afterMs: 5_000, scope: "author" }));
    await journey.matrix.sayAs(bob, room, "bob 1");
    await until(() => journey.log.entries.some((entry) => JSON.stringify(entry).includes("network-limit")));
    await journey.matrix.sayAs(bob, room, "bob 2");
    await journey.matrix.sayAs(admin, room, "admin 1");
    await until(() => journey.remote.said.length === 1);
    expect(texts(journey.remote.said)).toEqual(["admin 1"]);
    await journey.clock.advance(6_000);
    await until(() => journey.remote.said.length === 3);
    expect(texts(journey.remote.said)).toEqual(["admin 1", "bob 1", "bob 2"]);
  });

  test("[C9] deleting what still waits cancels it; editing it changes what is sent", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const release = journey.remote.hang("#chat");
    await journey.matrix.sayAs(bob, room, "first");
    const gone = await journey.matrix.sayAs(bob, room, "regret");
    const mended = await journey.matrix.sayAs(bob, room, "tpyo");
    await journey.matrix.redactAs(bob, room, gone);
    await journey.matrix.editAs(bob, room, mended, "typo");
    release();
    await journey.clock.advance(30_000);
    await until(() => journey.remote.said.length >= 2);
    expect(texts(journey.remote.said)).toEqual(["first", "typo"]);
  });

  test("[L3] what the homeserver lost is found again and marked with when it was said", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(bob, room, "before");
    await until(() => journey.remote.said.length === 1);
    journey.matrix.loseNext(1);
    await journey.matrix.sayAs(bob, room, "lost").catch(() => eventId("$"));
    await journey.matrix.comeBack();
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]?.text).toMatch(/^\[.* UTC\] lost$/u);
  });

  test("[L1] a gap in what the network told us is announced once in the room, also across a kill", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.gap("#chat", journey.clock.now() - 60_000, journey.clock.now(), { key: "gap-1" });
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("is missing here")));
    journey = await journey.restart();
    await journey.remote.gap("#chat", journey.clock.now() - 60_000, journey.clock.now(), { key: "gap-1" });
    await journey.clock.advance(1_000);
    expect(journey.matrix.noticesIn(room).filter((text) => text.includes("is missing here"))).toHaveLength(1);
  });
});
