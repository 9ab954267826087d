/**
 * What is to be said in a chat, out of what is in the job: words of Matrix, or words of another chat that passes through us.
 * Everything that depends on where it was said is settled here; outward.ts only brings it across.
 */
import type { Mention } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { MatrixAuthor } from "./author.ts";
import { matrixNetwork } from "./author.ts";
import { isAt, type Place } from "./cluster.ts";
import type { RemoteAction } from "./connector.ts";
import type { Homeserver, Interpreted, MatrixEvent } from "./homeserver.ts";
import { saidElsewhere } from "./identity.ts";
import type { NetworkId, RemoteUserId, UserId } from "./ids.ts";
import type { MessageRow, PortalRow } from "./store.ts";

/** Body of an outward job. */
export type OutwardBody =
  | {
      readonly event: MatrixEvent;
      /** An edit that came while the message still waited: its content goes instead. */
      readonly editedBy?: MatrixEvent;
    }
  /** Said in another chat that is joined to this one through a room. */
  | { readonly relayed: RemoteAction };

/** Something to bring across; ids in it are those of `source`. */
export interface Said {
  readonly action: Action<string>;
  readonly source: Place;
  /** The event, when it is one: its file or text can be given an address. */
  readonly event?: MatrixEvent;
  readonly author: MatrixAuthor;
  /** As it stands in the rows of this portal. */
  readonly origin: string;
  readonly saidAtMs: number;
  readonly late: boolean;
  readonly mayActOn: (row: MessageRow) => boolean;
  readonly mention: (mention: Mention) => Mention;
  readonly mayQuote: (target: MessageRow) => Promise<boolean>;
}

/** How a portal names what was said at `source`. */
export const originIn = (portal: PortalRow, source: Place, id: string): string =>
  isAt(portal, source) ? id : saidElsewhere(id);

/** Words of another chat: whoever the network let do it over there may do it here. */
export function relayedWords(homeserver: Homeserver, portal: PortalRow, event: RemoteAction): Said {
  const { sender, action } = event;
  const source: Place = { chat: event.chat };
  return {
    action,
    source,
    author: { userId: homeserver.ghostOf(sender), name: sender.name },
    origin: originIn(portal, source, event.id ?? event.key),
    saidAtMs: event.sentAtMs,
    late: event.late === true,
    mayActOn: (row) => action.kind === "delete" || row.author === sender.id,
    mention: (mention) => acrossNetworks(homeserver, event.chat.network, portal.network, mention),
    mayQuote: () => Promise.resolve(true),
  };
}

/** Somebody of one network in the words of another: only as the ghost that he is in Matrix. */
function acrossNetworks(homeserver: Homeserver, from: NetworkId, to: NetworkId, mention: Mention): Mention {
  if (mention.side !== "remote" || mention.what !== "user" || from === to) return mention;
  const ghost = homeserver.ghostOf({ network: from, id: mention.id as RemoteUserId });
  return { side: "matrix", what: "user", id: ghost };
}

/** A mention in Matrix in the ids of the network: a ghost is who he is there, somebody of another room is himself. */
export function toRemote(homeserver: Homeserver, network: NetworkId, mention: Mention): Mention {
  if (mention.side !== "matrix" || mention.what !== "user") return mention;
  const ghost = homeserver.authorOf(mention.id as UserId);
  if (ghost?.network === matrixNetwork) return { side: "matrix", what: "user", id: ghost.id };
  return ghost?.network === network ? { side: "remote", what: "user", id: ghost.id } : mention;
}

export function mergeEdit(action: Action<string>, edit: Interpreted | undefined): Action<string> {
  if (action.kind !== "message" || edit?.kind !== "action" || edit.action.kind !== "edit") return action;
  return { ...action, content: edit.action.content };
}
