/** A proxy on loopback that passes everything on and, when asked, keeps the answer of a send to itself: the server did it, we are never told. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

export interface LossyProxy {
  readonly url: string;
  /** The next send is passed on, and its connection cut instead of an answer. */
  loseAnswer(): void;
  close(): Promise<void>;
}

export async function createLossyProxy(target: string): Promise<LossyProxy> {
  const agent = new Agent({ keepAlive: true });
  let losses = 0;
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const lose = losses > 0 && incoming.method === "PUT" && (incoming.url ?? "").includes("/send/");
    if (lose) losses--;
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const upstream = request(`${target}${incoming.url}`, { method: incoming.method, headers, agent }, (answer) => {
      if (lose) {
        answer.resume();
        answer.on("end", () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on("error", () => incoming.socket.destroy());
    incoming.pipe(upstream);
  };
  const server = createServer({ keepAliveTimeout: 90_000 }, handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    loseAnswer: () => {
      losses++;
    },
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
