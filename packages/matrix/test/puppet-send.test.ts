import { eventId, matrixNetwork, type PartKey, remoteUserId, roomId } from "@trestle/core";
import { registerPerson } from "@trestle/sandbox";
import { aMessage } from "@trestle/testing";
import { until } from "./a-bridge.ts";
import { aKey, aStage, closeStages, type PuppetStage } from "./puppet-stage.ts";

afterEach(closeStages);

const mark = { "fi.mau.double_puppet_source": "trestle-irc" };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const byToken = async (): Promise<PuppetStage> => {
  const stage = await aStage({ ours: false, theirs: false });
  expect(await stage.matrix.puppets.login(stage.user, stage.alice.token)).toMatchObject({ ok: true, way: "token" });
  return stage;
};

describe.each([
  ["by the registration", () => aStage()],
  ["by the registration on Conduit", () => aStage({ profile: "conduit" })],
  ["by the registration on Dendrite", () => aStage({ profile: "dendrite" })],
  ["by his own token", byToken],
])("[P3] a person acted for %s", (_way, make) => {
  test("says his line once, as himself, marked, and nothing of it comes back", async () => {
    const { say, saidBy, alice, room, host, matrix } = await make();
    const id = await say("as myself");
    expect(await saidBy("as myself")).toEqual([alice.userId]);
    const event = (await alice.history(room)).find((one) => one.event_id === id);
    expect(event?.content).toMatchObject({ ...mark, "dev.trestle.origin": { network: "net" } });
    await alice.say(room, "by hand");
    await until("what she said by hand", () => host.bodies().includes("by hand"));
    expect(host.bodies()).not.toContain("as myself");
    expect(matrix.puppets.has(alice.userId as never)).toBe(true);
  });

  test("edits, reacts, takes back, types and reads as himself", async () => {
    const { say, send, alice, room, host } = await make();
    const id = await say("frist");
    await send({ kind: "edit", targets: [id], content: aMessage("first").content });
    const target = eventId(await alice.say(room, "like this"));
    await send({ kind: "react", target, key: "x" });
    await send({ kind: "typing", active: true });
    await send({ kind: "read", upTo: target });
    const history = await alice.history(room);
    const edit = history.find((one) => "m.new_content" in one.content);
    expect(edit).toMatchObject({ sender: alice.userId, content: { "m.relates_to": { event_id: id }, ...mark } });
    const reaction = history.find((one) => one.type === "m.reaction");
    expect(reaction).toMatchObject({ sender: alice.userId, content: mark });
    await send({ kind: "unreact", target, key: "x" });
    await send({ kind: "delete", targets: [id] });
    const after = await alice.history(room);
    expect(after.filter((one) => one.type === "m.room.redaction").map((one) => one.sender)).toEqual([
      alice.userId,
      alice.userId,
    ]);
    await alice.say(room, "the end");
    await until("the end", () => host.bodies().includes("the end"));
    expect(host.taken.filter((one) => one.type === "m.reaction" || one.type === "m.room.redaction")).toEqual([]);
  });
});

test("[P3] his own token reveals nothing of itself: not in logs, not in the store's plain tables", async () => {
  const { alice, log, store, matrix, user } = await byToken();
  await matrix.puppets.check(user);
  expect(JSON.stringify(log.entries)).not.toContain(alice.token);
  expect(JSON.stringify(await store.kv.list(""))).not.toContain(alice.token);
});

test("[P3] a token is kept over a restart, and forgotten at logout", async () => {
  const stage = await byToken();
  await stage.reopen();
  expect(stage.matrix.puppets.has(stage.user)).toBe(true);
  await stage.say("after a restart");
  expect(await stage.saidBy("after a restart")).toEqual([stage.user]);
  await stage.matrix.puppets.logout(stage.user);
  expect(await stage.store.secrets.list("puppet/")).toEqual([]);
  await stage.say("logged out");
  expect(await stage.saidBy("logged out")).toEqual([stage.matrix.ghostOf(stage.ann)]);
});

