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
};

/** Undefined for commands that never become events. */
export function toInboundLine(
  message: IrcMessage,
  receivedAtMs: number,
  knownAccount: string | undefined,
): InboundLine | undefined {
  const kind = Object.hasOwn(kinds, message.command) ? kinds[message.command] : undefined;
  if (kind === undefined) return undefined;
  const account = kind === "account" ? param(message, 0) : (message.tags["account"] ?? knownAccount);
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
    text: kind === "redact" ? (message.params[2] ?? "") : lastParam(message),
    tags: message.tags,
    receivedAtMs,
    ...(msgid === undefined ? {} : { msgid }),
    ...(saidAtMs === undefined ? {} : { serverTimeMs: saidAtMs }),
    ...(kind === "redact" ? { redacts: param(message, 1) } : {}),
  };
}
