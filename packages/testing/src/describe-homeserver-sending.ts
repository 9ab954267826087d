/// <reference types="jest" />
/** The contract's part on sending: exactly once by key, ghosts made ready once, notices. */
import { BridgeError, type EventId, eventId, type RemoteAuthor, remoteUserId, roomId, userId } from "@trestle/core";
import { aMessage } from "./builders.ts";
import {
  freshAuthor,
  freshKey,
  freshName,
  type HomeserverContract,
  type Running,
  sayAs,
  send,
  type TrialEvent,
  until,
  withBody,
} from "./homeserver-trial.ts";
import { hostileSnippets } from "./hostile-text.ts";

const memberEvents = (history: readonly TrialEvent[], user: string): TrialEvent[] =>
  history.filter((event) => event.type === "m.room.member" && event.state_key === user);
/** Without those that only show a profile again, as some homeservers do. */
const joins = (history: readonly TrialEvent[], user: string): TrialEvent[] =>
  memberEvents(history, user).filter(
    (event, place, all) =>
      event.content["membership"] === "join" && all[place - 1]?.content["membership"] !== event.content["membership"],
  );

export function describeSending(get: () => Running, contract: HomeserverContract): void {
  describe("sending", () => {
    describeGhosts(get);
    describeKeys(get);
    describeDeeds(get);
    describeRefusals(get);
    describeNames(get);
    if (contract.losesAnswers) describeLostAnswers(get, contract);
  });
}

function describeGhosts(get: () => Running): void {
  it("a message of a remote person appears as his ghost, registered, named and joined", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    const id = await sayAs(homeserver, here, bob, "hello from far");
    const [event] = withBody(await alice.history(here), "hello from far");
    expect(event).toMatchObject({ event_id: id, sender: homeserver.ghostOf(bob) });
    expect(event?.content).toMatchObject({ msgtype: "m.text", "dev.trestle.origin": { network: bob.network } });
    expect(await alice.getState(here, "m.room.member", homeserver.ghostOf(bob))).toMatchObject({
      membership: "join",
      displayname: "Bob",
    });
  });

  it("a ghost is made ready once, however many speak through it at the same time", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    const texts = Array.from({ length: 6 }, (_, index) => `at once ${index}`);
    await Promise.all(texts.map((text) => sayAs(homeserver, here, bob, text)));
    await sayAs(homeserver, here, bob, "and later");
    const history = await alice.history(here);
    expect(joins(history, homeserver.ghostOf(bob))).toHaveLength(1);
    for (const text of [...texts, "and later"]) expect(withBody(history, text)).toHaveLength(1);
  });

  it("a ghost gets into a room where one must be invited", async () => {
    const { alice, homeserver, room } = get();
    const here = await room({ preset: "private_chat" });
    await sayAs(homeserver, here, freshAuthor("Carol"), "let in");
    expect(withBody(await alice.history(here), "let in")).toHaveLength(1);
  });
}

function describeKeys(get: () => Running): void {
  it("the same key twice, one after the other or at once, is one event", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    const key = freshKey();
    const first = await sayAs(homeserver, here, bob, "only once", key);
    expect(await sayAs(homeserver, here, bob, "only once", key)).toBe(first);
    const together = freshKey();
    const ids = await Promise.all([1, 2, 3].map(() => sayAs(homeserver, here, bob, "at one time", together)));
    expect(new Set(ids).size).toBe(1);
    const history = await alice.history(here);
    expect([withBody(history, "only once").length, withBody(history, "at one time").length]).toEqual([1, 1]);
  });

  it("the same words under another key, by another ghost or in another room are other events", async () => {
    const { alice, homeserver, room } = get();
    const [here, there] = [await room(), await room()];
    const [bob, carol] = [freshAuthor("Bob"), freshAuthor("Carol")];
    const key = freshKey();
    await sayAs(homeserver, here, bob, "ok", key);
    await sayAs(homeserver, here, bob, "ok");
    await sayAs(homeserver, here, carol, "ok", key);
    await sayAs(homeserver, there, bob, "ok", key);
    expect(withBody(await alice.history(here), "ok")).toHaveLength(3);
    expect(withBody(await alice.history(there), "ok")).toHaveLength(1);
  });

  it("a key that was sent stays sent when our side restarts", async () => {
    const running = get();
    const here = await running.room();
    const bob = freshAuthor("Bob");
    const key = freshKey();
    const first = await sayAs(running.homeserver, here, bob, "before and after", key);
    await running.reopen();
    expect(await sayAs(running.homeserver, here, bob, "before and after", key)).toBe(first);
    const history = await running.alice.history(here);
    expect(withBody(history, "before and after")).toHaveLength(1);
    expect(joins(history, running.homeserver.ghostOf(bob))).toHaveLength(1);
  });
}

