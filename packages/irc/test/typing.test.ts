/** Typing both ways (https://ircv3.net/specs/client-tags/typing), and what is never said about it. */
import {
  type Action,
  emptyLookup,
  jobKey,
  partKey,
  type RemoteAction,
  type RemoteMessageId,
  userId,
} from "@trestle/core";
import { allIrcFeatures, type SandboxIrcFeatures } from "@trestle/sandbox";
import { createTestClock } from "@trestle/testing";
import { passesTag } from "../src/profiles.ts";
import { createHeardTyping, createToldTyping } from "../src/typing.ts";
import { alice, bridge, chatOf, closeOpened, createCore, net, one, say, serve, until } from "./harness.ts";

afterEach(closeOpened);

const heard = (active: boolean, user = "bob", chat = one): RemoteAction =>
  ({
    kind: "action",
    chat,
    key: "k",
    sender: { network: net, id: user, name: user },
    sentAtMs: 0,
    action: { kind: "typing", active },
  }) as unknown as RemoteAction;

describe("[C16 irc] typing that is heard", () => {
  const build = () => {
    const clock = createTestClock();
    const told: string[] = [];
    const keys = new Set<string>();
    let count = 0;
    const typing = createHeardTyping({
      clock,
      newKey: () => `n${count++}`,
      tell({ action, chat, key, sender }) {
        keys.add(key);
        told.push(`${chat.id} ${sender.id} ${action.kind === "typing" && action.active ? "types" : "stops"}`);
      },
    });
    return { clock, typing, keys, seen: () => told.splice(0) };
  };

  it("is told once in three seconds, however often it comes", async () => {
    const { clock, typing, seen } = build();
    for (let second = 0; second < 10; second += 1) {
      for (let time = 0; time < 20; time += 1) typing.hear(heard(true));
      await clock.advance(1_000);
    }
    expect(seen()).toEqual(Array.from({ length: 4 }, () => "#one bob types"));
  });

  it("is over after six seconds without a repetition, once", async () => {
    const { clock, typing, seen, keys } = build();
    typing.hear(heard(true));
    await clock.advance(5_000);
    typing.hear(heard(true));
    await clock.advance(5_999);
    expect(seen()).toEqual(["#one bob types", "#one bob types"]);
    await clock.advance(1);
    expect(seen()).toEqual(["#one bob stops"]);
    await clock.advance(60_000);
    expect(seen()).toEqual([]);
    expect(keys.size).toBe(2);
  });

  it("is over with done, with a message, with his going, and when we go; and never over before it began", () => {
    const { typing, seen } = build();
    typing.hear(heard(false));
    typing.ended(one, "bob");
    expect(seen()).toEqual([]);
    typing.hear(heard(true));
    typing.hear(heard(false));
    typing.hear(heard(true, "eve"));
    typing.hear(heard(true, "eve", chatOf("#two")));
    typing.ended(one, "eve");
    expect(seen()).toEqual(["#one bob types", "#one bob stops", "#one eve types", "#two eve types", "#one eve stops"]);
    typing.stop();
    expect(seen()).toEqual(["#two eve stops"]);
  });

  it("[S1 irc] is bounded", () => {
    const { typing, seen } = build();
    for (let at = 0; at < 5_000; at += 1) typing.hear(heard(true, `u${at}`));
    expect(seen()).toHaveLength(500);
  });
});

describe("[C16 irc] typing that is told", () => {
  const build = () => {
    const clock = createTestClock();
    const said: string[] = [];
    const typing = createToldTyping(clock);
    let hasRoom = true;
    return {
      clock,
      typing,
      seen: () => said.splice(0),
      room: (has: boolean) => {
        hasRoom = has;
      },
      tell: (user: string, active: boolean, chat = one) =>
        typing.tell(chat, userId(user), active, (state) => {
          if (hasRoom) said.push(`${chat.id} ${state}`);
          return hasRoom;
        }),
    };
  };

  it("is said once in three seconds while it lasts, for all people together, in each channel", async () => {
    const { tell, seen, clock } = build();
    for (let time = 0; time < 10; time += 1) {
      tell("@a:x", true);
      tell("@b:x", true);
    }
    tell("@a:x", true, chatOf("#two"));
    await clock.advance(2_999);
    expect(seen()).toEqual(["#one active", "#two active"]);
    await clock.advance(6_001);
    expect(seen().filter((line) => line === "#one active")).toHaveLength(3);
  });

  it("is done when the last of them is", async () => {
    const { tell, seen, clock } = build();
    tell("@c:x", false);
    tell("@a:x", true);
    tell("@b:x", true);
    tell("@a:x", false);
    tell("@a:x", false);
    expect(seen()).toEqual(["#one active"]);
    tell("@b:x", false);
    tell("@b:x", false);
    expect(seen()).toEqual(["#one done"]);
    await clock.advance(60_000);
    expect([seen(), clock.waiting]).toEqual([[], 0]);
  });

  it("is left out where there is no room, and its end with it", async () => {
    const { tell, seen, clock, room } = build();
    room(false);
    tell("@a:x", true);
    await clock.advance(1_000);
    room(true);
    tell("@a:x", false);
    expect(seen()).toEqual([]);
    room(false);
    tell("@a:x", true);
    room(true);
    await clock.advance(3_000);
    expect(seen()).toEqual(["#one active"]);
  });

  it("ends by itself after a minute, and with the link or the bridge", async () => {
    const { tell, seen, clock, typing } = build();
    tell("@a:x", true);
    await clock.advance(59_999);
    expect(seen()).toHaveLength(20);
    await clock.advance(60_000);
    expect([seen(), clock.waiting]).toEqual([[], 0]);
    tell("@a:x", true);
    typing.forget(one);
    tell("@a:x", true, chatOf("#two"));
    typing.stop();
    await clock.advance(60_000);
    expect([seen(), clock.waiting]).toEqual([["#one active", "#two active"], 0]);
  });
});

