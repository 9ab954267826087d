/**
 * Links that must not be made: the chat is bridged to the room already, by us or by anybody, or the two are joined through
 * other rooms and chats, so that what is said would come round.
 */
import { clusterOf } from "./cluster.ts";
import { BridgeError } from "./errors.ts";
import type { BridgeInfo, Homeserver } from "./homeserver.ts";
import type { ChatKey, RoomId } from "./ids.ts";
import { chatKeyText } from "./ids.ts";
import { chatOf, type Router } from "./router.ts";

/** Rooms of a cluster that are asked for their bridges: each costs a request. */
const roomsAskedMax = 10;

interface Wanted {
  readonly protocol: string;
  readonly chat: ChatKey;
  readonly room: RoomId;
}

/** Rejects with `not-permitted` and a sentence for people. */
export async function refuseCircle(
  router: Router,
  homeserver: Pick<Homeserver, "bridgesOf" | "userId">,
  { protocol, chat, room }: Wanted,
): Promise<void> {
  const cluster = clusterOf(router, { room });
  const through = cluster.find((row) => chatKeyText(chatOf(row)) === chatKeyText(chat));
  if (through !== undefined) {
    throw new BridgeError(
      "not-permitted",
      `this room and ${chat.id} are joined already through ${through.room}; a second way would bring everything round in a circle`,
    );
  }
  const here = (await homeserver.bridgesOf(room)).filter(({ bot }) => bot !== homeserver.userId);
  const same = here.find((info) => isSameChat(info, protocol, chat));
  if (same !== undefined) {
    throw new BridgeError("not-permitted", `${same.bot} bridges this room to ${chat.id} already`);
  }
  if (here.length === 0) return;
  // another bridge that joins this room to the rooms behind the chat would close the circle as well
  const behind = new Set(clusterOf(router, { chat }).map((row) => row.room));
  for (const other of [...behind].slice(0, roomsAskedMax)) {
    const there = await homeserver.bridgesOf(other);
    const shared = there.find(
      ({ bot, ...info }) => bot !== homeserver.userId && here.some((one) => isEqual(one, info)),
    );
    if (shared === undefined) continue;
    throw new BridgeError(
      "not-permitted",
      `${other} is linked to ${chat.id}, and ${shared.bot} joins it to this room through ${shared.channelName ?? shared.channel}; a second way would bring everything round in a circle`,
    );
  }
}

/** Bridges name their networks as they like (`libera`, `irc.libera.chat`): one name within the other is the same. */
function isSameChat(info: BridgeInfo, protocol: string, chat: ChatKey): boolean {
  const [theirs, ours] = [info.network.toLowerCase(), chat.network.toLowerCase()];
  const sameNetwork = theirs.includes(ours) || ours.includes(theirs);
  return info.protocol === protocol && sameNetwork && info.channel.toLowerCase() === chat.id.toLowerCase();
}

const isEqual = (a: BridgeInfo, b: Omit<BridgeInfo, "bot">): boolean =>
  a.protocol === b.protocol && a.network === b.network && a.channel === b.channel;
