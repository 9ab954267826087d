/**
 * The socket under irc-framework: dials, verifies TLS, cuts what comes in into lines within a bound, decodes each line on its
 * own (UTF-8, else the network's fallback) and lets out only what wire-writer.ts accepts. It knows no IRC state. One per
 * connection attempt; never reused.
 */
import { isUtf8 } from "node:buffer";
import { EventEmitter } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { FrameworkTransport } from "irc-framework";
import { checkLine } from "./wire-writer.ts";

/** Tags of 8191 bytes and a line of 512, with room for servers that are generous. */
const readBytesMax = 16_384;
/** A peer that asks and asks but never reads is cut off rather than buffered for. */
const unwrittenBytesMax = 1_048_576;

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM, trusted besides the system's own authorities. */
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
  readonly localAddress?: string;
  /** WHATWG label of the encoding that a line has which is not UTF-8. */
  readonly encodingFallback: string;
  /** Something went wrong while a line was handled; the connection goes on. */
  readonly onFault: (fault: unknown) => void;
}

export interface Transport extends FrameworkTransport {
  /** Stops and restarts reading, for at most the 5 s that connections.ts allows. */
  pause(): void;
  resume(): void;
  /** Closes at once; `close` is emitted with this error. */
  destroy(error?: Error): void;
}

/** Builds an idle transport; `connect` dials. Emits `open`, `line`, `close`. */
export function createTransport(options: TransportOptions): Transport {
  const emitter = new EventEmitter();
  let socket: Socket | undefined;
  let lastError: Error | undefined;

  const emit = (event: string, ...values: unknown[]): void => {
    // an exception of a listener must neither end the process nor make a line come twice
    try {
      emitter.emit(event, ...values);
    } catch (fault) {
      options.onFault(fault);
    }
  };
  const reader = createLineReader(
    options.encodingFallback,
    (line) => emit("line", line),
    () => options.onFault(new Error("a line over the read limit was dropped")),
  );
  const destroy = (error?: Error): void => {
    lastError ??= error;
    socket?.destroy();
  };

  return {
    on: (event, listener) => emitter.on(event, listener as (...values: unknown[]) => void),
    removeAllListeners: () => emitter.removeAllListeners(),
    connect() {
      socket = dial(options);
      socket.setNoDelay(true);
      socket.on("error", (error) => {
        lastError ??= error;
      });
      socket.on(options.tls ? "secureConnect" : "connect", () => emit("open"));
      socket.on("data", (chunk: Buffer) => reader.push(chunk));
      socket.on("close", () => emit("close", lastError ?? false));
    },
    writeLine(line, done) {
      checkLine(line);
      if (socket === undefined || socket.destroyed || !socket.writable) {
        done?.();
        return;
      }
      socket.write(`${line}\r\n`, () => done?.());
      if (socket.writableLength > unwrittenBytesMax) destroy(new Error("the server does not read what we send"));
    },
    close(force) {
      if (force === true || socket?.connecting === true) destroy();
      else socket?.end();
    },
    disposeSocket: () => destroy(),
    // irc-framework asks for utf8 only; decoding is ours
    setEncoding: () => true,
    pause: () => void socket?.pause(),
    resume: () => void socket?.resume(),
    destroy,
  };
}

function dial(options: TransportOptions): Socket {
  const where = {
    host: options.host,
    port: options.port,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  };
  if (!options.tls) return connectTcp(where);
  return connectTls({
    ...where,
    rejectUnauthorized: options.rejectUnauthorized,
    ...(isIP(options.host) === 0 ? { servername: options.host } : {}),
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  });
}

/** Cuts bytes into lines: never keeps more than the limit, drops a line that is longer, decodes each on its own. */
export function createLineReader(
  encodingFallback: string,
  onLine: (line: string) => void,
  onOverlong: () => void,
): { push(chunk: Buffer): void } {
  const fallback = new TextDecoder(encodingFallback);
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let dropping = false;

  const finish = (end: Buffer): void => {
    const bytes = kept.length === 0 ? end : Buffer.concat([...kept, end]);
    kept = [];
    keptBytes = 0;
    const text = isUtf8(bytes) ? bytes.toString("utf8") : fallback.decode(bytes);
    // a server that sends these inside a line is confused or hostile
    const line = text.replace(/[\r\0]/g, "");
    if (line !== "") onLine(line);
  };

  return {
    push(chunk) {
      let start = 0;
      while (start < chunk.length) {
        const end = chunk.indexOf(0x0a, start);
        const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
        start = end === -1 ? chunk.length : end + 1;
        if (!dropping && keptBytes + piece.length > readBytesMax) {
          dropping = true;
          kept = [];
          keptBytes = 0;
          onOverlong();
        }
        if (end !== -1) {
          if (!dropping) finish(piece);
          dropping = false;
        } else if (!dropping) {
          // a copy: keeping the slice would keep the whole chunk alive
          kept.push(Buffer.from(piece));
          keptBytes += piece.length;
        }
      }
    },
  };
}
