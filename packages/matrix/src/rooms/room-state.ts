/** State events of ours: put only where they differ from what is there, since an equal one is a second event on some servers. */
import { isDeepStrictEqual } from "node:util";
import type { RoomId, UserId } from "@trestle/core";
import type { Client, JsonObject } from "../client.ts";
import type { Members } from "./members.ts";
import { levelOf, neededFor } from "./power.ts";

export interface StateAt {
  readonly room: RoomId;
  readonly type: string;
  readonly key?: string;
}

export interface RoomState {
  /** Whether it had to be put. */
  put(at: StateAt, content: JsonObject, as?: UserId): Promise<boolean>;
  /** Whether the bot has the power for it. */
  mayPut(at: StateAt): Promise<boolean>;
}

export function createRoomState(client: Client, members: Members, bot: UserId): RoomState {
  return {
    async put({ room, type, key = "" }, content, as = bot) {
      // No content and no event say the same.
      const now = (await members.state(room, type, key)) ?? {};
      if (isDeepStrictEqual(now, content)) return false;
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/${encodeURIComponent(type)}/${encodeURIComponent(key)}`;
      await client.call({ method: "PUT", path, as, body: JSON.stringify(content) });
      return true;
    },
    async mayPut({ room, type }) {
      const power = await members.power(room);
      return levelOf(power, bot) >= neededFor(power, type);
    },
  };
}
