/** Who speaks, as the other side needs it. Names are hostile text until the receiving side has made them harmless. */
import type { NetworkId, RemoteUserId, UserId } from "./ids.ts";

/** A Matrix person on the way out. */
export interface MatrixAuthor {
  readonly userId: UserId;
  readonly name: string;
}

/** A remote person on the way in. */
export interface RemoteAuthor {
  readonly network: NetworkId;
  readonly id: RemoteUserId;
  readonly name: string;
  /** Said by the bridge itself (a gap, a join notice): sent by the bot, as a notice. */
  readonly service?: boolean;
}
