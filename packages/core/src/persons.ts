/**
 * Everything about persons in one place for the bridge to wire: who is carried, who they are on the other side, what they are told
 * and may ask. The parts are in files of their own.
 */
import { type Accounts, createAccounts } from "./accounts.ts";
import type { Clock, Log, Meter } from "./ambient.ts";
import { type Ask, createAsk, tellOfTie } from "./ask.ts";
import type { MatrixAuthor, RemoteAuthor } from "./author.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Connector, RemoteEvent } from "./connector.ts";
import { createEphemeral, type Ephemeral } from "./ephemeral.ts";
import type { Homeserver, MatrixEvent, Persona } from "./homeserver.ts";
import { controlPortal, type EventId, jobKey, type NetworkId, type RoomId, type UserId } from "./ids.ts";
import type { Lanes } from "./lanes.ts";
import type { MessageMap } from "./message-map.ts";
import { createNameBook, ownWho, whoThere } from "./name-book.ts";
import { localpartOf, nameOver } from "./names.ts";
import { createPeople, type People } from "./people.ts";
import { atLeast, levelOf } from "./permit.ts";
import { createPersonData, type PersonDataDesk } from "./person-data.ts";
import type { Router } from "./router.ts";
import type { Siblings } from "./siblings.ts";
import type { MessageRow, PortalRow, Store } from "./store.ts";

export interface PersonsOptions {
  readonly store: Store;
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly router: Router;
  readonly messages: MessageMap;
  readonly siblings: Siblings;
  readonly settings: Pick<BridgeSettings, "permissions">;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly prefix: string;
  readonly lanes: () => Lanes;
}

export interface Persons {
  readonly accounts: Accounts;
  readonly people: People;
  readonly data: PersonDataDesk;
  readonly ephemeral: Ephemeral;
  readonly ask: Ask;
  load(): Promise<void>;
  /** Says what a former process could not. */
  start(): Promise<void>;
  /** Whether an event may become a job: not of who said not to be bridged, but for changes of what had crossed before. */
  admits(event: MatrixEvent): Promise<boolean>;
  admitsRemote(event: RemoteEvent): Promise<boolean>;
  /** Who said an event, for a network: under a name that nobody could take for somebody else's. */
  authorOf(
    event: Pick<MatrixEvent, "room_id" | "sender" | "content">,
    network: NetworkId,
    persona?: Persona,
  ): Promise<MatrixAuthor>;
  /** Who said it over there, for a room: with the Matrix person who he is. */
  remoteAuthor(room: RoomId, sender: RemoteAuthor): RemoteAuthor;
  /** Whether a message of the network was said by the account of this Matrix person. */
  isOwn(row: MessageRow, portal: PortalRow, user: UserId): boolean;
  /** Since when this person may be shown what was said, whatever room it was said in. */
  quotesFromMs(user: UserId): number;
  /** In his direct chat with the bot, once for each `key`; durable once resolved. */
  tell(user: UserId, text: string, key: string): Promise<void>;
  puppetLost(user: UserId, why: string): void;
  /** He logged in again, or out: a later loss is news. */
  puppetSettled(user: UserId): Promise<void>;
}

const lostKey = (user: UserId) => `puppet-lost/${user}`;
const noContent = {};

export function createPersons(options: PersonsOptions): Persons {
  const { store, homeserver, router, messages, siblings, clock, log, prefix, lanes } = options;
  const accounts = createAccounts({ store: store.accounts, kv: store.kv, clock });
  const people = createPeople(store.kv, accounts);
  const book = createNameBook({ homeserver, messages: store.messages, router, clock, log });
  const data = createPersonData({ store, messages, router, homeserver, accounts, people, book, clock });

  const tell: Persons["tell"] = async (user, text, key) => {
    const body = JSON.stringify({ tell: { user, text } });
    const job = { portal: controlPortal, lane: "control" as const, author: user, createdAtMs: clock.now(), body };
    await lanes().append([{ ...job, key: jobKey(`tell/${key}`) }]);
  };

  const authorOf: Persons["authorOf"] = async (event, network, persona) => {
    const { room_id: room, sender: userId } = event;
    const sibling = siblings.nameOf(event as MatrixEvent);
    const member = await homeserver.nameOf(room, userId);
    const bot = await homeserver.nameOf(room, homeserver.userId).catch(() => "");
    await book.ready(room);
    const chosen = people.of(userId).name;
    const own = ownWho(userId, accounts.ofUser(userId)).add(chosenWho(userId));
    // A sibling's ghost has the name that his own bridge gave him, and no account of ours.
    if (sibling === undefined) book.seen(room, userId, member);
    if (chosen !== undefined) book.seen(room, chosenWho(userId), chosen);
    const bearer = {
      userId,
      name: sibling ?? chosen ?? member,
      ...(persona?.name === undefined ? {} : { persona: persona.name }),
    };
    const bots = [localpartOf(homeserver.userId), ...(bot === "" ? [] : [bot])];
    const name = nameOver(bearer, bots, (look) => book.isTaken(room, look, own));
    const account = sibling === undefined ? accounts.accountOf(userId, network) : undefined;
    return {
      userId,
      name,
      ...(persona?.avatar === undefined ? {} : { avatar: persona.avatar }),
      // Who speaks as somebody else for a moment does not speak through his account.
      ...(account === undefined || persona !== undefined ? {} : { account }),
    };
  };

  const remoteAuthor: Persons["remoteAuthor"] = (room, sender) => {
    book.seen(room, whoThere(sender.network, sender.id), sender.name);
    const puppet = accounts.ownerOf(sender.network, sender.id);
    return puppet === undefined || sender.service === true ? sender : { ...sender, puppet };
  };

  const ephemeral = createEphemeral({
    ...options,
    authorOf: async (room, user, { network }) => {
      const isOther = user === homeserver.userId || homeserver.authorOf(user) !== undefined;
      const level = levelOf(options.settings.permissions, { user, room, network });
      if (isOther || people.of(user).out === true || !atLeast(level, "relay")) return undefined;
      return authorOf({ room_id: room, sender: user, content: noContent }, network);
    },
    knownIn: async ({ room, network }, sender) => {
      await book.ready(room);
      const puppet = accounts.ownerOf(network, sender.id);
      const isThere = puppet !== undefined || book.has(room, whoThere(network, sender.id));
      if (!isThere || people.isRemoteOut(sender)) return undefined;
      return puppet === undefined ? sender : { ...sender, puppet };
    },
  });

  return {
    accounts,
    people,
    data,
    ephemeral,
    ask: createAsk({ accounts, people, data, tell, prefix, log }),
    async load() {
      await accounts.load();
      await people.load();
    },
    async start() {
      for (const tie of accounts.unfinished()) await tellOfTie({ tell, prefix, accounts }, tie);
    },
    ...createAdmission(options, people, (room, user, name) => book.seen(room, user, name)),
    authorOf,
    remoteAuthor,
    isOwn: (row, portal, user) =>
      row.lane === "inward" && accounts.ownerOf(portal.network, row.author as RemoteAuthor["id"]) === user,
    quotesFromMs: (user) => people.of(user).erasedAtMs ?? 0,
    tell,
    ...createLosses({ ...options, tell }),
  };
}

