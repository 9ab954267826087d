/**
 * Which capabilities we ask for and what comes of it, between the server and irc-framework's negotiation: only what we use is
 * requested, one refusal does not lose the others, and SASL is either granted or a failure. It hears CAP lines only.
 */
import type { Client } from "irc-framework";
import { type IrcMessage, lastParam, param } from "./message.ts";

/** What we ask for when it is offered, and nothing else: away-notify, for one, would cost a line for everybody's every pause. */
export const wantedCapabilities: readonly string[] = [
  "account-notify",
  "account-tag",
  "batch",
  "cap-notify",
  "draft/chathistory",
  "draft/message-redaction",
  "draft/relaymsg",
  "echo-message",
  "extended-join",
  "labeled-response",
  "message-tags",
  "multi-prefix",
  "overdrivenetworks.com/relaymsg",
  "server-time",
  "setname",
  "standard-replies",
  "userhost-in-names",
];

/** `framework`: irc-framework may act on this; `taken`: it is dealt with. */
export type Step = { readonly to: "framework"; readonly message: IrcMessage } | { readonly to: "taken" };

export const taken = { to: "taken" } as const;

export interface NegotiationOptions {
  readonly client: Client;
  readonly sasl: boolean;
  readonly write: (command: string, params: readonly string[]) => void;
  readonly saslFailed: (why: string) => Step;
}

export interface Negotiation {
  take(message: IrcMessage): Step;
  /** The server is to hear our login now. */
  isAuthenticating(): boolean;
  welcome(): void;
}

/** Builds the negotiation of one connection. */
export function createNegotiation({ client, sasl: needsSasl, write, saslFailed }: NegotiationOptions): Negotiation {
  const offered: string[] = [];
  const pending = new Set<string>();
  const granted: string[] = [];
  let asked: "together" | "apart" = "together";
  let authenticating = false;
  let welcomed = false;

  const takeOffer = (message: IrcMessage): Step => {
    if (welcomed) return taken;
    for (const word of lastParam(message).split(" ")) {
      const name = word.split("=")[0] ?? "";
      const wanted = wantedCapabilities.includes(name) || (name === "sasl" && needsSasl);
      if (wanted && !offered.some((other) => other.split("=")[0] === name)) offered.push(word);
    }
    if (param(message, 2) === "*" && message.params.length > 3) return taken;
    const sasl = offered.find((word) => word.split("=")[0] === "sasl");
    if (needsSasl && sasl === undefined) return saslFailed("the server offers no SASL right now");
    const mechanisms = sasl?.split("=")[1];
    if (mechanisms !== undefined && !mechanisms.toUpperCase().split(",").includes("PLAIN")) {
      return saslFailed("the server does not offer PLAIN");
    }
    for (const word of offered) pending.add(word.split("=")[0] ?? "");
    return { to: "framework", message: { ...message, params: ["*", "LS", offered.join(" ")] } } as const;
  };

  // the framework sees one answer for everything, once all is answered
  const conclude = (): Step => {
    if (pending.size > 0) return taken;
    if (needsSasl && !granted.includes("sasl")) return saslFailed("the server refused the sasl capability");
    authenticating = needsSasl;
    client.network.cap.requested = [...granted];
    return { to: "framework", message: made("CAP", ["*", "ACK", granted.join(" ")]) } as const;
  };

  const takeCap = (message: IrcMessage): Step => {
    const kind = param(message, 1).toUpperCase();
    const names = lastParam(message)
      .split(" ")
      .map((name) => name.replace(/^[-~=]+/, ""))
      .filter((name) => name !== "");
    if (kind === "LS") return takeOffer(message);
    if (kind === "NEW") {
      const fresh = names.map((word) => word.split("=")[0] ?? "").filter((name) => wantedCapabilities.includes(name));
      const news = fresh.filter((name) => !client.network.cap.enabled.includes(name));
      if (welcomed) for (const name of new Set(news)) write("CAP", ["REQ", name]);
      return taken;
    }
    if (kind === "DEL") return { to: "framework", message } as const;
    if (kind === "ACK" && welcomed) {
      const expected = names.filter((name) => wantedCapabilities.includes(name));
      return { to: "framework", message: made("CAP", ["*", "ACK", expected.join(" ")]) } as const;
    }
    if (welcomed || pending.size === 0 || (kind !== "ACK" && kind !== "NAK")) return taken;
    if (kind === "ACK") for (const name of names) if (pending.delete(name)) granted.push(name);
    if (kind === "NAK") retryApart(names);
    return conclude();
  };
  const retryApart = (names: readonly string[]): void => {
    if (asked === "apart") {
      for (const name of names) pending.delete(name);
      return;
    }
    asked = "apart";
    for (const name of pending) write("CAP", ["REQ", name]);
  };

  return {
    take: takeCap,
    isAuthenticating: () => authenticating,
    welcome() {
      welcomed = true;
    },
  };
}

function made(command: string, params: string[]): IrcMessage {
  return { tags: {}, prefix: "", nick: "", ident: "", hostname: "", command, params };
}
