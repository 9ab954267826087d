/**
 * The demo's web page: two panes, what is said on each side as its own reader sees it, and a box to type in under each. Served
 * on loopback only; a page of another origin can neither read nor type.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { html, script, style } from "./page-files.ts";
import type { Stage } from "./stage.ts";

export interface Page {
  readonly url: string;
  stop(): Promise<void>;
}

/** One line in a pane. `markup` is Matrix HTML or IRC codes: the page shows the little it knows and the rest as text. */
interface Shown {
  readonly side: "matrix" | "irc";
  readonly who: string;
  readonly text: string;
  readonly markup?: string;
  readonly kind: "said" | "event";
}

const bodyBytesMax = 8_192;
const shownMax = 500;

export async function startPage(stage: Stage, port: number): Promise<Page> {
  const shown: Shown[] = [];
  const watchers = new Set<ServerResponse>();
  const show = (line: Shown) => {
    shown.push(line);
    if (shown.length > shownMax) shown.shift();
    for (const watcher of watchers) watcher.write(`data: ${JSON.stringify(line)}\n\n`);
  };
  const stopWatching = watchBothSides(stage, show);

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writableEnded || response.writeHead(500).end());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A page elsewhere that points a name of its own at 127.0.0.1 is not us.
    if (request.headers.host !== new URL(url).host) return end(response, 421, "wrong host");
    const files: Readonly<Record<string, readonly [string, string]>> = {
      "/": ["text/html", html(stage)],
      "/page.css": ["text/css", style],
      "/page.js": ["text/javascript", script],
    };
    const file = files[request.url ?? ""];
    if (request.method === "GET" && file !== undefined) return end(response, 200, file[1], file[0]);
    if (request.method === "GET" && request.url === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      for (const line of shown) response.write(`data: ${JSON.stringify(line)}\n\n`);
      watchers.add(response);
      request.on("close", () => watchers.delete(response));
      return;
    }
    if (request.method === "POST" && request.url === "/say") return say(stage, url, request, response);
    end(response, 404, "nothing here");
  };
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    async stop() {
      stopWatching();
      for (const watcher of watchers) watcher.end();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function end(response: ServerResponse, status: number, text: string, type = "text/plain"): void {
  response.writeHead(status, {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  response.end(text);
}

async function say(stage: Stage, url: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (`${request.headers.origin}/` !== url) return end(response, 403, "only the page itself may type");
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > bodyBytesMax) return end(response, 413, "too long");
  }
  const wanted = parseSay(text);
  if (wanted === undefined) return end(response, 400, "say {side, text}");
  if (wanted.side === "matrix") await stage.visitor.client.say(stage.room, wanted.text);
  else
    for (const line of wanted.text.split(/[\r\n\0]+/u).filter((part) => part !== ""))
      stage.ircVisitor.say(stage.channel, line);
  end(response, 200, "said");
}

function parseSay(text: string): { side: "matrix" | "irc"; text: string } | undefined {
  try {
    const { side, text: said } = JSON.parse(text) as { side?: unknown; text?: unknown };
    if ((side !== "matrix" && side !== "irc") || typeof said !== "string" || said.trim() === "") return undefined;
    return { side, text: said };
  } catch {
    return undefined;
  }
}

/** Each pane shows what the reader of its own side saw, nothing that the other side told it. */
function watchBothSides({ visitor, ircVisitor, room, channel }: Stage, show: (line: Shown) => void): () => void {
  let events = 0;
  let lines = 0;
  const timer = setInterval(() => {
    for (; events < visitor.client.seen.length; events++) {
      const seen = visitor.client.seen[events];
      if (seen?.room !== room) continue;
      const { type, content, sender } = seen.event;
      const said = content["body"];
      if (type === "m.room.message" && typeof said === "string") {
        const markup = content["formatted_body"];
        show({
          side: "matrix",
          who: sender,
          text: said,
          kind: "said",
          ...(typeof markup === "string" ? { markup } : {}),
        });
      } else if (type === "m.room.topic")
        show({ side: "matrix", who: sender, text: `set the topic: ${content["topic"]}`, kind: "event" });
      else if (type === "m.reaction") show({ side: "matrix", who: sender, text: "reacted", kind: "event" });
      else if (type === "m.room.redaction")
        show({ side: "matrix", who: sender, text: "deleted a message", kind: "event" });
    }
    for (; lines < ircVisitor.lines.length; lines++) {
      const line = ircVisitor.lines[lines];
      if (line === undefined || line.params[0] !== channel) continue;
      const said = line.params.at(-1) ?? "";
      if (line.command === "PRIVMSG" || line.command === "NOTICE")
        show({ side: "irc", who: line.nick, text: said, markup: said, kind: "said" });
      else if (line.command === "TOPIC")
        show({ side: "irc", who: line.nick, text: `set the topic: ${said}`, kind: "event" });
      else if (line.command === "REDACT")
        show({ side: "irc", who: line.nick, text: "deleted a message", kind: "event" });
    }
  }, 30);
  return () => clearInterval(timer);
}
