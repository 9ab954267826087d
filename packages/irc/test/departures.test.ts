/** Who leaves, who only seems to, and when the members of a channel are known. */
import { type RemoteEvent, remoteChatId } from "@trestle/core";
import { createTestClock, createTestLog } from "@trestle/testing";
import { ircLineParser } from "irc-framework";
import { createChannelState } from "../src/channel-state.ts";
import { createDepartures, isNetsplit } from "../src/departures.ts";
import { foldCase } from "../src/ids.ts";
import { toRemoteEvent } from "../src/inbound.ts";
import { createLineEvents } from "../src/line-events.ts";
import { defaultServerOptions } from "../src/profiles.ts";
import type { Session } from "../src/session.ts";
import { bridge, chatOf, closeOpened, net, one, serve, until } from "./harness.ts";

afterEach(closeOpened);

const split = "hub.example.org leaf.example.org";

/** A connection in #one and #two, whose lines are given by the test. */
function build({ whox = false, told = true } = {}) {
  const clock = createTestClock();
  const fold = (name: string) => foldCase(name, "rfc1459");
  const channels = createChannelState(fold);
  const sources = () => ({ tagged: false, told });
  const followed = new Set(["#one", "#two"]);
  const chatFor = (name: string) =>
    followed.has(fold(name)) ? { network: net, id: remoteChatId(fold(name)) } : undefined;
  const events: RemoteEvent[] = [];
  const written: string[] = [];
  let hasRoom = true;
  const options = { ...defaultServerOptions, whox };
  let keys = 0;
  const session = {
    options: () => options,
    write: (line: string) => void written.push(line),
    queue: {
      spare(_: number, run: () => void) {
        if (hasRoom) run();
        return hasRoom;
      },
    },
  } as unknown as Session;
  const departures = createDepartures(
    {
      clock,
      channels,
      chatOf: chatFor,
      eventOf: createLineEvents({
        network: net,
        clock,
        log: createTestLog(),
        channels,
        chatOf: chatFor,
        fold,
        mapping: () => "rfc1459",
        interpret: toRemoteEvent,
        relayed: () => undefined,
        ownNick: () => "me",
        serverOptions: () => options,
        sources,
        ulid: () => `u${keys++}`,
      }),
      isOurs: (nick) => fold(nick) === "me",
      mapping: () => "rfc1459",
      sources,
      push: (event) => void events.push(event),
      newKey: () => `:k${keys++}`,
    },
    session,
  );
  const take = (...lines: string[]) => {
    for (const text of lines) {
      const message = ircLineParser(text);
      if (fold(message.nick) !== "me") departures.before(message);
      channels.take(message, "me", options, sources());
      if (fold(message.nick) !== "me") departures.after(message);
    }
  };
  take(":me!u@h JOIN #one", ":me!u@h JOIN #two", ":me!u@h JOIN #unlinked");
  const seen = () =>
    events.splice(0).map((event) => {
      if (event.kind === "members-changed") return `${event.chat.id} changed`;
      if (event.kind !== "action" || event.action.kind !== "membership") return event.kind;
      const { change, reason } = event.action;
      return `${event.chat.id} ${event.sender.id} ${change}${reason === undefined ? "" : `: ${reason}`}`;
    });
  return {
    clock,
    departures,
    followed,
    take,
    seen,
    events,
    written,
    room(has: boolean) {
      hasRoom = has;
    },
  };
}

describe("[R5 irc] whoever goes", () => {
  it("by PART, KICK or QUIT leaves each followed channel he was in, under the id he spoke by", () => {
    const { take, seen } = build();
    take(":bob!b@h JOIN #one", ":bob!b@h JOIN #two", ":bob!b@h JOIN #unlinked", ":eve!e@h JOIN #one eveacc :Eve");
    expect(seen()).toEqual([]);
    take(":bob!b@h PART #two :bye", ":bob!b@h PART #unlinked", ":EVE!e@h QUIT :Quit: tired");
    expect(seen()).toEqual(["#two bob leave: bye", "#one a:eveacc leave: Quit: tired"]);
    take(":op!o@h KICK #one BOB :be\x02have", ":op!o@h KICK #one me :out", ":nobody!n@h QUIT :x");
    expect(seen()).toEqual(["#one bob leave: kicked by op (behave)"]);
  });

  it("from several channels at once is told under a key for each", () => {
    const { take, events } = build();
    take(":bob!b@h JOIN #one", ":bob!b@h JOIN #two", ":bob!b@h QUIT");
    expect(new Set(events.map((event) => ("key" in event ? event.key : ""))).size).toBe(2);
  });
});

