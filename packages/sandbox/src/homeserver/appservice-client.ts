/** HTTP from the server to appservices: tokens where the profile puts them, time-outs by the clock, connections as the real one has them. */
import { Agent, type IncomingMessage, request } from "node:http";
import { request as secureRequest } from "node:https";
import type { Appservice } from "./appservices.ts";
import type { SandboxClock } from "./clock.ts";
import type { Profile } from "./profile.ts";

export type AppserviceAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "timeout" };

export interface AppserviceClient {
  call(service: Appservice, method: string, path: string, body?: string): Promise<AppserviceAnswer>;
  /** Cuts every call and connection. */
  cut(): void;
}

export function createAppserviceClient(profile: Profile, clock: SandboxClock): AppserviceClient {
  let agent = makeAgent(profile);
  const open = new Set<AbortController>();
  return {
    call: async (service, method, path, body) => {
      const cut = new AbortController();
      open.add(cut);
      const over = new AbortController();
      try {
        const timeout = clock.wait(profile.pushTimeoutMs, over.signal).then(() => ({ kind: "timeout" }) as const);
        return await Promise.race([send(service, method, path, body, agent, profile, cut.signal), timeout]);
      } finally {
        open.delete(cut);
        over.abort();
        cut.abort();
      }
    },
    cut: () => {
      for (const call of open) call.abort();
      agent.destroy();
      agent = makeAgent(profile);
    },
  };
}

function makeAgent(profile: Profile): Agent {
  return new Agent(profile.keepsConnections ? { keepAlive: true, maxSockets: 3 } : { keepAlive: false });
}

function send(
  service: Appservice,
  method: string,
  path: string,
  body: string | undefined,
  agent: Agent,
  profile: Profile,
  signal: AbortSignal,
): Promise<AppserviceAnswer> {
  const { url, hs_token } = service.registration;
  if (url === null || url === "") return Promise.resolve({ kind: "unreachable", reason: "it has no url" });
  const target = new URL(url.replace(/\/$/, "") + path);
  if (profile.tokenInQuery) target.searchParams.set("access_token", hs_token);
  const secure = target.protocol === "https:";
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ kind: "unreachable", reason: error.message });
    const call = (secure ? secureRequest : request)(
      target,
      {
        method,
        signal,
        ...(secure ? {} : { agent }),
        headers: {
          authorization: `Bearer ${hs_token}`,
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      },
      (answer: IncomingMessage) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", fail);
        answer.on("end", () =>
          resolve({ kind: "answer", status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    call.on("error", fail);
    call.end(body);
  });
}