test("[P3] who logged out is not acted for by the registration either, until he logs in", async () => {
  const stage = await aStage();
  await stage.matrix.puppets.logout(stage.user);
  await stage.reopen();
  await stage.say("not me");
  expect(await stage.saidBy("not me")).toEqual([stage.matrix.ghostOf(stage.ann)]);
  await stage.matrix.puppets.login(stage.user, stage.alice.token);
  await stage.say("me again");
  expect(await stage.saidBy("me again")).toEqual([stage.user]);
});

test("[P3] he joins a room by himself, marked, so that nobody takes it for his coming", async () => {
  const { say, saidBy, alice, room, host, send } = await aStage();
  await alice.leave(room);
  await until("her leaving", () => host.taken.some((one) => one.content["membership"] === "leave"));
  const seen = host.taken.length;
  await send({ kind: "membership", change: "join" });
  await say("here again");
  expect(await saidBy("here again")).toEqual([alice.userId]);
  const joins = (await alice.history(room)).filter(
    (one) => one.state_key === alice.userId && one.content["membership"] === "join",
  );
  expect(joins.at(-1)?.content).toMatchObject(mark);
  await pause(50);
  expect(host.taken.slice(seen).filter((one) => one.type === "m.room.member" && one.sender === alice.userId)).toEqual(
    [],
  );
});

test("[P3] where he may not be his ghost says it, and tries are not repeated with each line", async () => {
  const { say, alice, room, ann, matrix, server } = await aStage();
  const carol = await registerPerson(server.url, "carol");
  await carol.join(room);
  await alice.setState(room, "m.room.power_levels", { users: { [alice.userId]: 100, [carol.userId]: 100 } });
  await alice.setState(room, "m.room.power_levels", {
    users: { [alice.userId]: 0, [carol.userId]: 100, [matrix.userId]: 50 },
  });
  await carol.ban(room, alice.userId);
  await say("banned");
  await say("banned still");
  const history = await carol.history(room);
  for (const body of ["banned", "banned still"])
    expect(history.filter((one) => one.content["body"] === body).map((one) => one.sender)).toEqual([
      matrix.ghostOf(ann),
    ]);
});

test("[P3] nobody is drawn into a room by what he said in another one on the same chat", async () => {
  const stage = await aStage();
  const carol = await registerPerson(stage.server.url, "carol");
  const sister = {
    network: matrixNetwork,
    id: remoteUserId(carol.userId),
    name: "carol",
    puppet: carol.userId as never,
  };
  await stage.say("from the sister room", aKey(), sister);
  expect(await stage.saidBy("from the sister room")).toEqual([stage.matrix.ghostOf(sister)]);
  await expect(carol.history(stage.room)).rejects.toThrow();
});

describe.each(["revoked", "soft logout", "expired"] as const)("[P3] a token that is %s during a send", (how) => {
  const end = ({ server, alice, user }: PuppetStage) =>
    how === "revoked" ? server.accounts.revoke(user) : server.accounts.end(alice.token, how);

  test("the ghost says it, once, and it is told once", async () => {
    const stage = await aStage({ ours: false, theirs: false, options: { puppets: { checkMs: 60_000 } } });
    const { matrix, user, say, host, store } = stage;
    const reader = await registerPerson(stage.server.url, "carol");
    await reader.join(stage.room);
    await matrix.puppets.login(user, stage.alice.token);
    await say("still me");
    end(stage);
    await Promise.all([say("one"), say("two"), say("three")]);
    const said = (await reader.history(stage.room)).filter((one) => one.type === "m.room.message");
    expect(said.map((one) => one.sender)).toEqual([user, ...Array(3).fill(matrix.ghostOf(stage.ann))]);
    expect(host.lost).toEqual([{ user, why: "the access token has expired or was logged out" }]);
    expect(matrix.puppets.has(user)).toBe(false);
    expect(await store.secrets.list("puppet/")).toEqual([]);
    await stage.reopen();
    await pause(80);
    expect(host.lost).toHaveLength(1);
  });
});

test("[P3] a token that ran out is noticed without a word being said", async () => {
  const stage = await byToken();
  stage.server.accounts.revoke(stage.user);
  await until("it is noticed", () => stage.host.lost.length > 0);
  expect(stage.host.lost).toEqual([{ user: stage.user, why: "the access token has expired or was logged out" }]);
});

