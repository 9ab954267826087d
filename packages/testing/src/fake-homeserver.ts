/**
 * The homeserver port in process, on a FakeMatrix: ghosts, joins, idempotent sends, transactions that come again until they
 * are acknowledged, and gap repair for what a test made the server lose. People's deeds are its controls.
 */
import {
  BridgeError,
  type Capabilities,
  type EphemeralEvent,
  type Homeserver,
  type HomeserverHost,
  type MatrixEvent,
  matrixNetwork,
  type Part,
  type PartKey,
  type RemoteAuthor,
  type RoomId,
  type UserId,
  userId,
} from "@trestle/core";
import { controlMark, interpretEvent, planEvents } from "./fake-events.ts";
import { authorOfGhost, createGhosts, type FakeGhosts, ghostId } from "./fake-ghosts.ts";
import { createFakeMatrix, type FakeMatrix, type FakeRoom, stateOf } from "./fake-matrix.ts";
import { createMatrixPeople, type MatrixPeople } from "./fake-matrix-people.ts";
import { createFakeMedia, type FakeHomeserverMedia } from "./fake-media.ts";
import { createFakePuppets, type FakePuppets, isMarked, puppetMark } from "./fake-puppets.ts";
import { createFakeRooms } from "./fake-rooms.ts";
import { createTransactions, type Transactions } from "./fake-transactions.ts";
import { createFaults, type Faults, type FaultyPath } from "./faults.ts";

export interface FakeHomeserverOptions {
  /** The server to be on; a fresh one by default. */
  readonly matrix?: FakeMatrix;
  /** `@fakebot:test` by default. */
  readonly bot?: string;
  /** Most UTF-16 units of one event's body. */
  readonly bodyMax?: number;
  readonly capabilities?: Partial<Capabilities>;
  /** Whether there are public addresses (default), `https://media.test/...`. */
  readonly publishes?: boolean;
  /** Largest upload; none by default. */
  readonly uploadBytesMax?: number;
}

export interface FakeHomeserverControls extends MatrixPeople, Faults {
  readonly matrix: FakeMatrix;
  /** Delivered, and rejected all the same with `homeserver-unreachable`. */
  outcomeUnknown(at?: string, times?: number): void;
  /** Hands over again what was not acknowledged, as a server does in its own time. */
  redeliver(): Promise<void>;
  /** The next `count` events are never pushed: only gap repair finds them. */
  loseNext(count: number): void;
  /** The server was away and is back: gap repair runs. */
  comeBack(): Promise<void>;
  setAway(detail: string): void;
  readonly puppets: FakePuppets;
  /** Somebody types or reads, as the server would tell. */
  tellEphemeral(event: EphemeralEvent): void;
  /** The bridge can no longer act for this person. */
  losePuppet(user: string, why: string): void;
  /** Like kill -9: nothing is pushed or sent any more, no promise settles. */
  crash(): void;
}

export type FakeHomeserver = Homeserver & FakeHomeserverControls;

const capabilitiesOfMatrix: Capabilities = {
  actions: new Set([
    "message",
    "edit",
    "delete",
    "react",
    "unreact",
    "typing",
    "read",
    "membership",
    "moderate",
  ] as const),
  replies: true,
  threads: true,
  text: { max: 20_000, unit: "utf16", partsMax: 10 },
  attachments: "upload",
  impersonation: "connection",
  ageLimitMs: 24 * 3600 * 1000,
};

