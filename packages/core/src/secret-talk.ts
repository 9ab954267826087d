/**
 * Secrets that people say to the bot: an access token behind `login-matrix`. It is sealed before the event becomes a job, so
 * that no journal row, log line or failure ever holds it, and it is gone once the command is answered.
 */
import type { Log } from "./ambient.ts";
import { matrixNetwork } from "./author.ts";
import { emptyLookup } from "./codec.ts";
import { asBridgeError } from "./errors.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import { controlPortal, jobKey, partKey, remoteUserId } from "./ids.ts";
import type { Store } from "./store.ts";

export interface SecretTalk {
  /** The event without the secret in it; as it came when it holds none. Doing it twice changes nothing. */
  seal(event: MatrixEvent): Promise<MatrixEvent>;
  /** What was said in it; undefined when nothing was, or when it could not be kept. */
  open(event: MatrixEvent): Promise<string | undefined>;
  forget(event: MatrixEvent): Promise<void>;
  /** Forgets what no waiting job will ask for any more. */
  sweep(): Promise<void>;
}

/** Marks an event whose secret was taken out. Only what we sealed ourselves can be opened, whoever writes the mark. */
const sealedMark = "dev.trestle.sealed";

/** As homeservers make them: Synapse, MAS, Conduit's kin and Dendrite's have no mark, so the command itself tells too. */
const looksLikeToken = /^(?:syt|mat|mct|mas|mxat)_\S{8,}$|^MDA[A-Za-z0-9_-]{20,}/u;
const secretMax = 4_096;

const prefixOfNames = "said/";
const nameOf = (event: MatrixEvent) => prefixOfNames + event.event_id;

/** Whether something was taken out of this event. */
export const isSealed = (event: MatrixEvent): boolean => event.content[sealedMark] === true;

/** The text meant by an event: of an edit, the new one. */
export function textMeant(event: MatrixEvent): string {
  const fresh = event.content["m.new_content"];
  const edited = typeof fresh === "object" && fresh !== null && "body" in fresh ? fresh.body : undefined;
  const body = typeof edited === "string" ? edited : event.content["body"];
  return typeof body === "string" ? body : "";
}

/** The words of a command that hold a secret, first the command's name; undefined when nothing in it is one. */
function secretWords(prefix: string, text: string): { readonly command: string; readonly secret: string } | undefined {
  const line = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  const [command = "", ...words] = line.trim().split(/\s+/u);
  const token = [command, ...words].find((word) => looksLikeToken.test(word));
  const [first] = words;
  const secret = token ?? (command.toLowerCase() === "login-matrix" ? first : undefined);
  return secret === undefined ? undefined : { command: token === command ? "login-matrix" : command, secret };
}

export function createSecretTalk(
  { secrets, journal }: Pick<Store, "secrets" | "journal">,
  prefix: string,
  log: Log,
): SecretTalk {
  const stateOf = async (event: string) => (await journal.find([jobKey(`m/${event}/${controlPortal}`)]))[0]?.state;
  return {
    async seal(event) {
      const found = event.type === "m.room.message" ? secretWords(prefix, textMeant(event)) : undefined;
      if (found === undefined) return event;
      // An event that comes again after its command was answered would leave its secret behind.
      const state = await stateOf(event.event_id);
      const isOver = state !== undefined && state !== "queued" && state !== "parked";
      // Without a key nothing can be sealed; it is then not kept at all, and the command says so.
      if (!isOver) {
        await secrets
          .put(nameOf(event), found.secret.slice(0, secretMax))
          .catch((err) => log.warn({ err }, "a token that was given to us cannot be kept"));
      }
      const content = { msgtype: "m.text", body: `${prefix} ${found.command}`, [sealedMark]: true };
      const { unsigned: _unsigned, ...rest } = event;
      return { ...rest, content };
    },
    open: (event) => (isSealed(event) ? secrets.get(nameOf(event)) : Promise.resolve(undefined)),
    async sweep() {
      for (const name of await secrets.list(prefixOfNames)) {
        const state = await stateOf(name.slice(prefixOfNames.length));
        if (state !== "queued" && state !== "parked") await secrets.remove(name);
      }
    },
    forget: (event) => (isSealed(event) ? secrets.remove(nameOf(event)) : Promise.resolve()),
  };
}

/**
 * Takes a message out of sight of everybody. Where the bot may not, its author himself may, as soon as we can act for him: asked
 * for after his login. The answer's last sentence.
 */
export async function takeBack(
  homeserver: Homeserver,
  event: MatrixEvent,
  key: string,
): Promise<() => Promise<string>> {
  const room = event.room_id;
  const asBot = await homeserver.redact(room, event.event_id, key, "it held a token").then(
    () => true,
    (thrown) => {
      if (asBridgeError(thrown).retry !== "never") throw thrown;
      return false;
    },
  );
  return async () => {
    if (asBot || (await takeBackHimself(homeserver, event, key))) return "I have taken your message back.";
    return "I may not take your message back here: please delete it yourself.";
  };
}

async function takeBackHimself(homeserver: Homeserver, event: MatrixEvent, key: string): Promise<boolean> {
  const { sender, room_id: room } = event;
  if (!homeserver.puppets.has(sender)) return false;
  const author = { network: matrixNetwork, id: remoteUserId(sender), name: sender, puppet: sender };
  try {
    for (const part of homeserver.plan(room, { kind: "delete", targets: [event.event_id] }, author, emptyLookup)) {
      await homeserver.sendPart(room, part, author, partKey(jobKey(key), 1));
    }
    return true;
  } catch (thrown) {
    if (asBridgeError(thrown).retry !== "never") throw thrown;
    return false;
  }
}
