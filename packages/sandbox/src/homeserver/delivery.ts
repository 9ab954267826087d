/**
 * From the timeline to the queues of the appservices: which event concerns which of them, and what it looks like there. On
 * Synapse everything passes one handler that stops at a user query and, after a restart, sleeps until the next event.
 */
import type { AppserviceClient } from "./appservice-client.ts";
import type { Appservice, Appservices } from "./appservices.ts";
import type { SandboxClock } from "./clock.ts";
import type { Database } from "./database.ts";
import { clientEvent, type JsonObject, type StoredEvent } from "./event.ts";
import type { Profile, PushStyle } from "./profile.ts";
import type { PushQueue } from "./push.ts";
import { createDendritePush } from "./push-dendrite.ts";
import { createNextEventPush } from "./push-next-event.ts";
import { createSynapsePush } from "./push-synapse.ts";
import type { Room } from "./room.ts";

export interface Delivery {
  eventStored(event: StoredEvent, room: Room): void;
  /** Typing or a receipt in a room. */
  ephemeral(room: Room, edu: JsonObject): void;
  pinged(service: Appservice): void;
  halt(clean: boolean): void;
  boot(): void;
  /** For tests and the web page: what was pushed and how it was answered. */
  readonly pushed: { transactions: number; events: number; refused: number };
}

export function createDelivery(options: {
  readonly profile: Profile;
  readonly clock: SandboxClock;
  readonly database: Database;
  readonly appservices: Appservices;
  readonly client: AppserviceClient;
  readonly serverName: string;
}): Delivery {
  const { profile, clock, database, appservices, client } = options;
  const queues = new Map<string, PushQueue>();
  const pushed = { transactions: 0, events: 0, refused: 0 };
  const asksAboutInvited = profile.userQueries === "invite";
  let txnCounter = 0;
  let handling = false;
  let life = 0;

  const queueOf = (service: Appservice): PushQueue => {
    const known = queues.get(service.id);
    if (known) return known;
    const transmit = async (txnId: string, body: JsonObject): Promise<boolean> => {
      const path = `/_matrix/app/v1/transactions/${encodeURIComponent(txnId)}`;
      const answer = await client.call(service, "PUT", path, JSON.stringify(body));
      const delivered = answer.kind === "answer" && counts(profile, answer.status, answer.body);
      pushed.transactions++;
      if (delivered) pushed.events += (body["events"] as readonly unknown[]).length;
      else pushed.refused++;
      return delivered;
    };
    const parts = { state: database.pushState(service.id), clock, transmit, print: printer(profile, clock) };
    const queue = createPush(profile.push, {
      ...parts,
      ephemeralKeys: ephemeralKeys(profile, service),
      nextTxnId: () => String(++txnCounter),
    });
    queues.set(service.id, queue);
    return queue;
  };

  const interested = (event: StoredEvent, room: Room): Appservice[] => {
    const found: Appservice[] = [];
    if (hidden(profile, event, options.serverName)) return found;
    for (const service of appservices.all.values()) if (concerns(service, event, room)) found.push(service);
    return found.filter(({ registration }) => registration.url !== null);
  };

  const hand = (event: StoredEvent, services: readonly Appservice[]): void => {
    if (services.length > 0) for (const queue of queues.values()) queue.wake();
    for (const service of services) queueOf(service).offer(event);
  };

  const handleWaiting = async (): Promise<void> => {
    if (handling) return;
    handling = true;
    const born = life;
    for (let event = database.unhandled[0]; event; event = database.unhandled[0]) {
      const room = database.rooms.get(event.room_id);
      const services = room ? interested(event, room) : [];
      for (const user of unknownUsers(event, database)) {
        for (const service of appservices.ownersOf(user)) {
          await client.call(service, "GET", `/_matrix/app/v1/users/${encodeURIComponent(user)}`);
          if (born !== life) return;
        }
      }
      database.unhandled.shift();
      hand(event, services);
    }
    handling = false;
  };

  return {
    pushed,
    eventStored: (event, room) => {
      if (appservices.all.size === 0) return;
      if (!asksAboutInvited) return hand(event, interested(event, room));
      if (!handling && database.unhandled.length === 0 && unknownUsers(event, database).length === 0)
        return hand(event, interested(event, room));
      database.unhandled.push(event);
      void handleWaiting();
    },
    ephemeral: (room, edu) => {
      if (profile.ephemeral === "never") return;
      for (const service of appservices.all.values())
        if ((room.interest.get(service.id) ?? 0) > 0 && service.registration.url !== null)
          queueOf(service).offerEphemeral(edu);
    },
    pinged: (service) => queueOf(service).pinged(),
    halt: (clean) => {
      life++;
      handling = false;
      for (const queue of queues.values()) queue.halt(clean);
      client.cut();
    },
    boot: () => {
      for (const service of appservices.all.values()) queueOf(service).boot();
    },
  };
}

