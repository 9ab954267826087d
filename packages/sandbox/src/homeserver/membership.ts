/** Joining, inviting, leaving, removing, and the names that member events carry: rules asked, then the event is made. */
import { isDeepStrictEqual } from "node:util";
import type { Database, User } from "./database.ts";
import type { JsonObject, StoredEvent } from "./event.ts";
import { type Change, checkMembership } from "./event-rules.ts";
import type { Profile } from "./profile.ts";
import { membershipOf, type Room } from "./room.ts";
import type { Timeline } from "./timeline.ts";

export interface Members {
  /** Changes a membership; joining where one is already joined does nothing. */
  change(
    room: Room,
    sender: string,
    target: string,
    change: Change,
    extra?: JsonObject,
    ts?: number,
  ): StoredEvent | undefined;
  /** A new name or picture reaches every room the user is in. */
  profileChanged(user: User): void;
}

export function createMembers(profile: Profile, database: Database, timeline: Timeline): Members {
  const content = (target: string, change: Change, extra: JsonObject): JsonObject => {
    const user = change === "join" || change === "invite" ? database.users.get(target) : undefined;
    return {
      membership: change,
      ...(user?.displayName === undefined ? {} : { displayname: user.displayName }),
      ...(user?.avatarUrl === undefined ? {} : { avatar_url: user.avatarUrl }),
      ...extra,
    };
  };
  const isIn = (id: string, user: string): boolean => {
    const other = database.rooms.get(id);
    return other !== undefined && membershipOf(other, user) === "join";
  };
  return {
    change: (room, sender, target, change, extra = {}, ts) => {
      checkMembership(room, sender, target, change, { banned: profile.joinBanned, isIn });
      if (change === "join" && membershipOf(room, target) === "join") return undefined;
      return timeline.add(room, {
        sender,
        type: "m.room.member",
        stateKey: target,
        content: content(target, change, extra),
        ...(ts === undefined ? {} : { ts }),
      });
    },
    profileChanged: (user) => {
      for (const id of user.rooms) {
        const room = database.rooms.get(id);
        if (!room || membershipOf(room, user.id) !== "join") continue;
        const shown = content(user.id, "join", {});
        const before = room.members.get(user.id)?.content;
        if (!profile.profileRepeats && isDeepStrictEqual(before, shown)) continue;
        timeline.add(room, { sender: user.id, type: "m.room.member", stateKey: user.id, content: shown });
      }
    },
  };
}
