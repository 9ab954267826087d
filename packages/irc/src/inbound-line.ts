/** A parsed line as inbound.ts judges it. Pure; nothing is decided here. */
import type { InboundLine } from "./inbound.ts";
import { type IrcMessage, lastParam, param, serverTimeMs } from "./message.ts";

const kinds: Readonly<Record<string, InboundLine["kind"]>> = {
  PRIVMSG: "privmsg",
  NOTICE: "notice",
  TAGMSG: "tagmsg",
  REDACT: "redact",
  TOPIC: "topic",
  NICK: "nick",
  ACCOUNT: "account",
  PART: "part",
};

/** Undefined for commands that never become events. `vouched`: the sender's account, as the server says at this moment. */
export function toInboundLine(
  message: IrcMessage,
  receivedAtMs: number,
  vouched: string | undefined,
): InboundLine | undefined {
  const kind = Object.hasOwn(kinds, message.command) ? kinds[message.command] : undefined;
  if (kind === undefined) return undefined;
  const account = kind === "account" ? param(message, 0) : vouched;
  const { msgid } = message.tags;
  const saidAtMs = serverTimeMs(message, receivedAtMs);
  const noTarget = kind === "nick" || kind === "account";
  return {
    kind,
    nick: message.nick === "" ? message.prefix : message.nick,
    ...(message.ident === "" ? {} : { ident: message.ident }),
    ...(message.hostname === "" || message.ident === "" ? {} : { host: message.hostname }),
    ...(account === undefined ? {} : { account }),
    target: noTarget ? "" : param(message, 0),
    text: textOf(kind, message),
    tags: message.tags,
    receivedAtMs,
    ...(msgid === undefined ? {} : { msgid }),
    ...(saidAtMs === undefined ? {} : { serverTimeMs: saidAtMs }),
    ...(kind === "redact" ? { redacts: param(message, 1) } : {}),
  };
}

function textOf(kind: InboundLine["kind"], message: IrcMessage): string {
  if (kind === "redact") return param(message, 2);
  return kind === "part" ? param(message, 1) : lastParam(message);
}
