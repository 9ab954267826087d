/** The fakes do what tests rely on: redelivery, lost answers, hanging places, repair. */
import {
  BridgeError,
  type ConnectorHost,
  type EventId,
  emptyLookup,
  type HomeserverHost,
  jobKey,
  type MatrixEvent,
  networkId,
  partKey,
  type RemoteEvent,
} from "@trestle/core";
import {
  aMatrixAuthor,
  aMessage,
  aRemoteAuthor,
  createFakeConnector,
  createFakeHomeserver,
  createMemoryStore,
  createTestClock,
  createTestLog,
  createTestMeter,
} from "../src/index.ts";

const key = (name: string) => partKey(jobKey(name), 0);

function remoteHost(take: (event: RemoteEvent) => Promise<void>): ConnectorHost {
  return {
    emit: take,
    openMedia: () => Promise.reject(new Error("no files here")),
    ask: () => Promise.resolve(undefined),
    kv: createMemoryStore().kv,
    clock: createTestClock(),
    log: createTestLog(),
    meter: createTestMeter(),
  };
}

function matrixHost(more: Partial<HomeserverHost> = {}): HomeserverHost & { readonly taken: MatrixEvent[] } {
  const taken: MatrixEvent[] = [];
  return {
    taken,
    take: async (events) => void taken.push(...events),
    ephemeral: () => undefined,
    openMedia: () => Promise.reject(new Error("no files here")),
    puppetLost: () => undefined,
    repairRooms: async () => [],
    known: async () => new Set<EventId>(),
    ...more,
  };
}