/** Logins that were lost: one notice for one loss, however often it is found out, also by the next process. */
function createLosses({
  store,
  log,
  tell,
}: Pick<PersonsOptions, "store" | "log"> & Pick<Persons, "tell">): Pick<Persons, "puppetLost" | "puppetSettled"> {
  let losses: Promise<void> = Promise.resolve();
  const tellLost = async (user: UserId, why: string): Promise<void> => {
    const known = await store.kv.get(lostKey(user));
    const loss = known ?? crypto.randomUUID();
    if (known === undefined) await store.kv.put(lostKey(user), loss);
    const text = `I can no longer act as you (${why}): what you say on the other side appears under a name of the bridge. Say \`login-matrix\` to log in again, \`ping-matrix\` to see what is wrong.`;
    await tell(user, text, `puppet-lost/${loss}`);
  };
  return {
    puppetLost: (user, why) => {
      // One after the other: the second finds that the first was told.
      losses = losses
        .then(() => tellLost(user, why))
        .catch((err) => log.error({ user, err }, "could not say that a login was lost"));
    },
    puppetSettled: (user) => store.kv.remove(lostKey(user)),
  };
}

/** How a chosen name stands in the book, beside the one of the room. */
const chosenWho = (user: UserId): string => `${user}\u001fchosen`;

/** What of a person who is not to be bridged is still taken: his changes of what had crossed before. Nobody is told. */
function createAdmission(
  { router, messages, meter }: PersonsOptions,
  people: People,
  seen: (room: RoomId, user: UserId, name: string) => void,
): Pick<Persons, "admits" | "admitsRemote"> {
  const drop = (direction: string): false => {
    meter.count("trestle_events_opted_out_total", { direction });
    return false;
  };
  const hasCrossed = async (room: RoomId, target: EventId): Promise<boolean> => {
    for (const { id } of router.ofRoom(room)) if ((await messages.findByEvent(id, target)).length > 0) return true;
    return false;
  };

  return {
    async admits(event) {
      if (event.type === "m.room.member") noteMember(event, seen, router);
      if (people.of(event.sender).out !== true || !spokenTypes.has(event.type)) return true;
      const target = editTarget(event);
      if (target !== undefined && (await hasCrossed(event.room_id, target))) return true;
      return drop("outward");
    },
    async admitsRemote(event) {
      if (event.kind === "user-changed") {
        if (event.was !== undefined) await people.renamed(event.user, event.was);
        return people.isRemoteOut(event.user) ? drop("inward") : true;
      }
      if (event.kind !== "action" || !people.isRemoteOut(event.sender)) return true;
      const { action } = event;
      if (action.kind === "delete" || action.kind === "unreact") return true;
      if (action.kind === "membership" && action.change === "leave") return true;
      if (action.kind !== "edit") return drop("inward");
      for (const { id } of router.ofChat(event.chat)) {
        for (const target of action.targets) if ((await messages.findByRemote(id, target)).length > 0) return true;
      }
      return drop("inward");
    },
  };
}

/** What people say; redactions are not among them, and state is a room's, not a person's. */
const spokenTypes = new Set(["m.room.message", "m.room.encrypted", "m.reaction", "m.sticker", "m.room.topic"]);

function noteMember(
  { room_id: room, state_key: user, content }: MatrixEvent,
  seen: (room: RoomId, user: UserId, name: string) => void,
  router: Router,
): void {
  const name = content["displayname"];
  if (user === undefined || content["membership"] !== "join" || router.ofRoom(room).length === 0) return;
  if (typeof name === "string" && name !== "") seen(room, user as UserId, name);
}

function editTarget(event: MatrixEvent): EventId | undefined {
  const relation = event.content["m.relates_to"];
  if (event.type !== "m.room.message" || typeof relation !== "object" || relation === null) return undefined;
  if (!("rel_type" in relation) || relation.rel_type !== "m.replace" || !("event_id" in relation)) return undefined;
  return typeof relation.event_id === "string" ? (relation.event_id as EventId) : undefined;
}
