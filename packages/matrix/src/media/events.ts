/**
 * What the homeserver says now of an event that was published: its file, its text, or that it is gone. Asked anew for almost
 * every request, since a redaction has to hold at once; remembered for some seconds, and not across a redaction that we saw.
 */
import { BridgeError, type MatrixEvent, type UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Client } from "../client.ts";
import { isStatus } from "../errors.ts";
import { mxcPattern } from "./name.ts";

export type Published =
  | { readonly kind: "file"; readonly source: string; readonly name: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "gone" };

export interface PublishedEvents {
  /** Rejects when the homeserver cannot be asked. */
  look(room: string, event: string, what: "file" | "text"): Promise<Published>;
  /** It was redacted, or nobody knows: ask again. */
  forget(room: string, event: string): void;
}

interface Options {
  readonly client: Client;
  readonly bot: UserId;
  readonly now: () => number;
  readonly keptMs: number;
}

const gone: Published = { kind: "gone" };

export function createPublishedEvents({ client, bot, now, keptMs }: Options): PublishedEvents {
  const verdicts = boundedMap<string, { readonly verdict: Published; readonly untilMs: number }>(500);
  const forgotten = boundedMap<string, number>(1_000);
  let forgets = 0;
  const nameOf = (room: string, event: string) => `${room}\n${event}`;

  async function ask(room: string, event: string, what: "file" | "text"): Promise<Published> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(event)}`;
    try {
      return publishedOf((await client.call({ method: "GET", path, as: bot })) as Partial<MatrixEvent>, what);
    } catch (error) {
      if (isStatus(error, 404) || isStatus(error, 403)) return gone;
      throw error;
    }
  }

  return {
    async look(room, event, what) {
      const name = nameOf(room, event);
      const key = `${what}\n${name}`;
      const known = verdicts.get(key);
      if (known !== undefined && known.untilMs > now()) return known.verdict;
      for (let tries = 0; tries < 3; tries++) {
        const before = forgotten.get(name);
        const verdict = await ask(room, event, what);
        // What was true when it was asked may have been redacted since.
        if (forgotten.get(name) !== before) continue;
        verdicts.set(key, { verdict, untilMs: now() + keptMs });
        return verdict;
      }
      throw new BridgeError("homeserver-unreachable", "the event changes all the time");
    },
    forget(room, event) {
      const name = nameOf(room, event);
      forgets += 1;
      forgotten.set(name, forgets);
      for (const what of ["file", "text"]) verdicts.delete(`${what}\n${name}`);
    },
  };
}

/** What there is to publish of an event. Its file's address comes from nowhere else. */
export function publishedOf(event: Partial<MatrixEvent>, what: "file" | "text"): Published {
  const { content, unsigned } = event;
  if (typeof content !== "object" || content === null || unsigned?.["redacted_because"] != null) return gone;
  const body = content["body"];
  if (what === "file") {
    const source = content["url"];
    if (typeof source !== "string" || !mxcPattern.test(source)) return gone;
    const name = content["filename"] ?? body;
    return { kind: "file", source, name: typeof name === "string" ? name : "file" };
  }
  const edited = newestEdit(event) ?? body;
  return typeof edited === "string" ? { kind: "text", text: edited } : gone;
}

/** Of its own sender alone; servers put it beside the event. */
function newestEdit({ unsigned, sender }: Partial<MatrixEvent>): unknown {
  const relations = unsigned?.["m.relations"] as { readonly "m.replace"?: Partial<MatrixEvent> } | undefined;
  const edit = relations?.["m.replace"];
  if (edit?.sender !== sender || edit?.unsigned?.["redacted_because"] != null) return undefined;
  const fresh = edit?.content?.["m.new_content"] as { readonly body?: unknown } | undefined;
  return typeof fresh?.body === "string" ? fresh.body : undefined;
}