describe("the fake connector", () => {
  const started = async () => {
    const events: RemoteEvent[] = [];
    const connector = createFakeConnector();
    await connector.start(remoteHost(async (event) => void events.push(event)));
    const chat = connector.network.chatKey("#den");
    connector.follow(chat);
    const send = (text: string, under: string) => {
      const author = aMatrixAuthor();
      const [part] = connector.plan(chat, aMessage(text), author, emptyLookup);
      return connector.sendPart(chat, part ?? {}, author, key(under));
    };
    return { connector, chat, events, send };
  };

  test("says a line once under one key, and records the second try", async () => {
    const { connector, send } = await started();
    const first = await send("hi", "a");
    expect(await send("hi", "a")).toBe(first);
    expect(connector.said.map((line) => [line.text, line.author])).toEqual([["hi", "Alice"]]);
    expect(connector.duplicates).toHaveLength(1);
  });

  test("delivers and still rejects when the answer is lost", async () => {
    const { connector, send } = await started();
    connector.outcomeUnknown("#den");
    await expect(send("hi", "a")).rejects.toMatchObject({ code: "network-down" });
    expect(connector.network.textsIn("#den")).toEqual(["hi"]);
    await send("hi", "a");
    expect(connector.network.textsIn("#den")).toEqual(["hi"]);
  });

  test("fails the next send only, and only where told", async () => {
    const { connector, send } = await started();
    connector.failNext(new BridgeError("cannot-send", "+m"), { at: "#elsewhere" });
    await send("one", "a");
    connector.failNext(new BridgeError("cannot-send", "+m"), { at: "#den" });
    await expect(send("two", "b")).rejects.toMatchObject({ code: "cannot-send" });
    await send("two", "b");
    expect(connector.network.textsIn("#den")).toEqual(["one", "two"]);
  });

  test("hangs until released, and what hangs rejects at stop", async () => {
    const { connector, send } = await started();
    const release = connector.hang("#den");
    const first = send("one", "a");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(connector.said).toEqual([]);
    release();
    await first;
    connector.hang("#den");
    const second = send("two", "b");
    await connector.stop();
    await expect(second).rejects.toMatchObject({ code: "network-down" });
    expect(connector.network.textsIn("#den")).toEqual(["one"]);
  });

  test("gives a new connector what the killed one had not made durable, in order", async () => {
    const { connector } = await started();
    connector.crash();
    void connector.says("#den", "Bob", "lost").catch(() => undefined);
    const network = connector.network;
    const dying = createFakeConnector({ network });
    await dying.start(remoteHost(() => new Promise(() => undefined)));
    void dying.says("#den", "Bob", "one");
    void dying.says("#den", "Bob", "two");
    dying.crash();
    const keys: string[] = [];
    const next = createFakeConnector({ network });
    await next.start(remoteHost(async (event) => void keys.push(event.kind === "action" ? event.key : event.kind)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(keys).toHaveLength(2);
    expect(network.unacknowledged.size).toBe(0);
  });

  test("speaks of a chat name that it cannot use in a sentence", async () => {
    const { connector } = await started();
    expect(connector.parseChat(networkId("fakenet"), " #Den ")).toEqual(connector.network.chatKey("#den"));
    expect(connector.parseChat(networkId("fakenet"), "#a\r\nQUIT")).toHaveProperty("problem");
    expect(connector.parseChat(networkId("other"), "#den")).toHaveProperty("problem");
  });
});

describe("the fake homeserver", () => {
  test("pushes again until the transaction is acknowledged, later ones behind it", async () => {
    const server = createFakeHomeserver();
    const room = server.makeRoom();
    let failing = true;
    const host = matrixHost({
      take: async (events) => {
        if (failing) throw new BridgeError("database-failed");
        host.taken.push(...events);
      },
    });
    await server.start(host);
    await expect(server.sayAs("@alice:test", room, "one")).rejects.toMatchObject({ code: "database-failed" });
    failing = false;
    await server.sayAs("@alice:test", room, "two");
    expect(host.taken.map((event) => event.content["body"])).toEqual(["one", "two"]);
  });

  test("makes one event of one key, as the author's ghost under its name, and never pushes it back", async () => {
    const server = createFakeHomeserver();
    const room = server.makeRoom();
    const host = matrixHost();
    await server.start(host);
    const author = aRemoteAuthor("Bob|away");
    const [part] = server.plan(room, aMessage("hi"), author, emptyLookup);
    const id = await server.sendPart(room, part ?? {}, author, key("a"));
    expect(await server.sendPart(room, part ?? {}, author, key("a"))).toBe(id);
    expect(server.bodiesIn(room)).toEqual([{ sender: server.ghostOf(author), body: "hi" }]);
    expect(server.authorOf(server.ghostOf(author))).toEqual({ network: author.network, id: author.id });
    expect(await server.nameOf(room, server.ghostOf(author))).toBe("Bob|away");
    expect(host.taken).toEqual([]);
  });

  test("repairs only what it lost and the bridge does not know, marked as late", async () => {
    const server = createFakeHomeserver();
    const room = server.makeRoom();
    const host = matrixHost({
      repairRooms: async () => [{ room, lastEvent: host.taken[0]?.event_id as EventId }],
      known: async () => new Set(host.taken.map((event) => event.event_id)),
    });
    await server.start(host);
    await server.sayAs("@alice:test", room, "one");
    server.loseNext(1);
    await server.sayAs("@alice:test", room, "two");
    await server.sayAs("@alice:test", room, "three");
    expect(host.taken.map((event) => event.content["body"])).toEqual(["one", "three"]);
    await server.comeBack();
    expect(host.taken.map((event) => [event.content["body"], event["dev.trestle.late"]])).toEqual([
      ["one", undefined],
      ["three", undefined],
      ["two", true],
    ]);
  });

  test("interprets what people do, and nothing of a bridge's own notices", async () => {
    const server = createFakeHomeserver();
    const room = server.makeRoom();
    const host = matrixHost();
    await server.start(host);
    const said = await server.sayAs("@alice:test", room, "hi");
    await server.editAs("@alice:test", room, said, "hi!");
    await server.reactAs("@alice:test", room, said, "👍");
    await server.redactAs("@alice:test", room, said, "typo");
    await server.topicAs("@alice:test", room, "new");
    await server.inviteBot("@alice:test", room, true);
    await server.setEncrypted("@alice:test", room);
    await server.sayAs("@other:test", room, "mine", { content: { "dev.trestle.control": true } });
    expect(host.taken.map((event) => server.interpret(event))).toMatchObject([
      { kind: "action", action: { kind: "message" } },
      { kind: "action", action: { kind: "edit", targets: [said] } },
      { kind: "action", action: { kind: "react", target: said, key: "👍" } },
      { kind: "action", action: { kind: "delete", targets: [said], reason: "typo" } },
      { kind: "room-changed", topic: "new" },
      { kind: "membership", membership: "invite", direct: true },
      { kind: "encryption" },
      undefined,
    ]);
  });

  test("puts equal state only once", async () => {
    const server = createFakeHomeserver();
    const room = server.makeRoom({ creator: server.userId, topic: "same" });
    await server.start(matrixHost());
    await server.applyRoom(room, { topic: "same" });
    await server.applyRoom(room, { topic: "other" });
    expect(server.eventsIn(room, "m.room.topic")).toHaveLength(2);
  });
});
