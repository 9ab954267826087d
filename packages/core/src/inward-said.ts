/**
 * What is to be said in a room, out of what is in the job: words of the network, or words of another room of Matrix that is
 * joined to this one through a chat. The twin of outward-said.ts.
 */
import type { Mention } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { RemoteAuthor } from "./author.ts";
import { matrixNetwork } from "./author.ts";
import type { Place } from "./cluster.ts";
import type { RemoteAction, RemoteEvent } from "./connector.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import { type RemoteUserId, remoteUserId } from "./ids.ts";
import { originIn } from "./outward-said.ts";
import type { MessageRow, PortalRow } from "./store.ts";

/** Body of an inward job. */
export type InwardBody =
  | { readonly event: Exclude<RemoteEvent, { kind: "connection" | "joined" | "user-changed" }> }
  /** Said in another room of Matrix. */
  | { readonly sister: MatrixEvent; readonly editedBy?: MatrixEvent };

/** Something to bring into a room; ids in it are those of `source`. */
export interface Heard {
  readonly action: Action<string>;
  readonly source: Place;
  /** The event, when it was said in Matrix. */
  readonly event?: MatrixEvent;
  readonly author: RemoteAuthor;
  readonly origin: string;
  readonly saidAtMs: number;
  readonly late: boolean;
  readonly mayActOn: (row: MessageRow) => boolean;
  readonly mention: (mention: Mention) => Mention;
}

/** Whoever the network let do it over there, a moderator included, may do it here: the network has checked. */
export function networkWords(homeserver: Homeserver, portal: PortalRow, event: RemoteAction): Heard {
  const { sender, action } = event;
  const source: Place = { chat: event.chat };
  return {
    action,
    source,
    author: sender,
    origin: originIn(portal, source, event.id ?? event.key),
    saidAtMs: event.sentAtMs,
    late: event.late === true,
    mayActOn: (row) => action.kind === "delete" || (row.lane === "inward" && row.author === sender.id),
    mention: (mention) => toMatrix(homeserver, sender, mention),
  };
}

/** Words of another room, under a ghost that stands for the person and for nobody of the network. */
export function sisterWords(
  portal: PortalRow,
  event: MatrixEvent,
  said: { readonly action: Action<string>; readonly name: string; readonly moderator: boolean },
): Heard {
  const source: Place = { room: event.room_id };
  return {
    action: said.action,
    source,
    event,
    author: {
      network: matrixNetwork,
      id: remoteUserId(event.sender),
      name: said.name,
      puppet: event.sender,
    },
    origin: originIn(portal, source, event.event_id),
    saidAtMs: event.origin_server_ts,
    late: event["dev.trestle.late"] === true,
    mayActOn: (row) => said.moderator || row.author === event.sender,
    mention: (mention) => mention,
  };
}

function toMatrix(homeserver: Homeserver, sender: RemoteAuthor, mention: Mention): Mention {
  if (mention.side !== "remote" || mention.what !== "user") return mention;
  const id = homeserver.ghostOf({ network: sender.network, id: mention.id as RemoteUserId });
  return { side: "matrix", what: "user", id };
}
