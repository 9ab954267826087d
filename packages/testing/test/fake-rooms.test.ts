/** The fake homeserver follows upgrades by the same rules as the real one. */
import { roomId, userId } from "@trestle/core";
import { describeUpgrades, type UpgradesRunning } from "../src/describe-homeserver-upgrades.ts";
import { createFakeHomeserver, type FakeHomeserver } from "../src/fake-homeserver.ts";
import { createTrialHost, type TrialPerson } from "../src/homeserver-trial.ts";

const homeserver = createFakeHomeserver();
const host = createTrialHost();
beforeAll(() => homeserver.start(host));
afterAll(() => homeserver.stop(0));

const alice = personOf(homeserver, "alice");
const running = {
  alice,
  homeserver,
  host,
  trial: { person: async (name: string) => personOf(homeserver, name) },
  room: async (wanted = {}) => {
    const room = await alice.createRoom({ preset: "public_chat", ...wanted });
    await homeserver.joinRoom(room);
    return room;
  },
} as unknown as UpgradesRunning;

describeUpgrades(() => running);

/** As much of a person as these rules need. */
function personOf(server: FakeHomeserver, name: string): TrialPerson {
  const me = userId(`@${name}:${server.serverName}`);
  const { matrix } = server;
  const setState: TrialPerson["setState"] = (room, type, content, key = "") =>
    server.sendAs(me, roomId(room), { type, content, stateKey: key });
  const person: Partial<TrialPerson> = {
    userId: me,
    setState,
    async createRoom(wanted = {}) {
      const { creation_content: creation, room_version: version, power_level_content_override: levels } = wanted;
      const { predecessor } = (creation ?? {}) as { predecessor?: { room_id: string } };
      const room = server.makeRoom({
        creator: me,
        members: [],
        version: String(version ?? "11"),
        inviteOnly: wanted["preset"] !== "public_chat",
        ...(predecessor === undefined ? {} : { predecessor }),
      });
      if (levels !== undefined) await server.setPower(room, levels as Record<string, unknown>);
      return room;
    },
    join: async (room) => {
      await server.joinAs(me, roomId(room));
      return room;
    },
    invite: async (room) => void (await server.inviteBot(me, roomId(room))),
    getState: async (room, type, key = "") => {
      const found = [...(matrix.room(roomId(room))?.state.values() ?? [])].find(
        (event) => event.type === type && event.state_key === key,
      );
      if (!found) throw new Error(`no ${type}`);
      return found.content;
    },
    history: async (room) => server.eventsIn(roomId(room)),
    upgrade: async (room, version) => {
      const next = server.makeRoom({ creator: me, members: [], version, predecessor: { room_id: room } });
      await setState(room, "m.room.tombstone", { replacement_room: next });
      return next;
    },
  };
  return person as TrialPerson;
}