/** A handle on a fake homeserver, and the people in its rooms. */
export function createFakeHomeserver(options: FakeHomeserverOptions = {}): FakeHomeserver {
  const matrix = options.matrix ?? createFakeMatrix();
  const bot = userId(options.bot ?? `@fakebot:${matrix.serverName}`);
  const capabilities: Capabilities = { ...capabilitiesOfMatrix, ...options.capabilities };
  const limit = { ...capabilities.text, max: options.bodyMax ?? capabilities.text.max };
  const faults = createFaults();
  const ghosts = createGhosts(matrix, bot);
  const isOwn = (event: MatrixEvent) => event.sender === bot || ghosts.isOurs(event.sender) || isMarked(event);
  const transactions = createTransactions(matrix, isOwn);
  const media = createFakeMedia({
    files: matrix.files,
    publishes: options.publishes ?? true,
    uploadBytesMax: options.uploadBytesMax ?? Number.POSITIVE_INFINITY,
  });
  let told: HomeserverHost | undefined;
  const puppets = createFakePuppets(matrix, (user, why) => told?.puppetLost(user, why));
  const state = { current: "starting" as "starting" | "up" | "away", detail: undefined as string | undefined };

  return {
    ...faults,
    ...createMatrixPeople(matrix, bot, transactions.push),
    ...createRoomVerbs(matrix, bot, faults),
    ...createSends(matrix, bot, { ghosts, media, puppets }, faults),
    openMedia: media.openMedia,
    publish: media.publish,
    ...createFakeRooms({ matrix, bot, ghosts }, faults),
    ...createControls(transactions, faults, state),
    puppets,
    tellEphemeral: (event) => told?.ephemeral(event),
    losePuppet: (user, why) => {
      puppets.logout(userId(user)).catch(() => undefined);
      told?.puppetLost(userId(user), why);
    },
    matrix,
    catchUp: () => transactions.repair(),
    userId: bot,
    serverName: matrix.serverName,
    capabilities,
    start: async (host: HomeserverHost) => {
      matrix.registered.add(bot);
      faults.open();
      state.current = "up";
      transactions.open(host);
      told = host;
      media.open(host);
      transactions
        .redeliver()
        .then(transactions.repair)
        .catch(() => undefined);
    },
    stop: async () => {
      transactions.close();
      state.current = "away";
      faults.shut(new BridgeError("homeserver-unreachable", "stopped"));
    },
    interpret: interpretEvent,
    plan: (_room, action, author, lookup) => planEvents(action, author, lookup, limit),
    ghostOf: (author) => ghostId(matrix.serverName, author),
    authorOf: (user) => authorOfGhost(matrix.serverName, user),
    renameGhost: async (author, was) => ghosts.rename(author, was),
    leaveGhost: async (author, room) => {
      const found = matrix.room(room);
      if (found) ghosts.leave(found, ghostId(matrix.serverName, author));
    },
    status: () => ({
      state: state.current,
      ...(state.detail === undefined ? {} : { detail: state.detail }),
      canaryOverdue: false,
      ...(transactions.lastAtMs() === undefined ? {} : { lastTransactionAtMs: transactions.lastAtMs() as number }),
    }),
  };
}

function createControls(
  transactions: Transactions,
  faults: FaultyPath,
  state: { current: "starting" | "up" | "away"; detail: string | undefined },
): Omit<
  FakeHomeserverControls,
  keyof MatrixPeople | keyof Faults | "matrix" | "puppets" | "tellEphemeral" | "losePuppet"
> {
  return {
    outcomeUnknown: (at, times = 1) =>
      faults.loseAnswer(new BridgeError("homeserver-unreachable", "the answer was lost"), {
        ...(at === undefined ? {} : { at }),
        times,
      }),
    redeliver: transactions.redeliver,
    loseNext: transactions.loseNext,
    comeBack: async () => {
      faults.open();
      state.current = "up";
      state.detail = undefined;
      await transactions.redeliver();
      await transactions.repair();
    },
    setAway: (detail) => {
      state.current = "away";
      state.detail = detail;
      faults.shut(new BridgeError("homeserver-unreachable", detail));
    },
    crash: () => {
      faults.die();
      transactions.die();
    },
  };
}

function roomOrRefuse(matrix: FakeMatrix, room: RoomId): FakeRoom {
  const found = matrix.room(room);
  if (!found) throw new BridgeError("homeserver-refused", `no such room: ${room}`);
  return found;
}

