import { createServer, type Server, type Socket } from "node:net";
import { createLineReader, createTransport } from "../src/transport.ts";
import { pause, until } from "./harness.ts";

const read = (chunks: readonly (string | Uint8Array)[], fallback = "latin1") => {
  const lines: string[] = [];
  let dropped = 0;
  const reader = createLineReader(
    fallback,
    (line) => lines.push(line),
    () => {
      dropped += 1;
    },
  );
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string));
  return { lines, dropped };
};

describe("the line reader", () => {
  it("puts lines together whatever the pieces, and splits on LF with or without CR", () => {
    expect(read(["a\r\nb", "\nc", "d\r", "\n", "\r\n\n", "e"]).lines).toEqual(["a", "b", "cd"]);
    expect(read([..."PING :x\r\n"]).lines).toEqual(["PING :x"]);
  });

  it("keeps a character whole that was cut between pieces", () => {
    const bytes = Buffer.from("é€\n");
    expect(read([...bytes].map((byte) => Uint8Array.of(byte))).lines).toEqual(["é€"]);
  });

  it("[S1 irc] pitfall 13: decodes a line that is no UTF-8 by the fallback, and only that line", () => {
    const mixed = Buffer.concat([Buffer.from([0xe9, 0x80, 0x0a]), Buffer.from("é\n")]);
    expect(read([mixed]).lines).toEqual(["é€", "é"]);
    expect(read([Uint8Array.of(0xc0, 0x0a)], "koi8-r").lines).toEqual(["ю"]);
  });

  it("[S1 irc] takes NUL and lone CR out of a line", () => {
    expect(read(["a\0b\rc\r\n"]).lines).toEqual(["abc"]);
  });

  it("[S1 irc] pitfall 6: keeps at most its limit of a line without end, and goes on after it", () => {
    const piece = "x".repeat(65_536);
    const { lines, dropped } = read([...Array.from({ length: 320 }, () => piece), "tail\nnext\n"]);
    expect(lines).toEqual(["next"]);
    expect(dropped).toBe(1);
  });
});

describe("the transport", () => {
  let server: Server;
  let peers: Socket[];
  beforeEach(async () => {
    peers = [];
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      peers.push(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    for (const peer of peers) peer.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const open = async (onFault: (fault: unknown) => void = () => undefined) => {
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const transport = createTransport({
      host: "127.0.0.1",
      port,
      tls: false,
      rejectUnauthorized: true,
      encodingFallback: "latin1",
      onFault,
    });
    transport.connect();
    await until("connected", () => peers.length > 0);
    return transport;
  };

  it("[S1 irc] pitfall 5: an exception in a listener is caught, and no line comes twice", async () => {
    const faults: unknown[] = [];
    const seen: string[] = [];
    const transport = await open((fault) => faults.push(fault));
    transport.on("line", (line: string) => {
      seen.push(line);
      if (line === "b") throw new Error("ours");
    });
    peers[0]?.write("a\r\nb\r\nc\r\n");
    await until("read", () => seen.length >= 3);
    peers[0]?.write("d\r\n");
    await until("read", () => seen.length >= 4);
    expect(seen).toEqual(["a", "b", "c", "d"]);
    expect(faults).toHaveLength(1);
    transport.destroy();
  });

  it("[S1 irc] cuts off a server that makes us write and never reads", async () => {
    const transport = await open();
    peers[0]?.pause();
    let closed: unknown;
    transport.on("close", (error: unknown) => {
      closed = error;
    });
    const line = `PONG :${"x".repeat(500)}`;
    for (let at = 0; at < 40_000 && closed === undefined; at += 1) {
      transport.writeLine(line);
      if (at % 500 === 0) await pause(0);
    }
    await until("closed", () => closed !== undefined);
    expect(String(closed)).toContain("does not read");
  });

  it("writes nothing and does not throw once it is closed", async () => {
    const transport = await open();
    transport.destroy();
    await pause(10);
    expect(() => transport.writeLine("PING :x")).not.toThrow();
  });
});