describe("[R5 irc] [L6 irc] a netsplit", () => {
  it.each<[string, boolean]>([
    [split, true],
    ["*.net *.split", true],
    ["Quit: a.b c.d", false],
    ["hub leaf", false],
    ["a.b c.d e.f", false],
    ["irc.example.org", false],
    [". .", false],
    ["a.b  c.d", false],
    ["", false],
  ])("is told by two servers: %j", (reason, is) => {
    expect(isNetsplit(reason)).toBe(is);
  });

  it("that heals within a minute is no leave, and has the members compared once in each channel", async () => {
    const { take, seen, clock } = build();
    const people = Array.from({ length: 300 }, (_, at) => `p${at}`);
    for (const nick of people) take(`:${nick}!u@h JOIN #one`, `:${nick}!u@h JOIN #two`);
    for (const nick of people) take(`:${nick}!u@h QUIT :${split}`);
    await clock.advance(59_000);
    expect(seen()).toEqual([]);
    for (const nick of people) take(`:${nick}!u@h JOIN #one`, `:${nick}!u@h JOIN #two`);
    expect(seen()).toEqual(["#one changed", "#two changed"]);
    await clock.advance(120_000);
    expect(seen()).toEqual([]);
  });

  it("lets those leave who are not back after a minute", async () => {
    const { take, seen, clock } = build();
    take(":bob!b@h JOIN #one", ":eve!e@h JOIN #one", `:bob!b@h QUIT :${split}`);
    await clock.advance(30_000);
    take(`:eve!e@h QUIT :${split}`, ":bob!b@h JOIN #one");
    await clock.advance(59_000);
    expect(seen()).toEqual([]);
    await clock.advance(2_000);
    expect(seen()).toEqual([`#one eve leave: ${split}`, "#one changed"]);
  });

  it("[S1 irc] does not take another person under the same nick for the one who went", async () => {
    const { take, seen, clock } = build();
    take(":alice!a@h JOIN #one aliceacc :Alice", `:alice!a@h QUIT :${split}`, ":alice!x@evil JOIN #one * :Eve");
    await clock.advance(61_000);
    expect(seen()).toEqual([`#one a:aliceacc leave: ${split}`]);
  });

  it("is forgotten for a channel that is not followed any more, and with the connection", async () => {
    const { take, seen, clock, followed, departures } = build();
    take(":bob!b@h JOIN #one", ":bob!b@h JOIN #two", `:bob!b@h QUIT :${split}`);
    followed.delete("#one");
    await clock.advance(61_000);
    expect(seen()).toEqual([`#two bob leave: ${split}`]);
    take(":bob!b@h JOIN #two", `:bob!b@h QUIT :${split}`);
    departures.stop();
    await clock.advance(61_000);
    expect(seen()).toEqual([]);
  });
});

describe("[R5 irc] the members of a channel", () => {
  it("are known after NAMES, once for each coming", () => {
    const { take, seen, departures } = build();
    departures.arrived(chatOf("#one"));
    take(":srv 353 me = #one :me bob", ":srv 366 me #one :End", ":srv 366 me #one :End", ":srv 366 me #two :End");
    expect(seen()).toEqual(["#one changed"]);
  });

  it("are known after WHO, where accounts can be asked for and their changes are told", async () => {
    const { take, seen, departures, written, room, clock } = build({ whox: true });
    room(false);
    departures.arrived(chatOf("#one"));
    departures.arrived(chatOf("#two"));
    take(":srv 366 me #one :End", ":srv 366 me #two :End");
    await clock.advance(2_000);
    expect(written).toEqual([]);
    room(true);
    await clock.advance(1_000);
    expect(written).toEqual(["WHO #one %tcna,742", "WHO #two %tcna,742"]);
    expect(seen()).toEqual([]);
    take(":srv 354 me 742 #one bob bobacc", ":srv 315 me #one :End");
    expect(seen()).toEqual(["#one changed"]);
    take(":srv 263 me WHO :later");
    expect(seen()).toEqual(["#two changed"]);
  });

  it("are not asked for accounts whose end nobody would tell", () => {
    const { take, seen, departures, written } = build({ whox: true, told: false });
    departures.arrived(chatOf("#one"));
    take(":srv 366 me #one :End");
    expect([seen(), written]).toEqual([["#one changed"], []]);
  });
});

describe("[R5 irc] on a server", () => {
  it("people are known with their accounts, and go", async () => {
    const server = await serve({ accountTag: true });
    server.join("bob", "#one", "bobacc");
    const { connector, core } = await bridge(server);
    await until("known", () => core.of("members-changed").length === 1);
    expect(await connector.describeMembers(one)).toMatchObject([{ id: "a:bobacc", name: "bob" }]);
    server.say("carol", "#one", "hi");
    server.kick("carol", "#one", "spam", "op");
    server.quit("bob", "Quit: bye");
    await until("gone", () => core.texts().filter((text) => text === "membership").length === 2);
    const leaves = core.of("action").filter(({ action }) => action.kind === "membership");
    expect(leaves.map(({ sender, action }) => [sender.id, action])).toEqual([
      ["carol", { kind: "membership", change: "leave", reason: "kicked by op (spam)" }],
      ["a:bobacc", { kind: "membership", change: "leave", reason: "Quit: bye" }],
    ]);
  });
});
