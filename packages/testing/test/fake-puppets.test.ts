/** The fake homeserver acts for people by the same rules as the real one. */
import { roomId, userId } from "@trestle/core";
import { describePuppets, type PuppetPerson, type PuppetsUnderTest } from "../src/describe-homeserver-puppets.ts";
import { createFakeHomeserver } from "../src/fake-homeserver.ts";
import { createTrialHost, freshName, type TrialPerson } from "../src/homeserver-trial.ts";

const homeserver = createFakeHomeserver();
const host = createTrialHost();
beforeAll(() => homeserver.start(host));
afterAll(() => homeserver.stop(0));

const personOf = (name: string) => {
  const me = userId(`@${name}:${homeserver.serverName}`);
  const person = {
    userId: me,
    say: (room: string, text: unknown) => homeserver.sayAs(me, roomId(room), String(text)),
    react: (room: string, event: string, key: string) => homeserver.reactAs(me, roomId(room), event, key),
    history: async (room: string) => homeserver.eventsIn(roomId(room)),
  };
  return person as typeof person & Pick<TrialPerson, "say" | "react" | "history">;
};

const alice = personOf("alice");
const running: PuppetsUnderTest = {
  homeserver,
  host,
  reader: alice,
  room: async () => homeserver.makeRoom({ creator: alice.userId, members: [alice.userId, homeserver.userId] }),
  person: async (): Promise<PuppetPerson> => {
    const pat = personOf(freshName("pat"));
    const token = freshName("token");
    homeserver.puppets.allowToken(pat.userId, token);
    return { ...pat, token, endToken: async () => homeserver.puppets.endToken(token) };
  },
};

describePuppets(() => running);
