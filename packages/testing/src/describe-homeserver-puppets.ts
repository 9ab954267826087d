/// <reference types="jest" />
/** The contract's part on people who are acted for: once, as themselves; nothing echoes; a lost token is told and the ghost goes on. */
import { eventId, type Homeserver, type RemoteAuthor, roomId, type UserId } from "@trestle/core";
import { aMessage } from "./builders.ts";
import {
  freshAuthor,
  freshKey,
  sayAs,
  send,
  type TrialEvent,
  type TrialHost,
  type TrialPerson,
  until,
  withBody,
} from "./homeserver-trial.ts";

export interface PuppetsUnderTest {
  readonly homeserver: Homeserver;
  readonly host: TrialHost;
  /** Somebody in each room, who sees what there is. */
  readonly reader: Pick<TrialPerson, "history" | "say" | "react">;
  /** A public room with the bot and the reader in it. */
  room(): Promise<string>;
  person(): Promise<PuppetPerson>;
}

export interface PuppetPerson extends Pick<TrialPerson, "say"> {
  readonly userId: UserId;
  readonly token: string;
  /** The server takes it no more. */
  endToken(): Promise<void>;
}

const mark = "fi.mau.double_puppet_source";

export function describePuppets(get: () => PuppetsUnderTest): void {
  const setUp = async () => {
    const { homeserver, host, reader, room, person } = get();
    const [here, pat] = [await room(), await person()];
    const author: RemoteAuthor = { ...freshAuthor("Pat"), puppet: pat.userId };
    return { homeserver, host, reader, here, pat, author };
  };
  const loggedIn = async () => {
    const stage = await setUp();
    const { homeserver, pat } = stage;
    expect(await homeserver.puppets.login(pat.userId, pat.token)).toMatchObject({ ok: true, problems: [] });
    return stage;
  };
  const senders = (history: readonly TrialEvent[], body: string) => withBody(history, body).map(({ sender }) => sender);

  describe("people acted for", () => {
    it("[P3] who gave no token is shown by his ghost, though it is known who he is", async () => {
      const { homeserver, reader, here, author, pat } = await setUp();
      expect(homeserver.puppets.has(pat.userId)).toBe(false);
      await sayAs(homeserver, here, author, "not yet myself");
      const said = async () => senders(await reader.history(here), "not yet myself");
      // Some servers show in their history a moment later what they have taken.
      await until("it stands in the history", async () => (await said()).length > 0);
      expect(await said()).toEqual([homeserver.ghostOf(author)]);
    });

    it("[P3] a message appears as the person himself, once for one key, in a room that he gets into by himself", async () => {
      const { homeserver, reader, here, author, pat } = await loggedIn();
      const key = freshKey();
      const id = await sayAs(homeserver, here, author, "I myself", key);
      expect(await sayAs(homeserver, here, author, "I myself", key)).toBe(id);
      const history = await reader.history(here);
      expect(senders(history, "I myself")).toEqual([pat.userId]);
      expect(withBody(history, "I myself")[0]?.content).toHaveProperty([mark]);
      const joins = history.filter((event) => event.type === "m.room.member" && event.state_key === pat.userId);
      expect(joins.map((event) => [event.content["membership"], mark in event.content])).toEqual([["join", true]]);
    });

    it("[P3] what he says through us does not come back, what he says by hand does", async () => {
      const { homeserver, host, reader, here, author, pat } = await loggedIn();
      const id = await sayAs(homeserver, here, author, "through the bridge");
      await send(
        homeserver,
        here,
        { kind: "edit", targets: [id], content: aMessage("edited through it").content },
        author,
      );
      const target = eventId(await reader.say(here, "to be liked"));
      await send(homeserver, here, { kind: "react", target, key: "👍" }, author);
      await pat.say(here, "by hand");
      await until("what he said by hand arrives", () => host.bodies(here).includes("by hand"));
      expect(host.bodies(here)).toEqual(["to be liked", "by hand"]);
      const own = host.taken.filter((event) => event.room_id === roomId(here) && event.sender === pat.userId);
      expect(own.map((event) => event.type)).toEqual(["m.room.message"]);
    });

    it("[P3] a token that is over is noticed and told once; the ghost says it, once", async () => {
      const { homeserver, host, reader, here, author, pat } = await loggedIn();
      await sayAs(homeserver, here, author, "while it holds");
      await pat.endToken();
      const key = freshKey();
      const id = await sayAs(homeserver, here, author, "after its end", key);
      expect(await sayAs(homeserver, here, author, "after its end", key)).toBe(id);
      const history = await reader.history(here);
      expect(senders(history, "while it holds")).toEqual([pat.userId]);
      expect(senders(history, "after its end")).toEqual([homeserver.ghostOf(author)]);
      expect(host.lost.filter((user) => user === pat.userId)).toHaveLength(1);
      expect(homeserver.puppets.has(pat.userId)).toBe(false);
      expect(await homeserver.puppets.check(pat.userId)).toMatchObject({ ok: false, problems: [{}] });
    });

    it("[P3] a token of somebody else is refused, with a reason", async () => {
      const { homeserver, pat } = await setUp();
      const other = await get().person();
      const report = await homeserver.puppets.login(pat.userId, other.token);
      expect(report.ok).toBe(false);
      expect(report.problems.length).toBeGreaterThan(0);
      expect(homeserver.puppets.has(pat.userId)).toBe(false);
    });

    it("[P3] logged out, he is shown by his ghost again", async () => {
      const { homeserver, reader, here, author, pat } = await loggedIn();
      await homeserver.puppets.logout(pat.userId);
      await sayAs(homeserver, here, author, "logged out");
      expect(senders(await reader.history(here), "logged out")).toEqual([homeserver.ghostOf(author)]);
    });
  });
}
