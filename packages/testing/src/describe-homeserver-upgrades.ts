/// <reference types="jest" />
/** The contract's part on replaced rooms: followed from every version to every other, and only with proof from both sides. */
import { eventId, type MatrixEvent, roomId, userId } from "@trestle/core";
import { freshName, type Running, type TrialPerson, until } from "./homeserver-trial.ts";

export type UpgradesRunning = Pick<Running, "alice" | "homeserver" | "host" | "room" | "trial">;

export function describeUpgrades(get: () => UpgradesRunning): void {
  describe("[R8] replaced rooms", () => {
    describeFollowing(get);
    describeRefusing(get);
  });
}

/** As it was pushed. */
async function tombstoneOf({ host }: UpgradesRunning, room: string, target?: string): Promise<MatrixEvent> {
  const find = () =>
    host.taken.find(
      ({ type, room_id: id, content }) =>
        type === "m.room.tombstone" && id === room && (target === undefined || content["replacement_room"] === target),
    );
  await until("the tombstone is pushed", () => find() !== undefined);
  return find() as MatrixEvent;
}

const bury = (by: TrialPerson, room: string, replacement: string) =>
  by.setState(room, "m.room.tombstone", { body: "moved", replacement_room: replacement });

const membershipOf = async (by: TrialPerson, room: string, user: string): Promise<unknown> =>
  (await by.getState(room, "m.room.member", user).catch(() => ({ membership: undefined })))["membership"];

function describeFollowing(get: () => UpgradesRunning): void {
  it.each([
    ["10", "11"],
    ["11", "12"],
    ["12", "11"],
    ["6", "12"],
  ])("follows from version %s to version %s, by whoever has the power", async (before, after) => {
    const { alice, homeserver, room } = get();
    const old = await room({ room_version: before });
    const next = await alice.upgrade(old, after);
    const upgrade = await homeserver.followUpgrade(await tombstoneOf(get(), old));
    const created = (await alice.history(next)).find(({ type }) => type === "m.room.create");
    expect(upgrade).toEqual({ kind: "followed", room: next, created: created?.event_id });
    expect(await membershipOf(alice, next, homeserver.userId)).toBe("join");
    // Once more, as after a crash before it was noted.
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old))).toEqual(upgrade);
  });

  it("waits until it is invited", async () => {
    const { alice, homeserver, room } = get();
    const old = await room();
    const next = await alice.createRoom({
      preset: "private_chat",
      room_version: "11",
      creation_content: { predecessor: { room_id: old } },
    });
    await bury(alice, old, next);
    const tombstone = await tombstoneOf(get(), old);
    expect(await homeserver.followUpgrade(tombstone)).toMatchObject({ kind: "not-yet" });
    await alice.invite(next, homeserver.userId);
    expect(await homeserver.followUpgrade(tombstone)).toMatchObject({ kind: "followed", room: next });
  });

  it("waits for a room that the homeserver does not know", async () => {
    const { alice, homeserver, room } = get();
    const old = await room();
    await bury(alice, old, "!nowhere:elsewhere.test");
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old))).toMatchObject({ kind: "not-yet" });
  });
}

function describeRefusing(get: () => UpgradesRunning): void {
  const refused = { kind: "refused", why: expect.any(String) };

  it.each([
    ["none", undefined],
    ["another one", "!another:room.test"],
  ])("[S1] a room that names %s as its predecessor is left again", async (_what, predecessor) => {
    const { alice, homeserver, room } = get();
    const old = await room();
    const next = await alice.createRoom({
      preset: "public_chat",
      room_version: "11",
      ...(predecessor === undefined ? {} : { creation_content: { predecessor: { room_id: predecessor } } }),
    });
    await bury(alice, old, next);
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old))).toEqual(refused);
    expect(await membershipOf(alice, next, homeserver.userId)).not.toBe("join");
  });

  it("[S1] a room that names an event which the old one never had is not its successor", async () => {
    const { alice, homeserver, room } = get();
    const old = await room();
    const predecessor = { room_id: old, event_id: `$${"x".repeat(43)}` };
    const next = await alice.createRoom({
      preset: "public_chat",
      room_version: "11",
      creation_content: { predecessor },
    });
    await bury(alice, old, next);
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old))).toEqual(refused);
  });

  it("[S1] nobody makes the bot leave a room by pointing at it", async () => {
    const { alice, homeserver, room } = get();
    const [old, other] = [await room(), await room()];
    await bury(alice, old, other);
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old))).toEqual(refused);
    expect(await membershipOf(alice, other, homeserver.userId)).toBe("join");
  });

  it("[S1] a tombstone that is no state, or that the room does not know, moves nothing", async () => {
    const { alice, homeserver, room, trial } = get();
    const old = await room();
    const mallory = await trial.person(freshName("mallory"));
    const next = await mallory.createRoom({
      preset: "public_chat",
      room_version: "11",
      creation_content: { predecessor: { room_id: old } },
    });
    const forged: MatrixEvent = {
      event_id: eventId(`$${freshName("forged")}`),
      room_id: roomId(old),
      sender: userId(mallory.userId),
      type: "m.room.tombstone",
      origin_server_ts: 1,
      content: { replacement_room: next },
    };
    expect(await homeserver.followUpgrade(forged)).toEqual(refused);
    expect(await homeserver.followUpgrade({ ...forged, state_key: "" })).toEqual(refused);
    expect(await homeserver.followUpgrade({ ...forged, state_key: "", sender: userId(alice.userId) })).toEqual(refused);
    expect(await membershipOf(mallory, next, homeserver.userId)).not.toBe("join");
  });

  it("[S1] only what the room points at now counts, and only by somebody who has the power now", async () => {
    const { alice, homeserver, room, trial } = get();
    const bob = await trial.person(freshName("bob"));
    const levels = { users: { [alice.userId]: 100, [bob.userId]: 100 } };
    const old = await room({ power_level_content_override: levels });
    await bob.join(old);
    const successor = () =>
      bob.createRoom({
        preset: "public_chat",
        room_version: "11",
        creation_content: { predecessor: { room_id: old } },
      });
    const [first, second] = [await successor(), await successor()];
    await bury(bob, old, first);
    await bury(bob, old, second);
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old, first))).toEqual(refused);
    const now = await alice.getState(old, "m.room.power_levels");
    await bob.setState(old, "m.room.power_levels", { ...now, users: { [alice.userId]: 100 } });
    expect(await homeserver.followUpgrade(await tombstoneOf(get(), old, second))).toEqual(refused);
  });
}