function describeDeeds(get: () => Running): void {
  it("a reaction, its removal, an edit and a deletion act on their targets", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    const target = eventId(await alice.say(here, "react to this"));
    const own = await sayAs(homeserver, here, bob, "first words");
    await send(homeserver, here, { kind: "react", target, key: "👍" }, bob);
    await send(homeserver, here, { kind: "edit", targets: [own], content: aMessage("better words").content }, bob);
    const history = await alice.history(here);
    expect(history.find((event) => event.type === "m.reaction")?.content["m.relates_to"]).toMatchObject({
      event_id: target,
      key: "👍",
    });
    const edit = history.find((event) => "m.new_content" in event.content);
    expect(edit?.content["m.relates_to"]).toEqual({ rel_type: "m.replace", event_id: own });
    expect(edit?.content["m.new_content"]).toMatchObject({ body: "better words" });
    await send(homeserver, here, { kind: "unreact", target, key: "👍" }, bob);
    await send(homeserver, here, { kind: "delete", targets: [own] }, bob);
    const after = await alice.history(here);
    expect(after.find(({ event_id }) => event_id === own)?.content).toEqual({});
    expect(after.find((event) => event.type === "m.reaction")?.content).toEqual({});
  });

  it("taking back a reaction that is not there is refused as one without a target", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const target = eventId(await alice.say(here, "no reaction here"));
    const removal = send(homeserver, here, { kind: "unreact", target, key: "x" }, freshAuthor("Bob"));
    await expect(removal).rejects.toMatchObject({ code: "no-target" });
  });
}

function describeRefusals(get: () => Running): void {
  it("hostile texts and names arrive as text, whatever is in them", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const mallory = freshAuthor("Mallory", { name: "<b>@room</b>\u0000\r\n\ud800" });
    const snippets = hostileSnippets;
    for (const snippet of snippets) {
      const [part] = homeserver.plan(roomId(here), aMessage<EventId>(snippet), mallory, {
        nameOf: () => undefined,
        findByName: () => undefined,
      });
      if (part) await homeserver.sendPart(roomId(here), part, mallory, freshKey());
    }
    const sent = (await alice.history(here)).filter(
      ({ sender, type }) => sender === homeserver.ghostOf(mallory) && type === "m.room.message",
    );
    expect(sent.length).toBeGreaterThan(5);
    for (const { content } of sent)
      expect(String(content["formatted_body"] ?? "")).not.toMatch(/<script|<img|onerror/i);
    const { displayname } = await alice.getState(here, "m.room.member", homeserver.ghostOf(mallory));
    expect([...String(displayname)].every((letter) => letter >= " ")).toBe(true);
  });

  it("a refusal is final, says why, and a banned ghost is not brought back", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    await sayAs(homeserver, here, bob, "still here");
    await alice.ban(here, homeserver.ghostOf(bob));
    const refused = sayAs(homeserver, here, bob, "not any more");
    await expect(refused).rejects.toBeInstanceOf(BridgeError);
    await expect(refused).rejects.toMatchObject({ retry: "never" });
    expect(await alice.getState(here, "m.room.member", homeserver.ghostOf(bob))).toMatchObject({ membership: "ban" });
  });

  it("an event that is too large is refused for good", async () => {
    const { homeserver, room } = get();
    const here = await room();
    const [part] = homeserver.plan(roomId(here), aMessage<EventId>("x"), freshAuthor("Bob"), {
      nameOf: () => undefined,
      findByName: () => undefined,
    });
    const huge = JSON.parse(JSON.stringify(part).replace(/"body":"x"/, `"body":"${"x".repeat(70_000)}"`));
    await expect(homeserver.sendPart(roomId(here), huge, freshAuthor("Bob"), freshKey())).rejects.toMatchObject({
      retry: "never",
    });
  });
}