test("[P3] his token lost, the registration goes on for him and nothing is told", async () => {
  const stage = await aStage();
  await stage.matrix.puppets.login(stage.user, stage.server.accounts.issue(stage.user));
  const [token] = [JSON.parse((await stage.store.secrets.get(`puppet/${stage.user}`)) ?? "{}").token as string];
  stage.server.accounts.end(token, "expired");
  await stage.say("by the other way");
  expect(await stage.saidBy("by the other way")).toEqual([stage.user]);
  expect(stage.host.lost).toEqual([]);
});

describe("[P3] an answer lost, and another speaker at the next try", () => {
  const unsure = async () => {
    const stage = await aStage({ ours: false, theirs: false, options: { puppets: { checkMs: 60_000 } } });
    const reader = await registerPerson(stage.server.url, "carol");
    await reader.join(stage.room);
    // Nothing is pushed any more: only looking can tell.
    stage.server.addAppservice({ ...stage.registration, url: null } as never);
    const loseAnswer = async (key: PartKey) => {
      stage.server.faults.answerThenDie();
      await expect(stage.say("only once", key)).rejects.toMatchObject({ code: "homeserver-unreachable" });
    };
    const said = async () =>
      (await reader.history(stage.room))
        .filter((one) => one.content["body"] === "only once")
        .map((one) => [one.event_id, one.sender]);
    return { ...stage, matrix: stage.matrix, loseAnswer, said };
  };

  test.each(["found out by this line", "known before"])(
    "his token over, %s: his ghost does not say it again",
    async (when) => {
      const { matrix, user, alice, server, say, loseAnswer, said } = await unsure();
      await matrix.puppets.login(user, alice.token);
      await say("before");
      const key = aKey();
      await loseAnswer(key);
      server.accounts.revoke(user);
      if (when === "known before") await say("meanwhile");
      const id = await say("only once", key);
      expect(await said()).toEqual([[id, user]]);
    },
  );

  test.each(["still logged in", "logged out by his homeserver"])(
    "both sides killed, %s: nothing is said twice",
    async (how) => {
      const stage = await aStage({ ours: false, theirs: false, options: { puppets: { checkMs: 60_000 } } });
      const reader = await registerPerson(stage.server.url, "carol");
      await reader.join(stage.room);
      const token = stage.server.accounts.issue(stage.user);
      await stage.matrix.puppets.login(stage.user, token);
      const key = aKey();
      const id = await stage.say("before the kill", key);
      await stage.server.restart("kill");
      await stage.reopen("killed");
      if (how !== "still logged in") stage.server.accounts.revoke(stage.user);
      expect(await stage.say("before the kill", key)).toBe(id);
      const said = (await reader.history(stage.room)).filter((one) => one.content["body"] === "before the kill");
      expect(said.map((one) => one.sender)).toEqual([stage.user]);
    },
  );

  test("logged in meanwhile: he does not say again what his ghost said", async () => {
    const { matrix, user, alice, say, loseAnswer, said, ann } = await unsure();
    await say("before");
    const key = aKey();
    await loseAnswer(key);
    await matrix.puppets.login(user, alice.token);
    const id = await say("only once", key);
    expect(await said()).toEqual([[id, matrix.ghostOf(ann)]]);
  });
});

test("[P3] an edit of what he said himself becomes his ghost's message once we cannot act for him", async () => {
  const stage = await byToken();
  const reader = await registerPerson(stage.server.url, "carol");
  await reader.join(stage.room);
  const id = await stage.say("frist");
  stage.server.accounts.revoke(stage.user);
  await stage.send({ kind: "edit", targets: [id], content: aMessage("first").content });
  const last = (await reader.history(stage.room)).findLast((one) => one.type === "m.room.message");
  expect(last).toMatchObject({ sender: stage.matrix.ghostOf(stage.ann), content: { body: "* first" } });
  expect(last?.content).not.toHaveProperty("m.relates_to");
});

test("[P3] an edit of what his ghost said stays his ghost's", async () => {
  const stage = await aStage({ ours: false, theirs: false });
  const id = await stage.say("frist");
  await stage.matrix.puppets.login(stage.user, stage.alice.token);
  await stage.send({ kind: "edit", targets: [id], content: aMessage("first").content });
  const last = (await stage.alice.history(stage.room)).at(-1);
  expect(last).toMatchObject({
    sender: stage.matrix.ghostOf(stage.ann),
    content: { "m.relates_to": { event_id: id } },
  });
});

