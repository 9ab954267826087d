/// <reference types="jest" />
/** The contract's part on what rooms live through: ghosts with name and picture, members, bridge states, spaces, marks. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type BridgeInfo, networkId, type RemoteAuthor, roomId, userId } from "@trestle/core";
import { freshAuthor, freshName, type Running, sayAs, until } from "./homeserver-trial.ts";

export function describeRoomLife(get: () => Running): void {
  describe("ghosts", () => describeGhosts(get));
  describe("members", () => describeMembers(get));
  describe("bridge states", () => describeBridgeStates(get));
  describe("spaces", () => describeSpaces(get));
  describe("marks on events", () => describeMarks(get));
}

const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** A room in which the bot may put any state. */
const powerful = ({ alice, homeserver }: Running) => ({
  power_level_content_override: { users: { [alice.userId]: 100, [homeserver.userId]: 100 } },
});

function describeGhosts(get: () => Running): void {
  it("[P1] a first message shows the right name, in the room and then in the profile", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const author = freshAuthor("Ada Lovelace");
    await sayAs(homeserver, here, author, "hello");
    const ghost = homeserver.ghostOf(author);
    expect(await alice.getState(here, "m.room.member", ghost)).toMatchObject({ displayname: "Ada Lovelace" });
    const other = await room();
    await sayAs(homeserver, other, author, "there too");
    expect(await alice.getState(other, "m.room.member", ghost)).toMatchObject({ displayname: "Ada Lovelace" });
    await homeserver.renameGhost({ ...author, name: "Countess Lovelace" });
    await until(
      "the new name is in the room",
      async () => (await alice.getState(here, "m.room.member", ghost))["displayname"] === "Countess Lovelace",
    );
  });

  it("[P1] a first message takes three requests: registered, joined with its name, said", async () => {
    const { homeserver, room } = get();
    const here = await room();
    // The homeserver shows with the first of all whether it takes a join with a name.
    await sayAs(homeserver, here, freshAuthor("First"), "hello");
    const author = freshAuthor("Second");
    const requests = requestsOf(homeserver.ghostOf(author));
    await sayAs(homeserver, here, author, "hello");
    requests.stop();
    // Its profile, and whatever else, comes behind.
    const saidAt = requests.seen.findIndex((request) => request.includes("/send/"));
    expect(requests.seen.slice(0, saidAt + 1)).toEqual([
      "POST /_matrix/client/v3/register",
      expect.stringMatching(/^PUT .*\/state\/m\.room\.member\//),
      expect.stringMatching(/^PUT .*\/send\/m\.room\.message\//),
    ]);
  });

  it("[P1] a first message in a room by invitation shows the right name too", async () => {
    const { alice, homeserver, room } = get();
    const here = await room({ preset: "private_chat" });
    const author = freshAuthor("Grace Hopper");
    await sayAs(homeserver, here, author, "hello");
    expect(await alice.getState(here, "m.room.member", homeserver.ghostOf(author))).toMatchObject({
      membership: "join",
      displayname: "Grace Hopper",
    });
  });

  it("[P1] a picture is taken over once, for two people who have the same", async () => {
    const { alice, homeserver, host, room } = get();
    const here = await room();
    const pictured = (name: string, source: string): RemoteAuthor =>
      freshAuthor(name, { avatar: { source, mimeType: "image/png" } });
    const one = pictured("One", host.files.put(picture, { mimeType: "image/png" }));
    const two = pictured("Two", host.files.put(picture, { mimeType: "image/png" }));
    const shown = async (author: RemoteAuthor) =>
      (await alice.getState(here, "m.room.member", homeserver.ghostOf(author)))["avatar_url"];
    await sayAs(homeserver, here, one, "hello");
    await until("the first picture is there", async () => /^mxc:\/\//.test(String(await shown(one))));
    await sayAs(homeserver, here, two, "hello");
    await until("the second picture is there", async () => (await shown(two)) === (await shown(one)));
    const opened = host.files.opened.length;
    await sayAs(homeserver, here, one, "again");
    await homeserver.renameGhost({ ...one, name: "Uno" });
    await until(
      "the name is there",
      async () => (await alice.getState(here, "m.room.member", homeserver.ghostOf(one)))["displayname"] === "Uno",
    );
    expect(await shown(one)).toBe(await shown(two));
    expect(host.files.opened.length).toBe(opened);
  });

  it("[P1] a picture that cannot be had holds up nothing", async () => {
    const { homeserver, room } = get();
    const here = await room();
    await sayAs(homeserver, here, freshAuthor("Nil", { avatar: { source: "gone", mimeType: "image/png" } }), "said");
  });

  it("[R4] name and picture of a room are put once", async () => {
    const { alice, homeserver, host, room } = get();
    const here = roomId(await room(powerful(get())));
    const avatar = { source: host.files.put(picture, { mimeType: "image/png" }), mimeType: "image/png" };
    const wanted = { name: "A room", topic: "A topic", avatar };
    await homeserver.applyRoom(here, wanted);
    await homeserver.applyRoom(here, wanted);
    const put = (await alice.history(here)).filter(
      ({ sender, type }) => sender === homeserver.userId && type !== "m.room.member",
    );
    expect(put.map(({ type }) => type)).toEqual(["m.room.topic", "m.room.name", "m.room.avatar"]);
    expect(put[2]?.content["url"]).toMatch(/^mxc:\/\//);
  });
}

/** What this process asks as this ghost, and which accounts it makes; until its first message is answered. */
function requestsOf(ghost: string): { readonly seen: string[]; stop(): void } {
  const seen: string[] = [];
  const channel = "undici:request:create";
  const note = (message: unknown) => {
    const { method, path } = (message as { request: { method: string; path: string } }).request;
    const asGhost = path.includes(`user_id=${encodeURIComponent(ghost)}`);
    if (asGhost || path.endsWith("/register")) seen.push(`${method} ${path.split("?")[0]}`);
  };
  subscribe(channel, note);
  return { seen, stop: () => void unsubscribe(channel, note) };
}

function describeMembers(get: () => Running): void {
  it("[R5] ghosts of a network become these, and nobody else is touched", async () => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room());
    const [ann, ben, cid] = [freshAuthor("Ann"), freshAuthor("Ben"), freshAuthor("Cid")];
    const other = freshAuthor("Other", { network: networkId("othernet") });
    for (const author of [ann, other]) await sayAs(homeserver, here, author, "here");
    const network = networkId("trialnet");
    await homeserver.applyMembers(here, network, [ben, cid]);
    await homeserver.applyMembers(here, network, [ben, cid]);
    const history = await alice.history(here);
    const memberships = (author: RemoteAuthor) =>
      history
        .filter(({ type, state_key: key }) => type === "m.room.member" && key === homeserver.ghostOf(author))
        .map(({ content }) => content["membership"]);
    expect([ann, ben, cid, other].map((author) => memberships(author).at(-1))).toEqual([
      "leave",
      "join",
      "join",
      "join",
    ]);
    expect(await alice.getState(here, "m.room.member", homeserver.ghostOf(ben))).toMatchObject({ displayname: "Ben" });
  });

  it("[R5] who is banned is not brought back, and keeps nobody else out", async () => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room());
    const [ann, ben] = [freshAuthor("Ann"), freshAuthor("Ben")];
    await sayAs(homeserver, here, ann, "here");
    await alice.ban(here, homeserver.ghostOf(ann));
    await homeserver.applyMembers(here, networkId("trialnet"), [ann, ben]);
    const membership = async (author: RemoteAuthor) =>
      (await alice.getState(here, "m.room.member", homeserver.ghostOf(author)))["membership"];
    expect([await membership(ann), await membership(ben)]).toEqual(["ban", "join"]);
  });
}

