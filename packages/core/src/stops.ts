/** What happens when a brake is pulled: the link is paused, and its room is told what to do. */
import type { Action } from "./action.ts";
import type { Clock, Log } from "./ambient.ts";
import type { Brakes } from "./brakes.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Lanes } from "./lanes.ts";
import type { Links } from "./links.ts";
import type { Job, PortalRow } from "./store.ts";

export interface StopsOptions {
  readonly brakes: Brakes;
  readonly homeserver: Homeserver;
  readonly links: () => Links;
  readonly lanes: () => Lanes;
  readonly clock: Clock;
  readonly log: Log;
  readonly prefix: string;
}

export interface Stops {
  /** Rejects (throws) what is too much at once to be believed. */
  brake(portal: PortalRow, job: Job, action: Action<string>): void;
  /** A chat that is said to be gone keeps its link, paused: somebody decides, or the chat comes back. */
  vanished(portal: PortalRow, reason?: string): Promise<void>;
  /** Two machines answer each other. */
  looping(portal: PortalRow): void;
}

export function createStops({ brakes, homeserver, links, lanes, clock, log, prefix }: StopsOptions): Stops {
  return {
    brake(portal, job, action) {
      // Asked for again by a person, it is believed.
      if (action.kind === "delete" && !job.delayed) brakes.deletion(portal.id, action.targets.length);
    },
    async vanished(portal, reason = "no reason given") {
      const { id, chat, room } = portal;
      if (!brakes.believeGone()) {
        log.error({ portal: id, chat }, "many chats at once are said to be gone; none of it is believed");
        return;
      }
      const why = `${chat} is said to be gone (${reason})`;
      await links().pause(portal, why);
      const text = `${why}. The link is paused and kept: \`${prefix} resume\` tries again, \`${prefix} unlink\` ends it.`;
      await homeserver.notify(room, text, `gone/${id}/${clock.now()}`);
    },
    looping(portal) {
      lanes().hold(portal.id);
      const why = "two bots were answering each other";
      const text = `Paused: ${why}, faster than anybody can read. Stop one of them, then say \`${prefix} resume\`.`;
      links()
        .pause(portal, why)
        .then(() => homeserver.notify(portal.room, text, `loop/${portal.id}/${clock.now()}`))
        .catch((err) => log.error({ portal: portal.id, err }, "a loop could not be stopped in order"));
    },
  };
}
