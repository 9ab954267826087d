import { createSandboxHomeserver, createSandboxIrc, registerPerson } from "@trestle/sandbox";
import { connectIrcObserver } from "../src/observers/irc-observer.ts";
import { createMatrixObserver } from "../src/observers/matrix-observer.ts";

describe("the IRC observer", () => {
  it("records what is said, speaks, and comes back into its channels after a restart", async () => {
    const server = await createSandboxIrc();
    const observer = await connectIrcObserver({ host: server.host, port: server.port, nick: "watch" });
    try {
      await observer.join("#den");
      server.say("carol", "#den", "häuser");
      await observer.wait((line) => line.command === "PRIVMSG", 5000, 0);
      observer.say("#den", "noted");
      expect(observer.messages("#DEN").map(({ nick, text }) => [nick, text])).toEqual([["carol", "häuser"]]);
      expect((await observer.members("#den")).sort()).toEqual(["carol", "watch"]);
      const since = observer.lines.length;
      await server.restart();
      await observer.wait((line) => line.command === "366", 5000, since);
      expect(observer.connections).toBe(2);
      server.say("carol", "#den", "again");
      await observer.wait((line) => line.raw.includes("again"), 5000, since);
      expect(server.messages("#den").map(({ text }) => text)).toEqual(["häuser", "noted", "again"]);
    } finally {
      observer.close();
      await server.stop();
    }
  });

  it("says in words what it waited for in vain, and that a server refused it", async () => {
    const server = await createSandboxIrc({ features: { password: "x" } });
    const refused = connectIrcObserver({ host: server.host, port: server.port, nick: "a", reconnect: false });
    await expect(refused).rejects.toThrow(/closed the connection of a .*Bad password/);
    const observer = await connectIrcObserver({ host: server.host, port: server.port, nick: "b", password: "x" });
    await expect(observer.wait(() => false, 30)).rejects.toThrow(/b waited 0.03 s in vain/);
    observer.close();
    await server.stop();
  });
});

describe("the Matrix observer", () => {
  it("sees what is said, and says a thing once over restarts of the server", async () => {
    const server = await createSandboxHomeserver({ profile: "synapse", serverName: "x.test" });
    const login = async (name: string) => {
      const { userId, token } = await registerPerson(server.url, name);
      return createMatrixObserver({ url: server.url, userId, token });
    };
    const [alice, bob] = [await login("alice"), await login("bob")];
    try {
      const room = await alice.createRoom({ preset: "public_chat", invite: [bob.userId] });
      await bob.join(room);
      await server.stop("kill");
      const saying = alice.say(room, "patient");
      await new Promise((resolve) => setTimeout(resolve, 50));
      await server.start();
      const event = await saying;
      const seen = await bob.wait(room, ({ content }) => content["body"] === "patient", { since: 0 });
      expect(seen.event_id).toBe(event);
      const texts = (await bob.history(room)).filter(({ type }) => type === "m.room.message");
      expect(texts.map(({ content }) => content["body"])).toEqual(["patient"]);
      await alice.setState(room, "m.room.topic", "", { topic: "t" });
      await expect(bob.getState(room, "m.room.topic")).resolves.toEqual({ topic: "t" });
      expect([...(await bob.members(room)).keys()].sort()).toEqual([alice.userId, bob.userId]);
      await expect(bob.wait(room, () => false, { withinMs: 30, what: "the end" })).rejects.toThrow(
        /in vain for the end/,
      );
    } finally {
      alice.close();
      bob.close();
      await server.stop("kill");
    }
  });
});
