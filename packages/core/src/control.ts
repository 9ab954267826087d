/**
 * What is said to the bot rather than to the other side: invites, commands, direct chats, rooms that change under a link.
 * One lane for all of it, so that answers keep the order of the questions.
 */
import type { Clock } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { CommandContext, CommandIssuer } from "./commands/command.ts";
import { runCommand } from "./commands/index.ts";
import { createDirectChats } from "./direct-chats.ts";
import type { Homeserver, Interpreted, MatrixEvent } from "./homeserver.ts";
import type { RoomId } from "./ids.ts";
import type { ControlBody } from "./intake.ts";
import { encryptedReason, type Links } from "./links.ts";
import type { Moves } from "./moves.ts";
import { atLeast, levelOf } from "./permit.ts";
import type { Retries } from "./retries.ts";
import type { Router } from "./router.ts";
import { isSealed, type SecretTalk, takeBack } from "./secret-talk.ts";
import type { Job, KeyValueStore, Outcome } from "./store.ts";

export interface ControlOptions {
  readonly homeserver: Homeserver;
  readonly router: Router;
  readonly links: Links;
  readonly kv: KeyValueStore;
  readonly settings: BridgeSettings;
  readonly clock: Clock;
  readonly prefix: string;
  readonly commandContext: (issuer: CommandIssuer) => CommandContext;
  /** The bot came into a room: links of the config may have waited for it. */
  readonly joined: (room: RoomId) => void;
  readonly moves: Moves;
  readonly retries: Retries;
  readonly passOn: (event: MatrixEvent) => Promise<void>;
  readonly secrets: SecretTalk;
}

export interface Control {
  deliver(job: Job): Promise<Outcome>;
  isDirect(room: RoomId): boolean;
  load(): Promise<void>;
}

export function createControl(options: ControlOptions): Control {
  const { homeserver, kv, clock } = options;
  const direct = createDirectChats(kv, homeserver);

  const handle = async (event: MatrixEvent, key: string): Promise<void> => {
    const meaning = homeserver.interpret(event);
    if (event.type === "m.room.message") return command(options, event, key, direct.has(event.room_id));
    switch (meaning?.kind) {
      case "action":
        return reaction(options, event, key);
      case "membership":
        return membership(event, meaning, key);
      case "encryption":
        return encrypted(options, event.room_id, key);
      case "encrypted-message":
        return encryptedDirect(event, key);
      case "tombstone":
        return options.moves.begin(event);
      default:
        return undefined;
    }
  };

  const membership = async (
    event: MatrixEvent,
    meaning: Extract<Interpreted, { kind: "membership" }>,
    key: string,
  ): Promise<void> => {
    const room = event.room_id;
    if (meaning.membership === "invite") {
      const level = levelOf(options.settings.permissions, { user: event.sender, room });
      // Strangers cannot make the bot sit in their rooms; a linked room's own people may bring it back.
      const wanted = atLeast(level, "user") || options.router.ofRoom(room).length > 0;
      if (!wanted) return homeserver.leaveRoom(room, homeserver.userId);
      await homeserver.joinRoom(room);
      options.joined(room);
      if (meaning.direct) {
        await direct.add(room, event.sender);
      }
      await homeserver.notify(room, greeting(options, meaning.direct), key);
      return;
    }
    if (meaning.membership === "leave" || meaning.membership === "ban") {
      await direct.remove(room);
      for (const row of options.router.ofRoom(room)) {
        await options.links.pause(row, `the bridge was removed from the room by ${event.sender}`);
      }
    }
  };

  const encryptedDirect = async (event: MatrixEvent, key: string): Promise<void> => {
    const offered = await kv.get(`unencrypted/${event.room_id}`);
    if (offered !== undefined) return;
    const room = await homeserver.createDirectRoom(event.sender);
    await kv.put(`unencrypted/${event.room_id}`, room);
    await direct.add(room, event.sender);
    await homeserver.notify(
      event.room_id,
      "This chat is encrypted and I cannot read it. I have invited you to one that is not; please write to me there.",
      key,
    );
  };

  return {
    async deliver(job) {
      const body = JSON.parse(job.body) as ControlBody;
      if ("tell" in body) await homeserver.notify(await direct.of(body.tell.user), body.tell.text, job.key);
      else if ("remote" in body) await homeserver.renameGhost(body.remote.user, body.remote.was);
      else await handle(body.event, job.key);
      return { state: "done", atMs: clock.now() };
    },
    isDirect: direct.has,
    load: direct.load,
  };
}

async function command(options: ControlOptions, event: MatrixEvent, key: string, direct: boolean): Promise<void> {
  const { prefix, settings, homeserver } = options;
  const body = String(event.content["body"] ?? "");
  const line = body.startsWith(prefix) ? body.slice(prefix.length) : direct ? body : "";
  const levelIn: CommandIssuer["levelIn"] = (network) =>
    levelOf(settings.permissions, {
      user: event.sender,
      room: event.room_id,
      ...(network === undefined ? {} : { network }),
    });
  // A token is taken out of sight before anything else, whoever said it and wherever.
  const secret = await options.secrets.open(event);
  const issuer: CommandIssuer = {
    user: event.sender,
    room: event.room_id,
    event: event.event_id,
    direct,
    levelIn,
    ...(isSealed(event) ? { sealed: true } : {}),
    ...(secret === undefined ? {} : { secret }),
  };
  const left = isSealed(event) ? await takeBack(homeserver, event, `${key}/back`) : undefined;
  const isBlocked = levelIn(undefined) === "block";
  // What was obeyed once is not obeyed anew because somebody mends a word of it.
  const isEdit = event.content["m.new_content"] !== undefined;
  const refusal = isEdit ? "An edited command is not obeyed: say it again." : undefined;
  const answer = isBlocked ? undefined : (refusal ?? (await runCommand(line, options.commandContext(issuer))));
  if (answer !== undefined) {
    const text = left === undefined ? answer : `${answer}\n${await left()}`;
    await homeserver.notify(event.room_id, text, key, { user: event.sender, event: event.event_id });
  }
  await options.secrets.forget(event);
}

/** Encryption came to a linked room: both directions are closed already (intake.ts), here it is stored and said. */
async function encrypted(
  { router, links, homeserver, prefix }: ControlOptions,
  room: RoomId,
  key: string,
): Promise<void> {
  const rows = router.ofRoom(room);
  for (const row of rows) await links.pause(row, encryptedReason);
  if (rows.length === 0) return;
  const text = `This room is now encrypted, and the bridge cannot read encrypted rooms: the link is paused and nothing crosses any more. Encryption cannot be switched off; \`${prefix} unlink\` here, and link a new room without it.`;
  await homeserver.notify(room, text, key);
}

/** A reaction that may ask for a failed message again. */
async function reaction({ retries, homeserver, passOn }: ControlOptions, event: MatrixEvent, key: string) {
  const outcome = await retries.asked(event);
  if (outcome === "ordinary") return passOn(event);
  const text =
    outcome === "retried"
      ? "It is on its way again, marked as delayed."
      : "Only who said it, or a moderator of this bridge, can ask for it again.";
  await homeserver.notify(event.room_id, text, key, { user: event.sender });
}

function greeting({ prefix }: ControlOptions, direct: boolean): string {
  return direct
    ? "Hello! Say `help` to see what I can do here."
    : `Hello! An admin of this bridge can link this room: \`${prefix} link <network> <channel>\`. \`${prefix} help\` lists the commands.`;
}
