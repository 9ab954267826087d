/** Rooms: versions, power, membership, aliases. */
import { enc, fresh, sendPath, text, type WireProbe } from "./wire.ts";

export const roomsProbes: readonly WireProbe[] = [
  {
    name: "default room version; id of a version 12 room and of its creation",
    run: async ({ alice }) => {
      const capabilities = (await alice.request("GET", "/v3/capabilities"))["capabilities"] as Record<string, unknown>;
      const versions = capabilities["m.room_versions"] as Record<string, unknown>;
      const room = await alice.createRoom({ room_version: "12" });
      const state = (await alice.request("GET", `/v3/rooms/${enc(room)}/state`)) as unknown as Record<
        string,
        unknown
      >[];
      const create = state.find(({ type }) => type === "m.room.create");
      return [versions["default"], room.includes(":"), create?.["event_id"] === room.replace("!", "$")];
    },
    synapse: ["12", false, true],
    dendrite: ["10", false, true],
    conduwuit: ["11", false, true],
    tuwunel: ["11", false, true],
  },
  {
    name: "power levels by version: override without the creator, with him, and who stands in `users`",
    run: async ({ by, alice }) => {
      const create = async (room_version: string, users: Record<string, number>) =>
        (await by(alice.token, "POST", "/v3/createRoom", { room_version, power_level_content_override: { users } })).is;
      const plain = await alice.createRoom({ room_version: "12" });
      const levels = await alice.getState(plain, "m.room.power_levels");
      return [
        (await create("11", { "@x:y": 50 })).slice(0, 3),
        await create("11", { [alice.userId]: 100, "@x:y": 50 }),
        (await create("12", { [alice.userId]: 100 })).slice(0, 3),
        await create("12", { "@x:y": 50 }),
        levels["users"],
      ];
    },
    synapse: ["400", "200", "400", "200", {}],
    conduit: ["403", "200", "403", "200", {}],
    dendrite: ["200", "200", "400", "200", {}],
  },
  {
    name: "creators of version 12: additional ones set levels and cannot kick the first; trusted_private_chat makes creators",
    run: async (wire) => {
      const { alice, as } = wire;
      const ghost = await wire.ghost("k");
      const room = await alice.createRoom({
        room_version: "12",
        invite: [ghost],
        creation_content: { additional_creators: [ghost] },
      });
      await as(ghost, "POST", `/v3/join/${enc(room)}`, {});
      const levels = await alice.getState(room, "m.room.power_levels");
      const set = await as(ghost, "PUT", `/v3/rooms/${enc(room)}/state/m.room.power_levels/`, { ...levels, kick: 51 });
      const kick = await as(ghost, "POST", `/v3/rooms/${enc(room)}/kick`, { user_id: alice.userId });
      const trusted = await alice.createRoom({ room_version: "12", preset: "trusted_private_chat", invite: [ghost] });
      const create = await alice.getState(trusted, "m.room.create");
      return [set.is, kick.is, JSON.stringify(create["additional_creators"]) === JSON.stringify([ghost])];
    },
    synapse: ["200", "403 M_FORBIDDEN", true],
  },
  {
    name: "presets: what the state of a private and of a public room is",
    run: async ({ alice }) => {
      const describe = async (preset: string) => {
        const room = await alice.createRoom({ room_version: "11", preset, name: "N", topic: "T" });
        const state = (await alice.request("GET", `/v3/rooms/${enc(room)}/state`)) as unknown as Record<
          string,
          unknown
        >[];
        const levels = await alice.getState(room, "m.room.power_levels");
        const rule = (await alice.getState(room, "m.room.join_rules"))["join_rule"];
        return [
          state.map(({ type }) => type).sort(),
          rule,
          levels["invite"],
          levels["state_default"],
          levels["redact"],
        ];
      };
      return [await describe("private_chat"), await describe("public_chat")];
    },
    synapse: [
      [
        [
          "m.room.create",
          "m.room.guest_access",
          "m.room.history_visibility",
          "m.room.join_rules",
          "m.room.member",
          "m.room.name",
          "m.room.power_levels",
          "m.room.topic",
        ],
        "invite",
        0,
        50,
        50,
      ],
      [
        [
          "m.room.create",
          "m.room.history_visibility",
          "m.room.join_rules",
          "m.room.member",
          "m.room.name",
          "m.room.power_levels",
          "m.room.topic",
        ],
        "public",
        50,
        50,
        50,
      ],
    ],
    conduit: "unknown",
  },
  {
    name: "joining uninvited, inviting twice, kicking who is not there, by one without power",
    run: async (wire) => {
      const [one, two] = [await wire.ghost("m"), await wire.ghost("n")];
      const room = await wire.room({ preset: "private_chat" });
      const join = async (who: string) => (await wire.as(who, "POST", `/v3/join/${enc(room)}`, {})).is;
      const uninvited = await join(one);
      await wire.alice.invite(room, one);
      const invited = await join(one);
      const again = (await wire.by(wire.alice.token, "POST", `/v3/rooms/${enc(room)}/invite`, { user_id: one })).is;
      const absent = (await wire.by(wire.alice.token, "POST", `/v3/rooms/${enc(room)}/kick`, { user_id: two })).is;
      const powerless = (await wire.as(one, "POST", `/v3/rooms/${enc(room)}/kick`, { user_id: wire.alice.userId })).is;
      const rejoin = await join(one);
      const nowhere = (await wire.as(one, "POST", `/v3/rooms/${enc(room)}/unban`, { user_id: two })).is;
      return [uninvited, invited, again, absent, powerless, rejoin, nowhere];
    },
    synapse: [
      "403 M_FORBIDDEN",
      "200",
      "403 M_FORBIDDEN",
      "403 M_FORBIDDEN",
      "403 M_FORBIDDEN",
      "200",
      "403 M_FORBIDDEN",
    ],
  },
  {
    name: "leaving where one is not; joining what does not exist; an alias that does not exist",
    run: async (wire) => {
      const ghost = await wire.ghost("o");
      const room = await wire.room();
      return [
        (await wire.as(ghost, "POST", `/v3/rooms/${enc(room)}/leave`, {})).is,
        (await wire.as(ghost, "POST", `/v3/join/${enc(`!none:${wire.serverName}`)}`, {})).is.slice(0, 3),
        (await wire.as(ghost, "POST", `/v3/join/${enc(`#none:${wire.serverName}`)}`, {})).is,
      ];
    },
    synapse: ["403 M_FORBIDDEN", "404", "404 M_NOT_FOUND"],
    conduit: "unknown",
  },
  {
    name: "a state key that is not there; state of a room one is not in",
    run: async (wire) => {
      const ghost = await wire.ghost("g");
      const room = await wire.room();
      const outside = (await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/state/m.room.create/`)).is;
      await wire.as(ghost, "POST", `/v3/join/${enc(room)}`, {});
      return [outside, (await wire.as(ghost, "GET", `/v3/rooms/${enc(room)}/state/m.room.topic/`)).is];
    },
    synapse: ["403 M_FORBIDDEN", "404 M_NOT_FOUND"],
  },
  {
    name: "aliases: of the namespace by the ghost, by a person; twice",
    run: async (wire) => {
      const ghost = await wire.ghost("a");
      const room = await wire.room({}, [ghost]);
      const alias = enc(`#${fresh("_probe_x")}:${wire.serverName}`);
      const body = { room_id: room };
      const person = (await wire.by(wire.alice.token, "PUT", `/v3/directory/room/${alias}`, body)).is;
      const own = (await wire.as(ghost, "PUT", `/v3/directory/room/${alias}`, body)).is;
      const twice = (await wire.as(ghost, "PUT", `/v3/directory/room/${alias}`, body)).is;
      const found = (await wire.by(undefined, "GET", `/v3/directory/room/${alias}`)).body["room_id"] === room;
      return [person, own, twice, found];
    },
    synapse: ["400 M_EXCLUSIVE", "200", "409 M_UNKNOWN", true],
    conduit: "unknown",
    dendrite: ["400 M_EXCLUSIVE", "400 M_EXCLUSIVE", "400 M_EXCLUSIVE", false],
  },
  {
    name: "a join by a state event names its user; the same name in his profile afterwards",
    run: async (wire) => {
      const ghost = await wire.ghost("named");
      const room = await wire.room({ preset: "public_chat" });
      const join = { membership: "join", displayname: "Named" };
      const put = await wire.as(ghost, "PUT", `/v3/rooms/${enc(room)}/state/m.room.member/${enc(ghost)}`, join);
      const shown = await wire.alice.getState(room, "m.room.member", ghost);
      await wire.as(ghost, "PUT", `/v3/profile/${enc(ghost)}/displayname`, { displayname: "Named" });
      const events = (await wire.alice.history(room)).filter(({ state_key: key }) => key === ghost);
      return [put.is, shown["displayname"], events.length];
    },
    synapse: ["200", "Named", 1],
    conduit: ["200", "Named", 2],
    dendrite: ["200", "Named", 2],
  },
  {
    name: "upgrades: what the new room says of the old one, who may, and what the old one lets people do afterwards",
    run: async (wire) => {
      const { alice, by } = wire;
      const bob = await wire.person(fresh("bob"));
      const upgrade = async (before: string, after: string): Promise<unknown> => {
        const old = await alice.createRoom({ preset: "public_chat", room_version: before });
        await bob.join(old);
        const refused = await by(bob.token, "POST", `/v3/rooms/${enc(old)}/upgrade`, { new_version: after });
        const next = await alice.upgrade(old, after);
        const tombstone = (await alice.history(old)).find(({ type }) => type === "m.room.tombstone");
        const create = await alice.getState(next, "m.room.create");
        const { room_id: room, event_id: event } = create["predecessor"] as Record<string, unknown>;
        const said = await by(bob.token, "PUT", sendPath(old), text("still here"));
        const pointsThere = tombstone?.content["replacement_room"] === next && room === old;
        const names =
          event === undefined ? "nothing" : event === tombstone?.event_id ? "the tombstone" : "another event";
        return [refused.is, pointsThere, names, said.is];
      };
      return [await upgrade("10", "11"), await upgrade("11", "12"), await upgrade("12", "11")];
    },
    synapse: [
      ["403 M_FORBIDDEN", true, "the tombstone", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "nothing", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "the tombstone", "403 M_FORBIDDEN"],
    ],
    conduit: [
      ["403 M_FORBIDDEN", true, "nothing", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "nothing", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "nothing", "403 M_FORBIDDEN"],
    ],
    dendrite: [
      ["403 M_FORBIDDEN", true, "the tombstone", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "nothing", "403 M_FORBIDDEN"],
      ["403 M_FORBIDDEN", true, "the tombstone", "403 M_FORBIDDEN"],
    ],
  },
];