function describeNames(get: () => Running): void {
  it("service messages and notices come from the bot; a notice is marked and happens once", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const service: RemoteAuthor = { ...freshAuthor("bridge"), service: true };
    await sayAs(homeserver, here, service, "a gap");
    const key = freshName("notice");
    const toward = { user: userId(alice.userId) };
    const first = await homeserver.notify(roomId(here), "this went wrong", key, toward);
    expect(await homeserver.notify(roomId(here), "this went wrong", key, toward)).toBe(first);
    const history = await alice.history(here);
    expect(withBody(history, "a gap")[0]?.sender).toBe(homeserver.userId);
    const notices = withBody(history, "this went wrong");
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({
      sender: homeserver.userId,
      content: { msgtype: "m.notice", "dev.trestle.control": true },
    });
  });

  it("renames a ghost that exists, and lets it leave", async () => {
    const { alice, homeserver, room } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    await sayAs(homeserver, here, bob, "hi");
    await homeserver.renameGhost({ ...bob, name: "Robert" });
    const ghost = homeserver.ghostOf(bob);
    const name = async () => (await alice.getState(here, "m.room.member", ghost))["displayname"];
    await until("the ghost is called Robert", async () => (await name()) === "Robert");
    await homeserver.leaveGhost(bob, roomId(here));
    expect(await alice.getState(here, "m.room.member", ghost)).toMatchObject({ membership: "leave" });
    await sayAs(homeserver, here, { ...bob, name: "Robert" }, "back again");
    expect(await alice.getState(here, "m.room.member", ghost)).toMatchObject({ membership: "join" });
  });

  it("ghost ids are harmless, distinct and read back", () => {
    const { homeserver } = get();
    const remote = ["bob", "Bob", "b b", "[bob]", "ü", "a_b", "\u0000", "@x:y", "x".repeat(400)];
    const authors = remote.map((id) => ({ ...freshAuthor("x"), id: remoteUserId(id) }));
    const ids = authors.map((author) => homeserver.ghostOf(author));
    expect(new Set(ids).size).toBe(remote.length);
    for (const [index, id] of ids.entries()) {
      expect(id).toMatch(/^@[a-z0-9._=/+-]+:[a-zA-Z0-9.-]+$/);
      expect(Buffer.byteLength(id)).toBeLessThanOrEqual(255);
      if ((remote[index] ?? "").length < 100)
        expect(homeserver.authorOf(id)).toEqual({ network: authors[index]?.network, id: remote[index] });
    }
    expect(homeserver.authorOf(userId("@alice:elsewhere.test"))).toBeUndefined();
    expect(homeserver.authorOf(homeserver.userId)).toBeUndefined();
  });
}

function describeLostAnswers(get: () => Running, contract: HomeserverContract): void {
  const sendUntilKnown = async (sending: () => Promise<EventId>): Promise<EventId> => {
    for (let tries = 1; ; tries++) {
      try {
        return await sending();
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.retry === "never" || tries > 40) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };

  it("when the answer is lost, the same key again is still one event", async () => {
    const { alice, homeserver, room, trial } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    await sayAs(homeserver, here, bob, "warm");
    for (let index = 0; index < 5; index++) {
      const key = freshKey();
      trial.loseAnswer?.();
      await sendUntilKnown(() => sayAs(homeserver, here, bob, `unheard ${index}`, key));
    }
    const history = await alice.history(here);
    expect([0, 1, 2, 3, 4].map((index) => withBody(history, `unheard ${index}`).length)).toEqual([1, 1, 1, 1, 1]);
  });

  if (!contract.restartsServer) return;
  it("when the answer is lost and the server restarts before the next try, it is still one event", async () => {
    const { alice, homeserver, room, trial } = get();
    const here = await room();
    const bob = freshAuthor("Bob");
    await sayAs(homeserver, here, bob, "warm");
    const key = freshKey();
    trial.loseAnswer?.();
    const first = sayAs(homeserver, here, bob, "unheard and forgotten", key).catch(() => undefined);
    await until("it took effect", async () => withBody(await alice.history(here), "unheard and forgotten").length > 0);
    await trial.restartServer?.("KILL");
    await first;
    await sendUntilKnown(() => sayAs(homeserver, here, bob, "unheard and forgotten", key));
    expect(withBody(await alice.history(here), "unheard and forgotten")).toHaveLength(1);
  });
}
