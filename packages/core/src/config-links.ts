/** Links that the config asks for: made when they can be, taken up again when the bot is let into their room, ended when they are gone from it. */
import type { Clock, Log } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Connector } from "./connector.ts";
import { asBridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import { networkId } from "./ids.ts";
import type { Links } from "./links.ts";
import { formerRoomsOf } from "./portal-settings.ts";
import type { Router } from "./router.ts";

export interface ConfigLinksOptions {
  readonly wanted: BridgeSettings["links"];
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly links: Links;
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ConfigLinks {
  /** Ends what the config no longer names, then tries the others until each is made. */
  start(): Promise<void>;
  /** Tries again now. */
  nudge(): void;
  stop(): void;
}

const retryFirstMs = 5_000;
const retryMaxMs = 5 * 60_000;

export function createConfigLinks(options: ConfigLinksOptions): ConfigLinks {
  const { wanted, homeserver, connector, links, router, clock, log } = options;
  const stopping = new AbortController();
  let waiting = new AbortController();

  const attempt = async (link: BridgeSettings["links"][number]): Promise<boolean> => {
    const chat = connector.parseChat(networkId(link.network), link.chat);
    if ("problem" in chat) {
      log.error({ link, problem: chat.problem }, "a link of the config names no channel; correct it and restart");
      return true;
    }
    const moved = router.ofChat(chat).find((row) => formerRoomsOf(row).some((room) => room === link.room));
    if (moved !== undefined) {
      log.info({ link, room: moved.room }, "a room of the config was replaced; its link lives in the new one");
      return true;
    }
    try {
      const room = await homeserver.joinRoom(link.room);
      await links.link({ chat, room, by: "config" });
      return true;
    } catch (thrown) {
      const error = asBridgeError(thrown);
      log.warn(
        { link, reason: error.message },
        `a link of the config cannot be made yet; invite ${homeserver.userId} into the room`,
      );
      return false;
    }
  };

  const keepTrying = async (): Promise<void> => {
    let open = [...wanted];
    for (
      let waitMs = retryFirstMs;
      open.length > 0 && !stopping.signal.aborted;
      waitMs = Math.min(waitMs * 2, retryMaxMs)
    ) {
      const failed: typeof open = [];
      for (const link of open) {
        if (!stopping.signal.aborted && !(await attempt(link))) failed.push(link);
      }
      open = failed;
      if (open.length === 0) return;
      waiting = new AbortController();
      await clock.wait(waitMs, AbortSignal.any([waiting.signal, stopping.signal]));
    }
  };

  return {
    async start() {
      for (const row of router.all()) {
        if (row.origin !== "config") continue;
        const still = wanted.some((link) => {
          const chat = connector.parseChat(networkId(link.network), link.chat);
          return !("problem" in chat) && chat.network === row.network && chat.id === row.chat;
        });
        if (!still) await links.unlink(row, "no longer in the config");
      }
      keepTrying().catch((err) => log.error({ err }, "links of the config are not looked after any more"));
    },
    nudge: () => waiting.abort(),
    stop: () => stopping.abort(),
  };
}
