/** The misbehaviours that every IRC client of ours must survive, each one a script for `createHostilePeer`. */
import type { HostileConnection, HostileScript } from "./hostile-peer.ts";

const speaker = ":mallory!m@evil.test";

/** Registers, lets the client join, then does something. */
const afterJoin =
  (act: (peer: HostileConnection, channel: string, nick: string) => Promise<void>): HostileScript =>
  async (peer) => {
    const nick = await peer.register();
    const channel = await peer.acceptJoin();
    await act(peer, channel, nick);
  };

/** `byteCount` bytes and never a newline. */
export const hugeLine = (byteCount = 20 * 1024 * 1024): HostileScript =>
  afterJoin(async (peer) => {
    await peer.flood(byteCount);
  });

/** The same before the welcome. */
export const hugeLineAtOnce =
  (byteCount = 20 * 1024 * 1024): HostileScript =>
  (peer) =>
    peer.flood(byteCount);

/** Says no to every capability asked for, then welcomes. */
export const refusesCaps: HostileScript = async (peer) => {
  await peer.expect(/^CAP LS/);
  peer.line(":hostile.test CAP * LS :server-time echo-message message-tags batch");
  for (;;) {
    const line = await peer.expect(/^(CAP (REQ|END)|USER )/);
    if (line.startsWith("CAP END")) break;
    if (line.startsWith("CAP REQ")) peer.line(`:hostile.test CAP * NAK :${line.replace(/^CAP REQ :?/, "")}`);
  }
  const nick = /^NICK :?(\S+)/.exec(peer.lines.find((line) => line.startsWith("NICK ")) ?? "")?.[1] ?? "x";
  peer.line(`:hostile.test 001 ${nick} :Welcome`);
  peer.line(`:hostile.test 005 ${nick} CHANTYPES=# :are supported by this server`);
  peer.line(`:hostile.test 422 ${nick} :MOTD File is missing`);
  await peer.gone;
};

/** Offers SASL and refuses every login. */
export const refusesSasl: HostileScript = async (peer) => {
  await peer.expect(/^CAP LS/);
  peer.line(":hostile.test CAP * LS :sasl=PLAIN");
  for (;;) {
    const line = await peer.expect(/^(CAP REQ|AUTHENTICATE|CAP END)/);
    if (line.startsWith("CAP END")) break;
    if (line.startsWith("CAP REQ")) peer.line(`:hostile.test CAP * ACK :${line.replace(/^CAP REQ :?/, "")}`);
    else if (/^AUTHENTICATE PLAIN/i.test(line)) peer.line("AUTHENTICATE +");
    else peer.line(":hostile.test 904 * :SASL authentication failed");
  }
  const nick = /^NICK :?(\S+)/.exec(peer.lines.find((line) => line.startsWith("NICK ")) ?? "")?.[1] ?? "x";
  peer.line(`:hostile.test 001 ${nick} :Welcome, unauthenticated`);
  peer.line(`:hostile.test 422 ${nick} :MOTD File is missing`);
  await peer.gone;
};

/** Every nick is taken, for ever. */
export const nickStorm: HostileScript = async (peer) => {
  for (;;) {
    const nick = (await peer.expect(/^NICK /, 30_000)).split(" ")[1];
    peer.line(`:hostile.test 433 * ${nick} :Nickname is already in use`);
  }
};

/** Lines in pieces of one byte, a CR without LF, an LF without CR, empty lines. */
export const halfLines: HostileScript = afterJoin(async (peer, channel) => {
  for (const character of `${speaker} PRIVMSG ${channel} :one byte at a time\r\n`) await peer.send(character);
  await peer.send(`\r\n\n\n${speaker} PRIVMSG ${channel} :bare newline\n`);
  await peer.send(`${speaker} PRIVMSG ${channel} :cut`);
  await peer.pause(50);
  await peer.send(" in two\r\n");
  await peer.gone;
});

