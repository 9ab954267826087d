/** What is taken and what is refused: transaction ids, bodies, sizes, power, redactions. */
import { enc, fresh, sendPath, text, type WireProbe } from "./wire.ts";

export const sendingProbes: readonly WireProbe[] = [
  {
    name: "a txn id again: same, other room, other type, other ghost",
    run: async (wire) => {
      const [one, two] = [await wire.ghost("t"), await wire.ghost("u")];
      const rooms = [await wire.room({}, [one, two]), await wire.room({}, [one])] as const;
      const txn = fresh("same");
      const put = async (who: string, room: string, type: string) =>
        (await wire.as(who, "PUT", sendPath(room, txn, type), text("x"))).body["event_id"];
      const first = await put(one, rooms[0], "m.room.message");
      return [
        (await put(one, rooms[0], "m.room.message")) === first,
        (await put(one, rooms[1], "m.room.message")) === first,
        (await put(one, rooms[0], "test.type")) === first,
        (await put(two, rooms[0], "m.room.message")) === first,
      ];
    },
    synapse: [true, false, false, true],
    conduit: [true, true, true, false],
  },
  {
    name: "four PUTs at once with one txn id",
    run: async (wire) => {
      const ghost = await wire.ghost("c");
      const room = await wire.room({}, [ghost]);
      const path = sendPath(room);
      const answers = await Promise.all([1, 2, 3, 4].map(() => wire.as(ghost, "PUT", path, text("x"))));
      return new Set(answers.map(({ body }) => body["event_id"])).size;
    },
    synapse: 1,
    dendrite: 4,
  },
  {
    name: "ts= of a ghost and of a person",
    run: async (wire) => {
      const ghost = await wire.ghost("ts");
      const room = await wire.room({}, [ghost]);
      const shown = async (id: unknown) =>
        (await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/event/${enc(String(id))}`)).body["origin_server_ts"];
      const one = await wire.as(ghost, "PUT", `${sendPath(room)}?ts=1234567890`, text("x"));
      const two = await wire.by(wire.alice.token, "PUT", `${sendPath(room)}?ts=1234567890`, text("x"));
      return [(await shown(one.body["event_id"])) === 1234567890, (await shown(two.body["event_id"])) === 1234567890];
    },
    synapse: [true, false],
    dendrite: [true, true],
  },
  {
    name: "equal state twice",
    run: async ({ room, alice }) => {
      const id = await room();
      const set = () => alice.setState(id, "m.room.topic", { topic: "same" });
      const first = await set();
      return (await set()) === first;
    },
    synapse: true,
    conduit: false,
  },
  {
    name: "what a body may not be",
    run: async (wire) => {
      const ghost = await wire.ghost("b");
      const room = await wire.room({}, [ghost]);
      const put = async (body: unknown) => (await wire.as(ghost, "PUT", sendPath(room), body)).is;
      return [
        await put("{"),
        await put("[]"),
        await put({ ...text("x"), n: 1.5 }),
        await put('{"msgtype":"m.text","body":"x","n":1.0}'),
        await put('{"msgtype":"m.text","body":"x","n":1152921504606846976}'),
        await put({ ...text("1.5 and 1152921504606846976 in text"), n: 3 }),
        (await put('{"msgtype":"m.text","body":"\\ud83d"}')).slice(0, 3),
        await put({ ...text("\u{1f600}") }),
        (await put({ body: "no msgtype" })).slice(0, 3),
      ];
    },
    synapse: [
      "400 M_NOT_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "200",
      "500",
      "200",
      "400",
    ],
    conduit: [
      "400 M_NOT_JSON",
      "400 M_BAD_JSON",
      "400 M_INVALID_PARAM",
      "400 M_INVALID_PARAM",
      "400 M_INVALID_PARAM",
      "200",
      "400",
      "200",
      "200",
    ],
    dendrite: [
      "400 M_NOT_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "400 M_BAD_JSON",
      "200",
      "200",
      "200",
      "200",
    ],
  },
  {
    name: "sizes: 64 000, 65 000, 70 000 bytes",
    run: async (wire) => {
      const ghost = await wire.ghost("z");
      const room = await wire.room({}, [ghost]);
      const put = async (bytes: number) => (await wire.as(ghost, "PUT", sendPath(room), text("x".repeat(bytes)))).is;
      return [await put(64_000), await put(65_000), await put(70_000)];
    },
    synapse: ["200", "413 M_TOO_LARGE", "413 M_TOO_LARGE"],
    conduit: ["200", "400 M_INVALID_PARAM", "413 M_TOO_LARGE"],
    dendrite: ["200", "413 M_BAD_JSON", "413 M_TOO_LARGE"],
  },
  {
    name: "sending where one is not, into nowhere, without the power, after a ban",
    run: async (wire) => {
      const ghost = await wire.ghost("f");
      const room = await wire.room();
      const outside = await wire.as(ghost, "PUT", sendPath(room), text("x"));
      const nowhere = await wire.as(ghost, "PUT", sendPath(`!none:${wire.serverName}`), text("x"));
      await wire.as(ghost, "POST", `/v3/join/${enc(room)}`, {});
      const topic = await wire.as(ghost, "PUT", `/v3/rooms/${enc(room)}/state/m.room.topic/`, { topic: "x" });
      await wire.alice.ban(room, ghost);
      const banned = await wire.as(ghost, "PUT", sendPath(room), text("x"));
      const back = await wire.as(ghost, "POST", `/v3/join/${enc(room)}`, {});
      return [outside.is, nowhere.is, topic.is, banned.is, back.is];
    },
    synapse: ["403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_BAD_STATE"],
    conduit: ["403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN"],
    dendrite: ["403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN"],
  },
  {
    name: "the same reaction twice",
    run: async (wire) => {
      const ghost = await wire.ghost("e");
      const room = await wire.room({}, [ghost]);
      const target = await wire.alice.say(room, "react to me");
      const content = { "m.relates_to": { rel_type: "m.annotation", event_id: target, key: "+" } };
      const react = async () => (await wire.as(ghost, "PUT", sendPath(room, fresh("t"), "m.reaction"), content)).is;
      return [await react(), await react()];
    },
    synapse: ["200", "400 M_DUPLICATE_ANNOTATION"],
    conduit: ["200", "200"],
    dendrite: ["200", "200"],
    tuwunel: ["200", "400 M_DUPLICATE_ANNOTATION"],
  },
  {
    name: "redacting: own, another's, an unknown event; what is left of it",
    run: async (wire) => {
      const ghost = await wire.ghost("d");
      const room = await wire.room({}, [ghost]);
      const own = String((await wire.as(ghost, "PUT", sendPath(room), text("secret"))).body["event_id"]);
      const hers = await wire.alice.say(room, "hers");
      const redact = async (event: string) =>
        (await wire.as(ghost, "PUT", `/v3/rooms/${enc(room)}/redact/${enc(event)}/${fresh("t")}`, {})).is;
      const answers = [await redact(own), await redact(hers), await redact("$none")];
      const left = await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/event/${enc(own)}`);
      const unsigned = (left.body["unsigned"] ?? {}) as Record<string, unknown>;
      return [...answers, left.body["content"], "redacted_because" in unsigned];
    },
    synapse: ["200", "403 M_FORBIDDEN", "404 M_NOT_FOUND", {}, true],
    conduit: ["200", "403 M_FORBIDDEN", "403 M_FORBIDDEN", {}, true],
    dendrite: ["200", "403 M_FORBIDDEN", "400 M_NOT_FOUND", {}, true],
  },
];
