import { createServer, type Server } from "node:net";
import { Client } from "irc-framework";
import { createTransport } from "../src/transport.ts";
import { checkLine, formatLine, lineBytesMax, WireError } from "../src/wire-writer.ts";
import { pause, until } from "./harness.ts";

const evil = ["x\r\nQUIT :owned", "x\nQUIT", "x\rQUIT", "x\0y", "\n", "a b\r\n"];

describe("a line put together", () => {
  it.each([
    ["PRIVMSG", ["#c", "hello there"], "PRIVMSG #c :hello there"],
    ["PRIVMSG", ["#c", ":-)"], "PRIVMSG #c ::-)"],
    ["PRIVMSG", ["#c", "\x01ACTION waves\x01"], "PRIVMSG #c :\x01ACTION waves\x01"],
    ["JOIN", ["#a,#b"], "JOIN #a,#b"],
    ["JOIN", ["#a", "key"], "JOIN #a key"],
    ["TOPIC", ["#c", ""], "TOPIC #c :"],
    ["PONG", ["a token with spaces"], "PONG :a token with spaces"],
    ["PONG", [":x"], "PONG ::x"],
    ["QUIT", [""], "QUIT :"],
    ["REDACT", ["#c", "id1", "spam"], "REDACT #c id1 :spam"],
    ["CHATHISTORY", ["AFTER", "#c", "msgid=x", "100"], "CHATHISTORY AFTER #c msgid=x 100"],
  ])("%s %j reads %s", (command, params, line) => {
    expect(formatLine(command, params)).toBe(line);
  });

  it("escapes the values of message tags", () => {
    expect(formatLine("TAGMSG", ["#c"], { "+draft/react": "a;b c\\d\r\n", label: "t1" })).toBe(
      "@+draft/react=a\\:b\\sc\\\\d\\r\\n;label=t1 TAGMSG #c",
    );
  });

  it.each<[string, string, string[], Record<string, string>?]>([
    ["two targets", "PRIVMSG", ["#a,#b", "x"]],
    ["all users of a server", "PRIVMSG", ["$$*", "x"]],
    ["no target", "PRIVMSG", ["", "x"]],
    ["a target with a space", "PRIVMSG", ["#a b", "x"]],
    ["a target that reads as the text", "PRIVMSG", [":#a", "x"]],
    ["an empty text", "PRIVMSG", ["#a", ""]],
    ["a DCC offer", "PRIVMSG", ["#a", "\x01DCC SEND x 1 2 3\x01"]],
    ["a CTCP frame without its end", "PRIVMSG", ["#a", "\x01VERSION"]],
    ["a CTCP frame inside text", "PRIVMSG", ["#a", "x \x01VERSION\x01"]],
    ["an ACTION with another frame in it", "PRIVMSG", ["#a", "\x01ACTION x\x01VERSION\x01"]],
    ["a query as a notice", "NOTICE", ["#a", "\x01ACTION x\x01"]],
    ["a nick with a space", "NICK", ["a b"]],
    ["a channel without its sign", "JOIN", ["0"]],
    ["one bad channel in a list", "JOIN", ["#a,b"]],
    ["a key with a space", "JOIN", ["#a", "k y"]],
    ["a parameter too many", "TOPIC", ["#a", "b", "c"]],
    ["a parameter too few", "PRIVMSG", ["#a"]],
    ["a command of operators", "OPER", ["root", "x"]],
    ["a command that is none", "constructor", ["x"]],
    ["an odd tag", "TAGMSG", ["#a"], { "a b": "c" }],
  ])("[S1 irc] is refused with %s", (_, command, params, tags = {}) => {
    expect(() => formatLine(command, params, tags)).toThrow(WireError);
  });

  it("[S1 irc] is refused over 512 bytes, counted in bytes and without the tags", () => {
    const head = "PRIVMSG #c :".length;
    expect(() => formatLine("PRIVMSG", ["#c", "x".repeat(lineBytesMax - head)])).not.toThrow();
    expect(() => formatLine("PRIVMSG", ["#c", "x".repeat(lineBytesMax - head)], { label: "abc" })).not.toThrow();
    expect(() => formatLine("PRIVMSG", ["#c", "x".repeat(lineBytesMax - head + 1)])).toThrow(WireError);
    expect(() => formatLine("PRIVMSG", ["#c", "€".repeat(167)])).toThrow(WireError);
    expect(() => formatLine("TAGMSG", ["#c"], { "+a": "x".repeat(5000) })).toThrow(WireError);
  });

  it.each(evil)("[S1 irc] is refused with %j in any parameter of any command", (bad) => {
    const shapes: [string, string[]][] = [
      ["PRIVMSG", ["#c", "x"]],
      ["NOTICE", ["#c", "x"]],
      ["TOPIC", ["#c", "x"]],
      ["PART", ["#c", "x"]],
      ["JOIN", ["#c", "k"]],
      ["NICK", ["n"]],
      ["QUIT", ["x"]],
      ["PASS", ["x"]],
      ["USER", ["u", "0", "*", "r"]],
      ["RELAYMSG", ["#c", "n", "x"]],
      ["REDACT", ["#c", "id", "x"]],
      ["TAGMSG", ["#c"]],
      ["PING", ["x"]],
      ["PONG", ["x"]],
      ["MONITOR", ["+", "n"]],
      ["CHATHISTORY", ["AFTER", "#c", "msgid=x", "1"]],
    ];
    for (const [command, params] of shapes) {
      for (const at of params.keys()) {
        expect(() => formatLine(command, params.with(at, bad))).toThrow(WireError);
      }
      expect(() => formatLine(`${command}${bad}`, params)).toThrow(WireError);
    }
  });

  it("says which rule, and nothing of what was in the line", () => {
    expect(() => checkLine("PASS :hunter2\r\nQUIT")).toThrow(/^(?!.*hunter2)/);
  });
});

