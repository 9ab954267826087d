/** Reading back: history, members, events, long polls. */
import { enc, fresh, registerGhost, type WireProbe } from "./wire.ts";

export const readingProbes: readonly WireProbe[] = [
  {
    name: "/messages as the bot: pages backwards, each event once, the end without a token",
    run: async (wire) => {
      const bot = `@probebot:${wire.serverName}`;
      await registerGhost(wire, "probebot", { inhibit_login: true });
      const room = await wire.room({}, [bot]);
      for (let index = 0; index < 7; index++) await wire.alice.say(room, `line ${index}`);
      const bodies: unknown[] = [];
      let from = "";
      for (let page = 0; page < 20; page++) {
        const place = from === "" ? "" : `&from=${enc(from)}`;
        const answer = await wire.as(bot, "GET", `/v3/rooms/${enc(room)}/messages?dir=b&limit=3${place}`);
        if (answer.is !== "200") return answer.is.slice(0, 3);
        const chunk = answer.body["chunk"] as Record<string, Record<string, unknown>>[];
        bodies.push(
          ...chunk.flatMap((event) => (event["content"]?.["body"] === undefined ? [] : [event["content"]["body"]])),
        );
        if (answer.body["end"] === undefined) return bodies;
        from = String(answer.body["end"]);
      }
      return "it never ended";
    },
    synapse: ["line 6", "line 5", "line 4", "line 3", "line 2", "line 1", "line 0"],
    conduit: "500",
    continuwuity: ["line 6", "line 5", "line 4", "line 3", "line 2", "line 1", "line 0"],
    tuwunel: ["line 6", "line 5", "line 4", "line 3", "line 2", "line 1", "line 0"],
  },
  {
    name: "/messages from what /sync gave, forwards; a token that is none",
    run: async ({ room, alice, by }) => {
      const id = await room();
      const since = String((await alice.request("GET", "/v3/sync?timeout=0"))["next_batch"]);
      await alice.say(id, "one");
      await alice.say(id, "two");
      const page = await alice.request("GET", `/v3/rooms/${enc(id)}/messages?dir=f&limit=10&from=${enc(since)}`);
      const chunk = page["chunk"] as { content: { body?: string } }[];
      const bad = (await by(alice.token, "GET", `/v3/rooms/${enc(id)}/messages?dir=b&from=zzz`)).is.slice(0, 3);
      return [chunk.map(({ content }) => content.body), bad];
    },
    synapse: [["one", "two"], "400"],
    conduit: "unknown",
  },
  {
    name: "members, joined members, joined rooms, context",
    run: async (wire) => {
      const ghost = await wire.ghost("v");
      const room = await wire.room({}, [ghost]);
      const event = await wire.alice.say(room, "middle");
      const joined = (await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/joined_members`)).body["joined"] as object;
      const members = (await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/members`)).body["chunk"] as unknown[];
      const rooms = (await wire.as(ghost, "GET", "/v3/joined_rooms")).body["joined_rooms"] as string[];
      const context = await wire.by(wire.alice.token, "GET", `/v3/rooms/${enc(room)}/context/${enc(event)}?limit=2`);
      const { events_before: before, events_after: after } = context.body as Record<string, unknown[]>;
      return [Object.keys(joined).length, members.length, rooms.includes(room), before?.length, after?.length];
    },
    synapse: [2, 2, true, 1, 0],
    conduit: "unknown",
  },
  {
    name: "an event that does not exist, and one of another room",
    run: async ({ room, alice, by }) => {
      const [one, two] = [await room(), await room()];
      const event = await alice.say(one, "here");
      const read = async (id: string) => (await by(alice.token, "GET", `/v3/rooms/${enc(two)}/event/${enc(id)}`)).is;
      return [await read("$none"), await read(event)];
    },
    synapse: ["404 M_NOT_FOUND", "404 M_NOT_FOUND"],
    conduit: "unknown",
  },
  {
    name: "an invite and a name reach a long-polling person",
    run: async (wire) => {
      const bob = await wire.person(fresh("bob"));
      const reader = await bob.follow();
      try {
        const room = await wire.room({ preset: "private_chat" });
        await wire.alice.invite(room, bob.userId);
        const invited = (await reader.waitForInvite()) === room;
        await bob.join(room);
        const said = await wire.alice.say(room, "welcome");
        const heard = (await reader.waitForText("welcome")).event_id === said;
        return [invited, heard];
      } finally {
        reader.stop();
      }
    },
    synapse: [true, true],
  },
];
