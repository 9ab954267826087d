/** Encrypted rooms, which the bridge cannot read: linking refused, a link paused, a direct chat answered. The last on a stage. */
import type { MatrixObserver } from "../observers/matrix-observer.ts";
import type { Stage } from "../stage.ts";
import { bodyOf, claim, isNotice, mark, pause, type Scenario } from "./scenario.ts";

const algorithm = { algorithm: "m.megolm.v1.aes-sha2" };
const encryption = { type: "m.room.encryption", state_key: "", content: algorithm };

export const encryptedRooms: Scenario = async (stage, report, where) => {
  await report.check(`${where}: linking an encrypted room is refused with a plain notice`, () => refused(stage));
  await report.check(`${where}: an encrypted direct chat is answered and invited elsewhere`, () => direct(stage));
  await report.check(`${where}: encryption switched on pauses the link both ways and says so`, () => paused(stage));
};

async function refused({ alice, bot, carol }: Stage): Promise<void> {
  const room = await alice.createRoom({ preset: "public_chat", initial_state: [encryption], invite: [bot] });
  await joined(alice, room, bot);
  const since = alice.seen.length;
  await alice.say(room, "!irc link local #secret");
  const answer = await alice.wait(room, (event) => event.sender === bot && /encrypt/i.test(bodyOf(event)), {
    since,
    what: "the refusal",
  });
  claim(
    /new room|without|another|unencrypted|not encrypted/i.test(bodyOf(answer)),
    `it offers no way out: ${bodyOf(answer)}`,
  );
  await pause(500);
  const joinedChannel = carol.lines.some((line) => line.command === "JOIN" && line.params[0] === "#secret");
  claim(!joinedChannel, "the bridge joined the channel all the same");
}

async function direct({ alice, bot }: Stage): Promise<void> {
  const body = { preset: "trusted_private_chat", is_direct: true, initial_state: [encryption], invite: [bot] };
  const room = await alice.createRoom({ ...body, room_version: "11" });
  await joined(alice, room, bot);
  const since = alice.seen.length;
  await alice.sendEvent(room, "m.room.encrypted", {
    ...algorithm,
    ciphertext: "AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg",
    device_id: "ALICEDEVICE",
    sender_key: "IlRMeOPX2e0MurIyfWEucYBRVOEEUMrOHqn/8mLqMjA",
    session_id: "X3lUlvLELLYxeTx4yOVu6UDpasGEVO0Jbu+QFnm0cKQ",
  });
  await alice.wait(room, (event) => event.sender === bot && /encrypted/i.test(bodyOf(event)), {
    since,
    what: "the answer in the encrypted chat",
  });
  const until = Date.now() + 10_000;
  while (![...alice.invites].some(([invited, by]) => by === bot && invited !== room)) {
    claim(Date.now() < until, "no invitation to an unencrypted chat came");
    await pause(100);
  }
}

async function paused(stage: Stage): Promise<void> {
  const { alice, carol, room, channel } = stage;
  const since = alice.seen.length;
  const before = carol.lines.length;
  await alice.setState(room, "m.room.encryption", "", algorithm);
  await alice.wait(room, isNotice(stage, /encrypted/i), { since, what: "the notice of the pause" });
  const [fromIrc, fromMatrix] = [mark("into the encrypted room"), mark("out of the encrypted room")];
  carol.say(channel, fromIrc);
  await alice.say(room, fromMatrix);
  await pause(2000);
  claim(
    !alice.seen.some(({ event }) => event.sender !== alice.userId && bodyOf(event).includes(fromIrc)),
    "IRC still crosses",
  );
  claim(!carol.lines.slice(before).some((line) => line.raw.includes(fromMatrix)), "Matrix still crosses");
}

async function joined(alice: MatrixObserver, room: string, bot: string): Promise<void> {
  const until = Date.now() + 15_000;
  while (!(await alice.members(room)).has(bot)) {
    claim(Date.now() < until, "the bot did not take the invitation");
    await pause(100);
  }
}
