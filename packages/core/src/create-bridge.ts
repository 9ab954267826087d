/**
 * Puts the parts together and nothing else: what each does is in its own file. Data flows intake -> lanes -> outward, inward
 * or control -> the far side.
 */

import { createBrakes } from "./brakes.ts";
import type { Bridge, BridgeOptions } from "./bridge.ts";
import { bridgeStatus } from "./bridge-status.ts";
import { tellInterruptedLogins } from "./commands/account-commands.ts";
import type { CommandContext, CommandIssuer } from "./commands/command.ts";
import { runCommand } from "./commands/index.ts";
import { createConfigLinks } from "./config-links.ts";
import { createControl } from "./control.ts";
import { createCrossing } from "./crossing.ts";
import { createOpener, scoped } from "./hosts.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createIntake, type Intake } from "./intake.ts";
import { createLinks } from "./links.ts";
import { createMessageMap } from "./message-map.ts";
import { createMoves } from "./moves.ts";
import { createPersons } from "./persons.ts";
import { createRepairView } from "./repair.ts";
import { asksRetry, createRetries } from "./retries.ts";
import { createRouter } from "./router.ts";
import { createSecretTalk } from "./secret-talk.ts";
import { createSiblings } from "./siblings.ts";
import { createStops } from "./stops.ts";
import { createSurroundings } from "./surroundings.ts";

export function createBridge(options: BridgeOptions): Bridge {
  const { store, homeserver, connector, clock, log, meter, settings } = options;
  const prefix = `!${connector.name}`;
  const router = createRouter();
  const siblings = createSiblings(settings.siblings);
  const brakes = createBrakes(clock);
  const stops = createStops({ brakes, homeserver, links: () => links, lanes: () => lanes, clock, log, prefix });
  const messages = createMessageMap(store.messages);
  const persons = createPersons({ ...options, router, messages, siblings, prefix, lanes: () => lanes });
  const secrets = createSecretTalk(store, prefix, log);
  const lanes = createCrossing(options, {
    router,
    messages,
    persons,
    stops,
    control: () => control,
    retries: () => retries,
  });

  const surroundings = createSurroundings({ homeserver, connector, router, settings, clock, log });
  const { portals, kv, journal } = store;
  const { changed } = surroundings;
  const links = createLinks({ portals, router, connector, homeserver, clock, lanes: () => lanes, changed });
  const keysOf: Intake["keysOf"] = (room, event) => intake.keysOf(room, event);
  const retries = createRetries({ homeserver, journal, kv, lanes: () => lanes, settings, keysOf });
  const moves = createMoves({ homeserver, router, links, lanes, kv, clock, log, prefix });
  const configLinks = createConfigLinks({ wanted: settings.links, homeserver, connector, links, router, clock, log });
  const commandContext = (issuer: CommandIssuer): CommandContext => ({
    issuer,
    prefix,
    homeserver,
    connector,
    router,
    links,
    lanes,
    journal,
    persons,
    kv,
    log,
    spaceOf: surroundings.spaceOf,
    status,
    nowMs: clock.now(),
  });
  const control = createControl({
    homeserver,
    router,
    links,
    kv,
    settings,
    clock,
    prefix,
    commandContext,
    joined: () => {
      configLinks.nudge();
      moves.nudge();
    },
    moves,
    retries,
    passOn: (event) => intake.passOn(event),
    secrets,
  });
  const intake = createIntake({
    homeserver,
    router,
    lanes,
    siblings,
    kv,
    clock,
    log,
    meter,
    commandPrefix: prefix,
    isDirect: control.isDirect,
    talk: brakes.talk,
    looping: stops.looping,
    asksRetry,
    persons,
    secrets,
    successorOf: moves.successorOf,
    encrypted: (room) => {
      for (const row of router.ofRoom(room)) {
        lanes.hold(row.id);
        router.put({ ...row, state: "paused" });
      }
    },
  });

  const openMedia = createOpener(homeserver, connector);
  const status = () => bridgeStatus(options, router);

  let stopHousekeeping = () => {};
  return {
    async start() {
      await control.load();
      await persons.load();
      await secrets.sweep();
      await links.load();
      await moves.load();
      await homeserver.start({
        take: intake.take,
        ephemeral: persons.ephemeral.fromMatrix,
        openMedia,
        puppetLost: persons.puppetLost,
        ...createRepairView(store, router, intake),
      });
      await connector.start({
        emit: intake.emit,
        openMedia,
        ask: persons.ask,
        kv: scoped(store.kv, `${connector.name}/`),
        clock,
        log,
        meter,
      });
      await lanes.resume();
      await persons.start();
      await tellInterruptedLogins({ kv, persons });
      await configLinks.start();
      surroundings.start();
      stopHousekeeping = startHousekeeping(store, settings, clock, log);
    },
    async stop(drainMs) {
      stopHousekeeping();
      configLinks.stop();
      moves.stop();
      surroundings.stop();
      const late = new AbortController();
      await Promise.race([Promise.all([homeserver.stop(drainMs), lanes.stop()]), clock.wait(drainMs, late.signal)]);
      late.abort();
      await connector.stop();
    },
    status,
    command: (line) => runCommand(line, commandContext({ levelIn: () => "admin" })),
  };
}
