/** What the bot does about events of people: shows how far they got, and takes them back. */
import { BridgeError, type Homeserver, type SendStatus, type UserId } from "@trestle/core";
import type { Client, JsonObject } from "../client.ts";
import { originField } from "../delivery/confirmation.ts";
import type { EventPut } from "../delivery/event-put.ts";
import { isStatus } from "../errors.ts";
import type { Sender } from "../send.ts";

export interface ReceiptsOptions {
  readonly client: Client;
  readonly put: EventPut["put"];
  readonly sender: Pick<Sender, "sendAsBot">;
  readonly bot: UserId;
}

const reasonMax = 1_000;

export function createReceipts(options: ReceiptsOptions): Pick<Homeserver, "redact" | "showReceipt" | "showStatus"> {
  const { client, put, sender, bot } = options;
  return {
    async redact(room, event, key, reason) {
      const said = reason === undefined ? {} : { reason: reason.slice(0, reasonMax).toWellFormed() };
      const content = { ...said, [originField]: { key } };
      try {
        await put({ room, as: bot, type: "m.room.redaction", content, redacts: event, key });
      } catch (error) {
        if (isStatus(error, 403))
          throw new BridgeError("not-permitted", "the bot may not redact here", { cause: error });
        throw error;
      }
    },
    async showReceipt(room, event) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/receipt/m.read/${encodeURIComponent(event)}`;
      await client.call({ method: "POST", path, as: bot, body: "{}" });
    },
    async showStatus(room, event, status, key) {
      await sender.sendAsBot(room, "com.beeper.message_send_status", statusContent(event, status), `status/${key}`);
    },
  };
}

/** As Beeper's clients read it; no bridge carries it. */
function statusContent(event: string, { state, network, reason, retriable }: SendStatus): JsonObject {
  return {
    "m.relates_to": { rel_type: "m.reference", event_id: event },
    network,
    status: state === "delivered" ? "SUCCESS" : state === "pending" ? "PENDING" : failureWord(retriable),
    ...(state === "failed" ? { reason: retriable === true ? "m.network_error" : "m.event_not_handled" } : {}),
    ...(reason === undefined ? {} : { message: reason.slice(0, reasonMax).toWellFormed() }),
    "dev.trestle.control": true,
  };
}

const failureWord = (retriable: boolean | undefined): string =>
  retriable === true ? "FAIL_RETRIABLE" : "FAIL_PERMANENT";