test("[P3] a registration that the homeserver does not know: the ghost says it, told once, tried again later", async () => {
  const stage = await aStage({ theirs: false });
  await stage.say("one");
  await stage.say("two");
  const ghost = stage.matrix.ghostOf(stage.ann);
  expect([...(await stage.saidBy("one")), ...(await stage.saidBy("two"))]).toEqual([ghost, ghost]);
  expect(stage.host.lost).toEqual([
    { user: stage.user, why: "the homeserver does not know the double-puppet registration" },
  ]);
});

test("[P3] nobody but people of this homeserver is acted for: neither ghosts, the bot, nor people of others", async () => {
  const { matrix, ann } = await aStage();
  for (const user of [matrix.userId, matrix.ghostOf(ann), "@alice:elsewhere.test", "@alice:puppets.test:8448"])
    expect(matrix.puppets.has(user as never)).toBe(false);
});

test("[P3] his redaction is no echo either, on a server that keeps no mark in one; the same by hand is his own", async () => {
  const stage = await aStage();
  const [said, byHand] = [await stage.say("to be deleted"), await stage.say("to be deleted by hand")];
  await stage.send({ kind: "delete", targets: [said] });
  const bare = (redacts: string, id: string) => ({
    event_id: id,
    room_id: stage.room,
    sender: stage.user,
    type: "m.room.redaction",
    origin_server_ts: Date.now(),
    content: { redacts },
  });
  await fetch(`http://127.0.0.1:${stage.matrix.port}/_matrix/app/v1/transactions/bare`, {
    method: "PUT",
    headers: { authorization: `Bearer ${stage.registration.hs_token}` },
    body: JSON.stringify({ events: [bare(said, "$ours"), bare(byHand, "$his")] }),
  });
  await until("his own", () => stage.host.taken.some((one) => one.event_id === "$his"));
  expect(stage.host.taken.map((one) => one.event_id)).not.toContain("$ours");
});

describe("[S1 matrix] forged marks and keys", () => {
  const forged = (key: string) => ({ msgtype: "m.text", body: "forged", "dev.trestle.origin": { key }, ...mark });

  test.each(["stranger", "a person we act for"])("of %s do not confirm somebody else's send", async (who) => {
    const stage = await aStage(who === "stranger" ? { ours: false, theirs: false } : {});
    const mallory = await registerPerson(stage.server.url, "mallory");
    await mallory.join(stage.room);
    if (who !== "stranger") await stage.matrix.puppets.login(mallory.userId as never, mallory.token);
    await stage.say("before");
    const key = aKey();
    stage.server.faults.failNext(502, { match: { method: "PUT", path: /\/send\// } });
    await expect(stage.say("the real one", key)).rejects.toMatchObject({ code: "homeserver-unreachable" });
    await mallory.say(stage.room, forged(key));
    await pause(50);
    await stage.say("the real one", key);
    expect(await stage.saidBy("the real one")).toHaveLength(1);
    expect(stage.host.bodies()).not.toContain("forged");
  });

  test("a sibling's mark crosses like anything that people say", async () => {
    const stage = await aStage();
    const sibling = { "fi.mau.double_puppet_source": "trestle-discord" };
    await stage.alice.say(stage.room, { msgtype: "m.text", body: "from a sibling", ...sibling });
    await until("it came", () => stage.host.bodies().includes("from a sibling"));
  });

  test("what a puppet said is not fetched as news by gap repair", async () => {
    const stage = await aStage();
    const by = await stage.alice.say(stage.room, "anchor");
    await until("the anchor", () => stage.host.bodies().includes("anchor"));
    const { origin_server_ts: lastAtMs } = stage.host.taken.find((one) => one.event_id === by) ?? {
      origin_server_ts: 0,
    };
    await stage.say("my own words");
    stage.host.rooms = [{ room: roomId(stage.room), lastEvent: eventId(by), lastAtMs }];
    await stage.reopen();
    await stage.alice.say(stage.room, "end");
    await until("the end", () => stage.host.bodies().includes("end"));
    expect(stage.host.bodies()).not.toContain("my own words");
  });
});
