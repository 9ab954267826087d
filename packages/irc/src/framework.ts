/**
 * irc-framework put to its two uses, parsing and negotiating, and kept from everything else: every line goes through ours first and
 * reaches its handlers only when it is let through.
 */
import type { Client } from "irc-framework";
import { wantedCapabilities } from "./capability-negotiation.ts";
import type { IrcNetworkConfig } from "./config.ts";
import type { IrcMessage } from "./message.ts";
import type { Transport } from "./transport.ts";

export interface FrameworkOptions {
  readonly client: Client;
  readonly transport: Transport;
  readonly network: IrcNetworkConfig;
  readonly realname: string;
  /** `pass` lets irc-framework act on this line instead. */
  readonly onLine: (message: IrcMessage, pass: (message: IrcMessage) => void) => void;
  readonly onOpen: () => void;
  readonly onClose: (error: unknown) => void;
  readonly onFault: (command: string, fault: unknown) => void;
}

/** Wires the client to the transport and dials. Throws when the registration itself cannot be written. */
export function connectFramework(options: FrameworkOptions): void {
  const { client, network, transport } = options;
  client.requestCap(wantedCapabilities);
  client.use((_, raw) => {
    raw.use((_command, message, _line, _client, next) => {
      try {
        options.onLine(message, (other) => {
          // the framework goes on with the very object that it made
          Object.assign(message, other);
          next();
        });
      } catch (fault) {
        options.onFault(message.command, fault);
      }
    });
  });
  client.on("socket connected", options.onOpen);
  client.on("socket close", options.onClose);
  client.connect({
    nick: network.nick,
    username: network.username ?? network.nick,
    gecos: options.realname,
    ...(network.password === undefined ? {} : { password: network.password }),
    // an empty object: else a server password would be used as a SASL password too
    account: network.sasl ?? {},
    version: "",
    auto_reconnect: false,
    ping_interval: 0,
    ping_timeout: 0,
    sasl_disconnect_on_fail: true,
    transport: transportClass(transport),
  });
}

// irc-framework calls `new` on it; ours exists already
function transportClass(transport: Transport): new () => Transport {
  return function existing() {
    return transport;
  } as unknown as new () => Transport;
}
