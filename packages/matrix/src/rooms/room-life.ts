/** What rooms of a link live through, put together: upgrades, spaces, what they say of their bridges, members, receipts. */
import type { Homeserver } from "@trestle/core";
import { type BridgeInfosOptions, createBridgeInfos } from "./bridge-info.ts";
import { createReceipts, type ReceiptsOptions } from "./receipts.ts";
import { createRoomMembers, type RoomMembersOptions } from "./room-members.ts";
import { createRoomUpgrades, type RoomUpgradesOptions } from "./room-upgrades.ts";
import { createSpaces, type SpacesOptions } from "./spaces.ts";

export type RoomLifeOptions = BridgeInfosOptions &
  ReceiptsOptions &
  Omit<RoomMembersOptions, "store"> &
  RoomUpgradesOptions &
  SpacesOptions & { readonly ghostStore: RoomMembersOptions["store"] };

export function createRoomLife(
  options: RoomLifeOptions,
): Pick<
  Homeserver,
  | "redact"
  | "showReceipt"
  | "showStatus"
  | "applyMembers"
  | "applySpace"
  | "bridgesOf"
  | "announceBridge"
  | "followUpgrade"
> {
  return {
    ...createReceipts(options),
    ...createRoomMembers({ ...options, store: options.ghostStore }),
    ...createSpaces(options),
    ...createBridgeInfos(options),
    ...createRoomUpgrades(options),
  };
}
