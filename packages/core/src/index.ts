// words
export type { Action, ActionKind, MessageAction } from "./action.ts";
export type { Clock, Log, LogFields, Meter } from "./ambient.ts";
export { systemClock } from "./ambient.ts";
export type { Attachment } from "./attachment.ts";
export type { MatrixAuthor, RemoteAuthor } from "./author.ts";
export { matrixNetwork } from "./author.ts";
export type { Bridge, BridgeOptions, BridgeSettings, BridgeStatus, Level } from "./bridge.ts";
export type { Capabilities, TextLimit, TextUnit } from "./capabilities.ts";
export type { Codec, Lookup } from "./codec.ts";
export { emptyLookup } from "./codec.ts";
export { commands } from "./commands/index.ts";
// ports
export type {
  Again,
  ChatDescription,
  Connector,
  ConnectorHost,
  Json,
  NetworkStatus,
  Part,
  RemoteAction,
  RemoteEvent,
} from "./connector.ts";
export type { Content } from "./content.ts";
// the bridge
export { createBridge } from "./create-bridge.ts";
export type { ErrorCode, Retry, Scope } from "./errors.ts";
export { asBridgeError, BridgeError, catalogue } from "./errors.ts";
export type {
  BridgeInfo,
  EphemeralEvent,
  Homeserver,
  HomeserverHost,
  HomeserverStatus,
  Interpreted,
  MatrixEvent,
  Persona,
  RepairRoom,
  RoomDescription,
  RoomWanted,
  SendStatus,
  Upgrade,
} from "./homeserver.ts";
export type {
  ChatKey,
  EventId,
  JobKey,
  NetworkId,
  PartKey,
  PortalId,
  RemoteChatId,
  RemoteMessageId,
  RemoteUserId,
  RoomId,
  UserId,
} from "./ids.ts";
export {
  chatKeyText,
  controlPortal,
  eventId,
  jobKey,
  networkId,
  partKey,
  portalId,
  remoteChatId,
  remoteMessageId,
  remoteUserId,
  roomId,
  userId,
} from "./ids.ts";
export type { MediaStream } from "./media.ts";
export { latinLook, skeleton } from "./names.ts";
export { levelOf, levels } from "./permit.ts";
export type { DeviceGrant, PuppetReport, Puppets } from "./puppets.ts";
export type {
  AccountRow,
  AccountStore,
  Direction,
  ExpiringStore,
  GhostRow,
  GhostStore,
  Job,
  JobPatch,
  JobState,
  JournalStore,
  KeyValueStore,
  MessageRow,
  MessageStore,
  NewJob,
  Outcome,
  PortalRow,
  PortalStore,
  ReactionRow,
  ReactionStore,
  SecretStore,
  Store,
} from "./store.ts";