describe("irc-framework on our transport", () => {
  let server: Server;
  let heard: string;
  beforeEach(async () => {
    heard = "";
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.setEncoding("latin1").on("data", (text) => {
        heard += String(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it("[S1 irc] pitfall 1: no method that writes gets CR, LF, NUL or a second target past it", async () => {
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const transport = createTransport({
      host: "127.0.0.1",
      port,
      tls: false,
      rejectUnauthorized: true,
      encodingFallback: "latin1",
      onFault: () => undefined,
    });
    const client = new Client();
    client.connect({
      nick: "n",
      username: "u",
      gecos: "r",
      account: {},
      version: "",
      auto_reconnect: false,
      ping_interval: 0,
      ping_timeout: 0,
      sasl_disconnect_on_fail: true,
      transport: function existing() {
        return transport;
      } as unknown as new () => typeof transport,
    });
    await until("registering", () => heard.includes("USER"));
    const before = heard.split("\r\n").length;
    for (const bad of evil) {
      const attempts: (() => void)[] = [
        () => client.say(bad, "x"),
        () => client.say("#a,#b", "x"),
        () => client.say("#c", "\0"),
        () => client.notice(bad, "x"),
        () => client.action("#c", bad),
        () => client.action(bad, "x"),
        () => client.setTopic("#c", bad),
        () => client.setTopic(bad, "x"),
        () => client.clearTopic(bad),
        () => client.part("#c", bad),
        () => client.part(bad),
        () => client.join(bad),
        () => client.join("#c", bad),
        () => client.changeNick(bad),
        () => client.raw(bad),
        () => client.raw("PRIVMSG", "#c", bad),
        () => client.ctcpRequest("#c", "PING", bad),
        () => client.ctcpRequest(bad, "PING"),
        () => client.ctcpResponse("#c", "PING", bad),
        () => client.mode("#c", "+k", [bad]),
        () => client.invite("#c", bad),
        () => client.ping(bad),
        () => client.who(bad),
        () => client.whois(bad),
        () => client.ban("#c", bad),
        () => client.tagmsg(bad, {}),
        () => client.addMonitor(bad),
        () => client.list(bad),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }
    }
    await pause(50);
    expect(heard).not.toContain("\0");
    expect(heard).not.toContain("\nQUIT");
    expect(heard.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    // what is left of an attempt may only be what the framework made harmless itself: lines of text to one channel
    for (const line of heard.split("\r\n").slice(before - 1, -1)) {
      expect(() => checkLine(line)).not.toThrow();
      expect(line).not.toMatch(/^PRIVMSG #a,#b/);
    }
    transport.destroy();
  });
});