/** Bytes that are no UTF-8, lone surrogates in CESU style, NUL inside. */
export const invalidUtf8: HostileScript = afterJoin(async (peer, channel) => {
  const head = Buffer.from(`${speaker} PRIVMSG ${channel} :`);
  const tails = [
    [0xff, 0xfe, 0x80],
    [0xe9, 0x74, 0xe9],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0x61, 0x00, 0x62],
  ];
  for (const tail of tails) await peer.send(Buffer.concat([head, Buffer.from([...tail, 13, 10])]));
  await peer.send(`${speaker} PRIVMSG ${channel} :still here\r\n`);
  await peer.gone;
});

/** A line of 60 kB, then an ordinary one. */
export const longLines = (byteCount = 60_000): HostileScript =>
  afterJoin(async (peer, channel) => {
    await peer.send(`${speaker} PRIVMSG ${channel} :${"y".repeat(byteCount)}\r\n`);
    await peer.send(`@${"a=b;".repeat(byteCount / 4)}c ${speaker} PRIVMSG ${channel} :long tags\r\n`);
    await peer.send(`${speaker} PRIVMSG ${channel} :after the long one\r\n`);
    await peer.gone;
  });

/** Welcomes, and never answers a PING. */
export const answersNoPing: HostileScript = async (peer) => {
  await peer.register({ answerPings: false });
  await peer.acceptJoin();
  await peer.gone;
};

/** ERROR in the middle of registration. */
export const errorWhileRegistering =
  (reason = "Closing Link: (Throttled: Reconnecting too fast)"): HostileScript =>
  async (peer) => {
    await peer.expect(/^NICK /);
    peer.line(`ERROR :${reason}`);
    peer.close();
  };

/** PONGs for tokens that were guessed, before anything was asked, and with tokens of others. */
export const forgedPongs: HostileScript = afterJoin(async (peer, channel) => {
  for (let token = 0; token < 100; token++) peer.line(`:hostile.test PONG hostile.test :${token}`);
  peer.line("PONG");
  peer.line(":hostile.test PONG");
  peer.line(`${speaker} PONG ${channel} :key`);
  await peer.gone;
});

/** Numerics with too few parameters, commands nobody knows, names that are objects' own. */
export const brokenNumerics: HostileScript = afterJoin(async (peer, channel, nick) => {
  for (const code of ["001", "005", "332", "353", "366", "401", "404", "433", "437", "470", "474", "730", "903"])
    peer.line(`:hostile.test ${code}`);
  peer.line(`:hostile.test 005 ${nick} PREFIX= CHANTYPES= NICKLEN=-1 CASEMAPPING=none TOPICLEN=x =y __proto__=1 :x`);
  for (const name of ["__proto__", "constructor", "hasOwnProperty", "toString"]) {
    peer.line(`:${name}!x@y JOIN ${channel}`);
    peer.line(`:${name}!x@y PRIVMSG ${channel} :hello from ${name}`);
    peer.line(`:${name}!x@y NICK :${name}2`);
    peer.line(`:${name}2!x@y QUIT :bye`);
  }
  for (const line of [":", ": ", "@", "@a", "@a ", ":x", "JOIN", ":x JOIN", "MODE", "KICK", ":x KICK", "\x01", "BATCH"])
    peer.line(line);
  peer.line("BATCH +a chathistory");
  peer.line("BATCH -never-opened");
  peer.line(`@batch=a;time=never;msgid= ${speaker} PRIVMSG ${channel} :in an open batch`);
  await peer.gone;
});

/** Forces the client off its nick, its channel and its server. */
export const pushesAround: HostileScript = afterJoin(async (peer, channel, nick) => {
  peer.line(`:${nick}!bot@hostile.test NICK :Guest1234`);
  peer.line(`:ChanServ!s@services. KICK ${channel} Guest1234 :no`);
  peer.line(`:hostile.test 470 Guest1234 ${channel} ##elsewhere :Forwarding to another channel`);
  await peer.pause(100);
  peer.line("ERROR :Closing Link: (K-Lined)");
  peer.close();
});

/** Cuts every connection as soon as it stands. */
export const slamsTheDoor: HostileScript = async (peer) => peer.reset();
