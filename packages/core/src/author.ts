/** Who speaks, as the other side needs it. Names are hostile text until the receiving side has made them harmless. */
import type { Attachment } from "./attachment.ts";
import type { NetworkId, RemoteUserId, UserId } from "./ids.ts";

/** A Matrix person on the way out. */
export interface MatrixAuthor {
  readonly userId: UserId;
  readonly name: string;
  /** `mxc:` address of the picture in this room. */
  readonly avatar?: string;
  /** Who this person is over there, where a proof ties them. */
  readonly account?: RemoteUserId;
}

/** A remote person on the way in. */
export interface RemoteAuthor {
  readonly network: NetworkId;
  readonly id: RemoteUserId;
  readonly name: string;
  /** Opened and taken over once; a `mxc:` source is used as it is. */
  readonly avatar?: Pick<Attachment, "source" | "mimeType" | "byteLength">;
  /** Said by the bridge itself (a gap, a join notice): sent by the bot, as a notice. */
  readonly service?: boolean;
  /** The Matrix person who this is, by proof: what he says appears as his own where we may act for him. Set by the core. */
  readonly puppet?: UserId;
}

/** The network that people of Matrix stand on when they are shown in another room of Matrix. No config may name one so. */
export const matrixNetwork = "m" as NetworkId;
