/**
 * What rooms say of the bridges in them (MSC2346): read from anybody in whatever shape, written under both names for links of
 * ours. https://github.com/matrix-org/matrix-spec-proposals/pull/2346
 */
import { createHash } from "node:crypto";
import { type BridgeInfo, type Homeserver, type Log, type UserId, userId } from "@trestle/core";
import type { JsonObject } from "../client.ts";
import { isStatus } from "../errors.ts";
import type { Members, StateEntry } from "./members.ts";
import type { RoomState } from "./room-state.ts";

export interface BridgeInfosOptions {
  readonly members: Members;
  readonly state: RoomState;
  readonly bot: UserId;
  readonly span: string;
  readonly log: Log;
}

const types = ["m.bridge", "uk.half-shot.bridge"];
const infosMax = 100;
const wordMax = 255;
const stateKeyBytesMax = 255;
const names: Readonly<Record<string, string>> = { irc: "IRC", discord: "Discord", telegram: "Telegram" };

export function createBridgeInfos(options: BridgeInfosOptions): Pick<Homeserver, "bridgesOf" | "announceBridge"> {
  const { members, state, bot, span, log } = options;
  return {
    async bridgesOf(room) {
      const found = new Map<string, BridgeInfo>();
      for (const entry of await members.allState(room)) {
        const info = types.includes(entry.type) ? readInfo(entry, bot) : undefined;
        if (info === undefined || found.size >= infosMax) continue;
        const same = JSON.stringify([info.bot, info.protocol, info.network, info.channel]);
        if (!found.has(same)) found.set(same, info);
      }
      return [...found.values()];
    },
    async announceBridge(room, info, linked) {
      const content = linked === "gone" ? {} : contentOf(info);
      const key = stateKeyOf(span, info);
      for (const type of types) {
        const at = { room, type, key };
        try {
          if (await state.mayPut(at)) await state.put(at, content);
          else
            log.info(
              { room, type },
              "the bot may not say in the room what it is bridged to; the link works all the same",
            );
        } catch (error) {
          if (!isStatus(error, 403)) throw error;
          log.info({ room, type, error }, "the room does not let the bot say what it is bridged to");
        }
      }
    },
  };
}

/** One per link, told apart from those of other bridges. */
export function stateKeyOf(span: string, { network, channel }: Pick<BridgeInfo, "network" | "channel">): string {
  const key = `trestle-${span}/${encodeURIComponent(network.toWellFormed())}/${encodeURIComponent(channel.toWellFormed())}`;
  if (key.length <= stateKeyBytesMax) return key;
  const hash = createHash("sha256").update(`${network}\n${channel}`).digest("base64url");
  return `${key.slice(0, stateKeyBytesMax - hash.length - 1)}~${hash}`;
}

function contentOf({ protocol, network, channel, channelName, bot, creator }: BridgeInfo): JsonObject {
  return {
    bridgebot: bot,
    ...(creator === undefined ? {} : { creator }),
    protocol: { id: protocol, displayname: names[protocol] ?? protocol },
    network: { id: network, displayname: network },
    channel: { id: channel, ...(channelName === undefined ? {} : { displayname: channelName.toWellFormed() }) },
  };
}

function readInfo({ sender, content }: StateEntry, own: UserId): BridgeInfo | undefined {
  const channel = part(content["channel"], "id");
  const protocol = part(content["protocol"], "id");
  if (channel === undefined || protocol === undefined) return undefined;
  const channelName = part(content["channel"], "displayname");
  const said = word(content["bridgebot"]);
  // Who is not our bot does not speak for it.
  const bot = said?.startsWith("@") && (said !== own || sender === own) ? said : sender;
  const creator = word(content["creator"]);
  return {
    protocol,
    network: part(content["network"], "id") ?? "",
    channel,
    ...(channelName === undefined ? {} : { channelName }),
    bot: userId(bot),
    ...(creator?.startsWith("@") ? { creator: userId(creator) } : {}),
  };
}

const part = (value: unknown, key: string): string | undefined =>
  typeof value === "object" && value !== null ? word((value as JsonObject)[key]) : undefined;

const word = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, wordMax).toWellFormed() : undefined;
