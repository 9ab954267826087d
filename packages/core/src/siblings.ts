/**
 * The other spans on this homeserver, which we meet only through Matrix events (architecture section 5, siblings): their
 * ghosts are ordinary people, their bots' words and everybody's commands to them never cross.
 */
import type { BridgeSettings } from "./bridge.ts";
import type { MatrixEvent } from "./homeserver.ts";

export interface Siblings {
  /** Whether this event is between a span and its users, not for others. */
  isPrivateTalk(event: MatrixEvent): boolean;
  /** The name that a sibling's ghost carries, only from a sender that really is that sibling's. */
  nameOf(event: MatrixEvent): string | undefined;
}

const commandPattern = /^!(?:irc|discord|telegram)(?:\s|$)/u;

export function createSiblings(siblings: BridgeSettings["siblings"]): Siblings {
  const bots = new Set<string>(siblings.map(({ bot }) => bot));
  // Anchored whatever the config says: an open pattern would let a stranger's server pose as a sibling.
  const patterns = siblings.map(({ ghosts }) => new RegExp(`^(?:${ghosts})$`, "u"));

  return {
    isPrivateTalk(event) {
      if (event.content["dev.trestle.control"] === true) return true;
      if (event.type === "m.room.redaction") return false;
      if (bots.has(event.sender)) return true;
      const { body } = event.content;
      return event.type === "m.room.message" && typeof body === "string" && commandPattern.test(body);
    },
    nameOf(event) {
      if (!patterns.some((pattern) => pattern.test(event.sender))) return undefined;
      const origin = event.content["dev.trestle.origin"];
      if (typeof origin !== "object" || origin === null || !("author" in origin)) return undefined;
      return typeof origin.author === "string" ? origin.author : undefined;
    },
  };
}
