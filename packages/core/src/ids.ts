/**
 * Every id of the house, branded, made only here. An id is opaque to all but its owner: room ids are never split for a server
 * name (room version 12 has none), remote ids are read only by the connector that made them.
 */
declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

export type RoomId = Brand<string, "RoomId">;
export type EventId = Brand<string, "EventId">;
export type UserId = Brand<string, "UserId">;
/** Which IRC network, guild host, ...: the slug the admin gave it in the config, `[a-z0-9-]+`. */
export type NetworkId = Brand<string, "NetworkId">;
/** A chat's id inside its network, already normalised by the connector (IRC: casemapped channel name). */
export type RemoteChatId = Brand<string, "RemoteChatId">;
export type RemoteUserId = Brand<string, "RemoteUserId">;
export type RemoteMessageId = Brand<string, "RemoteMessageId">;
/** Row number of a portal; 0 is the control portal, which owns only the control lane. */
export type PortalId = Brand<number, "PortalId">;
/** Identity of a job, the same on every redelivery: what makes the journal's rows unique. */
export type JobKey = Brand<string, "JobKey">;
/** Identity of one part of a job's delivery; feeds Discord's nonce, IRC's label, Matrix's transaction id. */
export type PartKey = Brand<string, "PartKey">;

export const roomId = (text: string): RoomId => text as RoomId;
export const eventId = (text: string): EventId => text as EventId;
export const userId = (text: string): UserId => text as UserId;
export const networkId = (text: string): NetworkId => text as NetworkId;
export const remoteChatId = (text: string): RemoteChatId => text as RemoteChatId;
export const remoteUserId = (text: string): RemoteUserId => text as RemoteUserId;
export const remoteMessageId = (text: string): RemoteMessageId => text as RemoteMessageId;
export const portalId = (row: number): PortalId => row as PortalId;
export const jobKey = (text: string): JobKey => text as JobKey;
export const partKey = (job: JobKey, part: number): PartKey => `${job}/${part}` as PartKey;

export const controlPortal: PortalId = portalId(0);

/** A remote room. `owner` only for private chats: the Matrix user whose chat it is. */
export interface ChatKey {
  readonly network: NetworkId;
  readonly id: RemoteChatId;
  readonly owner?: UserId;
}

/** One string per chat, for maps. The parts cannot contain U+001F (connectors refuse control bytes in ids). */
export const chatKeyText = (chat: ChatKey): string =>
  chat.owner === undefined ? `${chat.network}\u001f${chat.id}` : `${chat.network}\u001f${chat.id}\u001f${chat.owner}`;