describe("[C16 irc] on a server", () => {
  const typing = (active: boolean): Action<RemoteMessageId> => ({ kind: "typing", active });

  it.each<[string, SandboxIrcFeatures, boolean]>([
    ["with tags", { messageTags: true }, true],
    ["with all of IRCv3", allIrcFeatures, true],
    ["that denies typing", { ...allIrcFeatures, typing: false }, false],
    ["without tags", {}, false],
  ])("%s it is a capability: %#", async (_, features, can) => {
    const { connector } = await bridge(await serve(features));
    expect(connector.capabilities(net).actions.has("typing")).toBe(can);
    expect(connector.capabilities(net).actions.has("read")).toBe(false);
    expect(connector.plan(one, typing(true), alice, emptyLookup)).toHaveLength(can ? 1 : 0);
  });

  it("goes out as a tag, is waited for by nobody, and leaves the ids of messages alone", async () => {
    const server = await serve(allIrcFeatures);
    const { connector, core } = await bridge(server);
    const lines: string[] = [];
    server.onLine(({ line }) => lines.push(line));
    const tell = async (active: boolean) => {
      const [part] = connector.plan(one, typing(active), alice, emptyLookup);
      if (part === undefined) throw new Error("no part");
      return connector.sendPart(one, part, alice, partKey(jobKey("t"), 0));
    };
    await tell(true);
    await tell(true);
    await tell(false);
    const id = await say(connector, one, "hello");
    expect(lines.filter((line) => line.includes("typing"))).toEqual([
      "@+typing=active TAGMSG #one",
      "@+typing=done TAGMSG #one",
    ]);
    expect(server.messages("#one").map(({ msgid }) => msgid)).toEqual([id]);
    // not in the channel, or not connected: nothing happens, and nothing is waited for
    connector.unfollow(one, "x");
    await tell(true);
    await connector.stop();
    await tell(true);
    expect(lines.filter((line) => line.includes("typing"))).toHaveLength(2);
    expect(core.events.filter(({ kind }) => kind === "action")).toEqual([]);
  });

  it("comes in from others, and ends with what they say", async () => {
    const server = await serve(allIrcFeatures);
    const { core } = await bridge(server);
    server.tagged("bob", "#one", "+typing=active");
    server.tagged("bob", "#one", "+typing=active");
    server.say("bob", "#one", "hello");
    await until("heard", () => core.of("action").length === 3);
    const seen = core
      .of("action")
      .map(({ action, sender }) => [sender.id, action.kind === "typing" ? action.active : action.kind]);
    expect(new Set(seen.map(String))).toEqual(new Set(["bob,true", "bob,false", "bob,message"]));
  });

  it("does not stand in the way of what is heard when the core cannot take it", async () => {
    const server = await serve(allIrcFeatures);
    const core = createCore();
    const { emit } = core.host;
    const host = {
      ...core.host,
      emit: (event: Parameters<typeof emit>[0]) =>
        event.kind === "action" && event.action.kind === "typing" ? Promise.reject(new Error("no")) : emit(event),
    };
    const { connector } = await bridge(server, { ...core, host });
    server.tagged("bob", "#one", "+typing=active");
    server.say("bob", "#one", "hello");
    await until("heard", () => core.texts().length === 1);
    expect(connector.status()[0]?.state).toBe("up");
  });
});

describe("CLIENTTAGDENY (https://ircv3.net/specs/extensions/message-tags)", () => {
  it.each<[string[], boolean]>([
    [[], true],
    [["typing"], false],
    [["draft/react"], true],
    [["*"], false],
    [["*", "-typing"], true],
    [["*", "-draft/react"], false],
  ])("%j", (deniedTags, passes) => {
    expect(passesTag({ deniedTags }, "typing")).toBe(passes);
  });
});