type PushParts = Parameters<typeof createSynapsePush>[0];

function createPush(style: PushStyle, parts: PushParts): PushQueue {
  switch (style.kind) {
    case "synapse":
      return createSynapsePush(parts);
    case "dendrite":
      return createDendritePush(parts);
    case "next event":
      return createNextEventPush({ ...parts, style });
  }
}

/** What each server takes for delivered. */
function counts({ delivered }: Profile, status: number, body: string): boolean {
  if (delivered === "below 400") return status < 400;
  if (delivered === "200") return status === 200;
  if (status < 200 || status > 299) return false;
  if (delivered === "2xx") return true;
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

function printer(profile: Profile, clock: SandboxClock): (event: StoredEvent) => JsonObject {
  switch (profile.pushedForm) {
    case "with age":
      return (event) => {
        const printed = clientEvent(event, clock.now());
        const unsigned = printed["unsigned"] as JsonObject;
        return { ...printed, age: unsigned["age"], user_id: event.sender };
      };
    case "with every transaction id":
      return (event) => {
        const printed = clientEvent(event, clock.now(), undefined, true);
        const { age: _age, invite_room_state: _state, ...unsigned } = printed["unsigned"] as JsonObject;
        return { ...printed, unsigned };
      };
    case "without unsigned":
      return (event) => {
        const { unsigned, ...printed } = clientEvent(event, clock.now());
        const { invite_room_state: state } = unsigned as JsonObject;
        return state === undefined ? printed : { ...printed, unsigned: { invite_room_state: state } };
      };
  }
}

/** What this server never pushes, whoever it concerns. */
function hidden(profile: Profile, event: StoredEvent, serverName: string): boolean {
  if (event.redacts !== undefined && !profile.redactionsPushed) return true;
  const invite = event.type === "m.room.member" && event.content["membership"] === "invite";
  return invite && !profile.federatedInvitesPushed && !event.sender.endsWith(`:${serverName}`);
}

function concerns(service: Appservice, event: StoredEvent, room: Room): boolean {
  if ((room.interest.get(service.id) ?? 0) > 0 || service.ownsUser(event.sender) || service.ownsRoom(room.id))
    return true;
  return event.type === "m.room.member" && event.state_key !== undefined && service.ownsUser(event.state_key);
}

function unknownUsers(event: StoredEvent, database: Database): string[] {
  const users = event.type === "m.room.member" ? [event.sender, event.state_key ?? ""] : [event.sender];
  return users.filter((user) => !database.users.has(user));
}

function ephemeralKeys(profile: Profile, service: Appservice): string[] {
  const { receive_ephemeral: stable, "de.sorunome.msc2409.push_ephemeral": legacy } = service.registration;
  if (profile.ephemeral === "never") return [];
  const both = profile.ephemeral === "by flag" && legacy;
  return [...(stable ? ["ephemeral"] : []), ...(both ? ["de.sorunome.msc2409.ephemeral"] : [])];
}
