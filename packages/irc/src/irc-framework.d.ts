/**
 * The little of irc-framework 4.14.0 that we use: its line parser and its CAP and SASL negotiation. Everything else of it
 * is left alone on purpose (docs/decisions), so nothing else is named here.
 */
declare module "irc-framework" {
  export interface ParsedLine {
    readonly tags: Readonly<Record<string, string>>;
    readonly prefix: string;
    readonly nick: string;
    readonly ident: string;
    readonly hostname: string;
    readonly command: string;
    readonly params: string[];
  }

  export interface FrameworkTransport {
    on(event: string, listener: (...values: never[]) => void): unknown;
    removeAllListeners(): unknown;
    connect(): void;
    writeLine(line: string, done?: () => void): void;
    close(force?: boolean): void;
    disposeSocket(): void;
    setEncoding(encoding: string): boolean;
  }

  export interface ClientOptions {
    readonly nick: string;
    readonly username: string;
    readonly gecos: string;
    readonly password?: string;
    readonly account: { readonly account?: string; readonly password?: string };
    readonly version: string;
    readonly auto_reconnect: false;
    readonly ping_interval: 0;
    readonly ping_timeout: 0;
    readonly sasl_disconnect_on_fail: true;
    readonly transport: new () => FrameworkTransport;
  }

  type RawMiddleware = (
    command: string,
    message: ParsedLine,
    rawLine: string,
    client: Client,
    next: () => void,
  ) => void;

  export class Client {
    constructor();
    readonly user: { nick: string };
    readonly connection: { readonly connected: boolean };
    readonly network: {
      readonly cap: {
        negotiating: boolean;
        requested: string[];
        enabled: string[];
        readonly available: Map<string, string>;
      };
    };
    requestCap(names: readonly string[]): void;
    use(install: (client: Client, raw: { use(middleware: RawMiddleware): void }) => void): this;
    on(event: string, listener: (...values: never[]) => void): this;
    removeAllListeners(): this;
    connect(options: ClientOptions): void;
    // writing methods, called by tests only: each of them must end in our own transport
    raw(...values: (string | number)[]): void;
    say(target: string, text: string): void;
    notice(target: string, text: string): void;
    action(target: string, text: string): void;
    join(channel: string, key?: string): void;
    part(channel: string, reason?: string): void;
    quit(reason?: string): void;
    changeNick(nick: string): void;
    setTopic(channel: string, topic: string): void;
    clearTopic(channel: string): void;
    ctcpRequest(target: string, type: string, ...values: string[]): void;
    ctcpResponse(target: string, type: string, ...values: string[]): void;
    mode(target: string, mode: string, values?: readonly string[]): void;
    invite(channel: string, nick: string): void;
    ping(token?: string): void;
    who(target: string): void;
    whois(target: string): void;
    ban(channel: string, mask: string): void;
    tagmsg(target: string, tags: Readonly<Record<string, string>>): void;
    addMonitor(nick: string): void;
    list(...values: string[]): void;
  }

  export function ircLineParser(line: string): ParsedLine;
}
