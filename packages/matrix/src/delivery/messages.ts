/**
 * Pages of a room's history, newest first, as the bot sees it. Conduit and conduwuit fail on this with the appservice's bare
 * token, so there the bot logs in once per process (always as the same device, so that none pile up) and uses that token.
 */
import { type BridgeError, eventId, type MatrixEvent, type RoomId, roomId, type UserId, userId } from "@trestle/core";
import type { Caps } from "../caps.ts";
import type { Client } from "../client.ts";
import { failureOf, isStatus } from "../errors.ts";

export interface Page {
  /** Newest first; only what has the shape of an event. */
  readonly events: readonly MatrixEvent[];
  /** Where the next older page begins; undefined at the room's start. */
  readonly older?: string;
}

export interface Messages {
  page(room: RoomId, options: { readonly from?: string; readonly limit: number; readonly as?: UserId }): Promise<Page>;
}

export function createMessages(client: Client, caps: Caps, bot: UserId, span: string): Messages {
  let login: Promise<string> | undefined;

  const logIn = async (): Promise<string> => {
    const answer = await client.call({
      method: "POST",
      path: "/_matrix/client/v3/login",
      as: undefined,
      body: JSON.stringify({
        type: "m.login.application_service",
        identifier: { type: "m.id.user", user: bot },
        device_id: `TRESTLE_${span.toUpperCase()}`,
        initial_device_display_name: `Trestle (${span})`,
      }),
    });
    const token = answer["access_token"];
    if (typeof token !== "string") throw new Error("the login gave no access token");
    return token;
  };

  const loginToken = (): Promise<string> => {
    login ??= logIn().catch((error: unknown) => {
      login = undefined;
      throw error;
    });
    return login;
  };

  return {
    async page(room, { from, limit, as }) {
      const query = `dir=b&limit=${limit}${from === undefined ? "" : `&from=${encodeURIComponent(from)}`}`;
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages`;
      const bare = async () => pageOf(await client.call({ method: "GET", path, query, as: as ?? bot }), room);
      const withLogin = async () =>
        pageOf(await client.call({ method: "GET", path, query, as: undefined, token: await loginToken() }), room);
      if (as !== undefined && as !== bot) return bare();
      if (caps.offers("bare-messages")) {
        try {
          return await bare();
        } catch (error) {
          if (!isStatus(error, 500)) throw error;
          const page = await withLogin().catch(() => Promise.reject(error as BridgeError));
          await caps.lacks("bare-messages");
          return page;
        }
      }
      try {
        return await withLogin();
      } catch (error) {
        if (failureOf(error)?.errcode !== "M_UNKNOWN_TOKEN") throw error;
        login = undefined;
        return withLogin();
      }
    },
  };
}

function pageOf(answer: Readonly<Record<string, unknown>>, room: RoomId): Page {
  const chunk = Array.isArray(answer["chunk"]) ? answer["chunk"] : [];
  const events: MatrixEvent[] = [];
  for (const entry of chunk) {
    const event = asEvent(entry, room);
    if (event !== undefined) events.push(event);
  }
  const end = answer["end"];
  return typeof end === "string" && chunk.length > 0 ? { events, older: end } : { events };
}

/** An entry of a transaction or page, if it has the shape that the rest of the house relies on. */
export function asEvent(entry: unknown, inRoom?: RoomId): MatrixEvent | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const event = entry as { [K in keyof MatrixEvent]?: unknown };
  const { event_id: id, sender, type, content, state_key: stateKey, redacts, origin_server_ts: ts } = event;
  const room = event.room_id ?? inRoom;
  if (typeof id !== "string" || id.length < 2 || id.length > 255 || !id.startsWith("$")) return undefined;
  if (typeof room !== "string" || !room.startsWith("!") || room.length > 255) return undefined;
  if (typeof sender !== "string" || !sender.startsWith("@") || sender.length > 255) return undefined;
  if (typeof type !== "string" || type.length > 255 || typeof content !== "object" || content === null)
    return undefined;
  if (Array.isArray(content) || (stateKey !== undefined && typeof stateKey !== "string")) return undefined;
  if (typeof ts !== "number" || !Number.isFinite(ts)) return undefined;
  if (redacts !== undefined && typeof redacts !== "string") return undefined;
  const { unsigned } = event;
  if (unsigned !== undefined && (typeof unsigned !== "object" || unsigned === null)) return undefined;
  if (event.room_id !== undefined) return entry as MatrixEvent;
  return { ...(entry as MatrixEvent), event_id: eventId(id), room_id: roomId(room), sender: userId(sender) };
}