/** Sends under a key: the same key is the same event. */
function createSends(
  matrix: FakeMatrix,
  bot: UserId,
  {
    ghosts,
    media,
    puppets,
  }: { readonly ghosts: FakeGhosts; readonly media: FakeHomeserverMedia; readonly puppets: FakePuppets },
  faults: FaultyPath,
): Pick<Homeserver, "sendPart" | "notify" | "redact"> {
  const senderOf = (room: FakeRoom, author: RemoteAuthor): UserId => {
    if (author.service === true) return ghosts.requireBot(room);
    const { puppet } = author;
    const isHimself = puppet !== undefined && puppets.use(puppet) && enter(room, puppet, author);
    return isHimself ? puppet : ghosts.ensureIn(room, author);
  };
  /** Nobody is drawn into a room because it shares its chat with one that he is in. */
  const enter = (room: FakeRoom, user: UserId, author: RemoteAuthor): boolean => {
    const membership = matrix.membership(room, user);
    if (membership === "join") return true;
    const mayNot = membership === "ban" || (room.inviteOnly && membership !== "invite");
    if (mayNot || author.network === matrixNetwork) return false;
    matrix.write(room, user, {
      type: "m.room.member",
      stateKey: user,
      content: { membership: "join", ...puppetMark },
    });
    return true;
  };
  const once = (key: string, send: () => MatrixEvent["event_id"]) => {
    const before = matrix.transactions.get(key);
    if (before !== undefined) {
      matrix.duplicates.push(key);
      return before;
    }
    const id = send();
    matrix.transactions.set(key, id);
    return id;
  };
  return {
    sendPart: async (room, planned, author, key) => {
      const carried = media.carry(planned);
      const part = carried instanceof Promise ? await carried : carried;
      return faults.around(room, () =>
        once(`part/${room}/${key}`, () => {
          const found = roomOrRefuse(matrix, room);
          const sender = senderOf(found, author);
          const marks = sender === author.puppet ? puppetMark : {};
          return writePart(matrix, found, sender, part, author, { key, bot, marks });
        }),
      );
    },
    redact: (room, event, key, reason) =>
      faults.around(room, () => {
        once(`redact/${room}/${key}`, () => {
          const found = roomOrRefuse(matrix, room);
          const { level, redact } = matrix.levels(found, ghosts.requireBot(found));
          if (level < redact) throw new BridgeError("not-permitted", "the bot may not redact here");
          const content = reason === undefined ? {} : { reason };
          return matrix.write(found, bot, { type: "m.room.redaction", content, redacts: event }).event_id;
        });
      }),
    notify: (room, text, key, toward) =>
      faults.around(room, () =>
        once(`notice/${room}/${key}`, () => {
          const found = roomOrRefuse(matrix, room);
          const relation =
            toward?.event === undefined ? {} : { "m.relates_to": { "m.in_reply_to": { event_id: toward.event } } };
          const mentions = toward?.user === undefined ? {} : { "m.mentions": { user_ids: [toward.user] } };
          const content = { msgtype: "m.notice", body: text, [controlMark]: true, ...relation, ...mentions };
          return matrix.write(found, ghosts.requireBot(found), { type: "m.room.message", content }).event_id;
        }),
      ),
  };
}

function writePart(
  matrix: FakeMatrix,
  room: FakeRoom,
  sender: UserId,
  part: Part,
  author: RemoteAuthor,
  { key, bot, marks }: { readonly key: PartKey; readonly bot: UserId; readonly marks: object },
): MatrixEvent["event_id"] {
  const redact = (redacts: MatrixEvent["event_id"], content: Readonly<Record<string, unknown>>) =>
    matrix.write(room, sender, { type: "m.room.redaction", content, redacts }).event_id;
  const member = (user: UserId, by: UserId, membership: string) =>
    matrix.write(room, by, {
      type: "m.room.member",
      stateKey: user,
      content: { membership, reason: part["reason"] ?? "" },
    }).event_id;

  switch (part["verb"]) {
    case "unreact": {
      const reaction = room.events.find((event) => isReaction(event, sender, part["target"], part["key"]));
      if (!reaction) throw new BridgeError("no-target", "no such reaction");
      return redact(reaction.event_id, { ...marks });
    }
    case "typing":
    case "read":
      matrix.ephemeral.push({ room: room.id, user: sender, what: String(part["verb"]) });
      return `$none-${key}` as MatrixEvent["event_id"];
    case "membership":
      return member(sender, sender, part["change"] === "leave" ? "leave" : "join");
    case "moderate": {
      const user = ghostId(matrix.serverName, { network: author.network, id: String(part["user"]) as never });
      return member(user, bot, part["what"] === "ban" ? "ban" : "leave");
    }
  }
  const content = part["content"] as Readonly<Record<string, unknown>>;
  if (part["type"] === "m.room.redaction")
    return redact(part["redacts"] as MatrixEvent["event_id"], { ...content, ...marks });
  const origin = { ...(content["dev.trestle.origin"] as object), key };
  return matrix.write(room, sender, {
    type: String(part["type"]),
    content: { ...content, ...marks, "dev.trestle.origin": origin },
  }).event_id;
}