function describeBridgeStates(get: () => Running): void {
  const infoFor = (running: Running): BridgeInfo => ({
    protocol: "irc",
    network: "libera",
    channel: "#trestle/ä \u0000",
    channelName: "#trestle",
    bot: running.homeserver.userId,
    creator: userId(running.alice.userId),
  });

  it("[R11] says of a link what it is, under both names, once, and takes it back", async () => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room(powerful(get())));
    const info = infoFor(get());
    await homeserver.announceBridge(here, info, "linked");
    await homeserver.announceBridge(here, info, "linked");
    expect(await homeserver.bridgesOf(here)).toEqual([info]);
    const states = async () =>
      (await alice.history(here)).filter(({ type }) => type === "m.bridge" || type === "uk.half-shot.bridge");
    expect((await states()).map(({ type }) => type)).toEqual(["m.bridge", "uk.half-shot.bridge"]);
    expect((await states())[0]?.content).toMatchObject({ bridgebot: homeserver.userId, creator: alice.userId });
    await homeserver.announceBridge(here, info, "gone");
    await homeserver.announceBridge(here, info, "gone");
    expect(await homeserver.bridgesOf(here)).toEqual([]);
    expect(await states()).toHaveLength(4);
  });

  it("[R11] without the power for it nothing is said, and nothing fails", async () => {
    const { homeserver, room } = get();
    const here = roomId(await room());
    await homeserver.announceBridge(here, infoFor(get()), "linked");
    expect(await homeserver.bridgesOf(here)).toEqual([]);
  });

  it("[R11] [S1] reads what other bridges say, whatever shape it has", async () => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room());
    const channel = { id: "#c", displayname: 7 };
    const contents: Record<string, unknown>[] = [
      {},
      { channel: "text", protocol: [] },
      { channel: { id: {} }, protocol: { id: "irc" } },
      { bridgebot: "@other:bridge.test", protocol: { id: "irc" }, network: { id: "oftc" }, channel },
      { bridgebot: homeserver.userId, protocol: { id: "xmpp" }, network: null, channel, creator: 5 },
    ];
    for (const [index, content] of contents.entries()) await alice.setState(here, "m.bridge", content, `k${index}`);
    await alice.setState(here, "uk.half-shot.bridge", contents[3] ?? {}, "other");
    expect(await homeserver.bridgesOf(here)).toEqual([
      { protocol: "irc", network: "oftc", channel: "#c", bot: "@other:bridge.test" },
      // Who is not our bot does not speak for it.
      { protocol: "xmpp", network: "", channel: "#c", bot: alice.userId },
    ]);
  });
}