function isReaction(event: MatrixEvent, sender: UserId, target: unknown, key: unknown): boolean {
  const relation = event.content["m.relates_to"] as Readonly<Record<string, unknown>> | undefined;
  return (
    event.type === "m.reaction" &&
    event.sender === sender &&
    relation?.["event_id"] === target &&
    relation?.["key"] === key
  );
}

function createRoomVerbs(
  matrix: FakeMatrix,
  bot: UserId,
  faults: FaultyPath,
): Pick<
  Homeserver,
  "describeRoom" | "newestEvent" | "nameOf" | "powerOf" | "joinRoom" | "leaveRoom" | "invite" | "createDirectRoom"
> {
  const isPerson = (user: UserId) => user !== bot && authorOfGhost(matrix.serverName, user) === undefined;
  return {
    describeRoom: (room) =>
      faults.around(room, () => {
        const found = roomOrRefuse(matrix, room);
        const name = stateOf(found, "m.room.name")?.content["name"];
        const topic = stateOf(found, "m.room.topic")?.content["topic"];
        const members = [...found.state.values()].filter((event) => event.type === "m.room.member");
        return {
          ...(typeof name === "string" ? { name } : {}),
          ...(typeof topic === "string" ? { topic } : {}),
          encrypted: stateOf(found, "m.room.encryption") !== undefined,
          version: found.version,
          people: members
            .filter((event) => event.content["membership"] === "join")
            .map((event) => userId(event.state_key ?? ""))
            .filter(isPerson),
          direct: found.direct,
        };
      }),
    newestEvent: (room) => faults.around(room, () => roomOrRefuse(matrix, room).events.at(-1)?.event_id),
    nameOf: async (room, user) => {
      const found = matrix.room(room);
      const name = found && stateOf(found, "m.room.member", user)?.content["displayname"];
      return typeof name === "string" && name !== "" ? name : user.slice(1).split(":")[0] || user;
    },
    powerOf: (room, user) => faults.around(room, () => matrix.levels(roomOrRefuse(matrix, room), user)),
    joinRoom: (roomOrAlias) =>
      faults.around(roomOrAlias, () => {
        const found = roomOrRefuse(matrix, matrix.aliases.get(roomOrAlias) ?? (roomOrAlias as RoomId));
        if (matrix.membership(found, bot) === "ban") throw new BridgeError("homeserver-refused", "the bot is banned");
        if (found.inviteOnly && !["join", "invite"].includes(matrix.membership(found, bot) ?? ""))
          throw new BridgeError("homeserver-refused", "the bot is not invited");
        if (matrix.membership(found, bot) !== "join") {
          matrix.write(found, bot, { type: "m.room.member", stateKey: bot, content: { membership: "join" } });
        }
        return found.id;
      }),
    invite: (room, user) =>
      faults.around(room, () => {
        const found = roomOrRefuse(matrix, room);
        if (["join", "invite"].includes(matrix.membership(found, user) ?? "")) return;
        matrix.write(found, bot, { type: "m.room.member", stateKey: user, content: { membership: "invite" } });
      }),
    leaveRoom: (room, who) =>
      faults.around(room, () => {
        const found = roomOrRefuse(matrix, room);
        if (matrix.membership(found, who) !== "join") return;
        matrix.write(found, who, { type: "m.room.member", stateKey: who, content: { membership: "leave" } });
      }),
    createDirectRoom: (user) =>
      faults.around(user, () => {
        for (const room of matrix.rooms.values()) {
          const both = [bot, user].every((one) => ["join", "invite"].includes(matrix.membership(room, one) ?? ""));
          if (room.direct && both) return room.id;
        }
        const room = matrix.createRoom({ creator: bot, direct: true });
        const content = { membership: "invite", is_direct: true };
        matrix.write(room, bot, { type: "m.room.member", stateKey: user, content });
        return room.id;
      }),
  };
}