function describeSpaces(get: () => Running): void {
  it("[R11] a person is invited to a space, once however often", async () => {
    const { homeserver, alice } = get();
    const space = await homeserver.applySpace(freshName("net"), { name: "Net", rooms: [] });
    await homeserver.invite(space, userId(alice.userId));
    const before = await homeserver.newestEvent(space);
    await homeserver.invite(space, userId(alice.userId));
    expect(await homeserver.newestEvent(space)).toBe(before);
    await alice.join(space);
    await homeserver.invite(space, userId(alice.userId));
    expect(await alice.getState(space, "m.room.member", alice.userId)).toMatchObject({ membership: "join" });
  });

  it("[R11] a space is made once, its rooms say that they are in it where they may, and what is right is left alone", async () => {
    const { homeserver, alice, room, reopen } = get();
    const [one, two, three] = [roomId(await room()), roomId(await room(powerful(get()))), roomId(await room())];
    const key = freshName("net");
    const space = await homeserver.applySpace(key, { name: "Net", rooms: [one, two] });
    expect(await alice.getState(two, "m.space.parent", space)).toMatchObject({ via: [get().trial.serverName] });
    await expect(alice.getState(one, "m.space.parent", space)).rejects.toThrow();
    const before = await homeserver.newestEvent(space);
    await homeserver.applySpace(key, { name: "Net", rooms: [one, two] });
    expect(await homeserver.newestEvent(space)).toBe(before);
    await reopen();
    const again = get().homeserver;
    expect(await again.applySpace(key, { name: "Net", rooms: [three, one] })).toBe(space);
    expect(await alice.getState(two, "m.space.parent", space)).toEqual({});
  });
}

function describeMarks(get: () => Running): void {
  it("shows what became of an event, and marks it for no bridge to carry", async () => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room());
    const event = (await alice.say(here, "hello")) as never;
    const network = networkId("trialnet");
    await homeserver.showReceipt(here, event);
    const key = freshName("k");
    await homeserver.showStatus(here, event, { state: "pending", network }, `${key}/1`);
    await homeserver.showStatus(here, event, { state: "failed", network, reason: "no", retriable: true }, `${key}/2`);
    await homeserver.showStatus(here, event, { state: "delivered", network }, `${key}/3`);
    await homeserver.showStatus(here, event, { state: "delivered", network }, `${key}/3`);
    const marks = (await alice.history(here)).filter(({ type }) => type === "com.beeper.message_send_status");
    expect(marks.map(({ content }) => content["status"])).toEqual(["PENDING", "FAIL_RETRIABLE", "SUCCESS"]);
    expect(marks[1]?.content).toMatchObject({
      "m.relates_to": { rel_type: "m.reference", event_id: event },
      network: "trialnet",
      message: "no",
      "dev.trestle.control": true,
    });
  });

  it("takes back what others said where it may, and says where it may not", async () => {
    const { alice, homeserver, room } = get();
    const [mine, theirs] = [roomId(await room(powerful(get()))), roomId(await room())];
    const event = (await alice.say(mine, "spam")) as never;
    await homeserver.redact(mine, event, freshName("k"), "it was spam");
    const redaction = async () => (await alice.history(mine)).find(({ type }) => type === "m.room.redaction");
    await until("it is taken back", async () => (await redaction()) !== undefined);
    expect(await redaction()).toMatchObject({ sender: homeserver.userId, content: { reason: "it was spam" } });
    const kept = (await alice.say(theirs, "mine")) as never;
    await expect(homeserver.redact(theirs, kept, freshName("k"))).rejects.toMatchObject({ code: "not-permitted" });
  });
}
