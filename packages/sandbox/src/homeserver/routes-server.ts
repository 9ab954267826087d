/** What the server says of itself, the ping of appservices, and the quiet answers that ordinary clients expect. */
import type { AppserviceClient } from "./appservice-client.ts";
import type { Appservices } from "./appservices.ts";
import type { SandboxClock } from "./clock.ts";
import type { Delivery } from "./delivery.ts";
import { type JsonObject, textOf } from "./event.ts";
import { forbidden, MatrixFault } from "./fault.ts";
import type { Profile, Refused } from "./profile.ts";
import { type Call, param, type Register } from "./route.ts";

export interface ServerParts {
  readonly profile: Profile;
  readonly clock: SandboxClock;
  readonly appservices: Appservices;
  readonly client: AppserviceClient;
  readonly delivery: Delivery;
}

export function serverRoutes(parts: ServerParts, register: Register): void {
  const { profile } = parts;
  register("GET", "/capabilities", () => ({
    capabilities: {
      "m.room_versions": {
        default: profile.defaultRoomVersion,
        available: Object.fromEntries(Array.from({ length: 12 }, (_one, index) => [String(index + 1), "stable"])),
      },
      "m.change_password": { enabled: false },
    },
  }));
  const { ping: refusal } = profile;
  if (refusal) register("POST", "/appservice/:id/ping", (call) => ping(parts, refusal, call), { versions: ["v1"] });
  register("GET", "/pushrules/", () => ({
    global: { override: [], content: [], room: [], sender: [], underride: [] },
  }));
  register("GET", "/pushrules/:scope/:kind/:rule", (call) => ({
    rule_id: param(call, 2),
    enabled: false,
    actions: [],
  }));
  register("GET", "/pushrules/:scope/:kind/:rule/enabled", () => ({ enabled: false }));
  register("PUT", "/pushrules/:scope/:kind/:rule/enabled", () => ({}));
  register("PUT", "/pushrules/:scope/:kind/:rule/actions", () => ({}));
  register("GET", "/pushers", () => ({ pushers: [] }));
  register("GET", "/thirdparty/protocols", () => ({}));
  register("GET", "/voip/turnServer", () => ({}));
  register("POST", "/keys/upload", () => ({ one_time_key_counts: {} }));
  register("POST", "/keys/query", () => ({ device_keys: {}, failures: {} }));
  register("PUT", "/presence/:user/status", () => ({}));
  register("POST", "/publicRooms", () => ({ chunk: [], total_room_count_estimate: 0 }));
  register("GET", "/publicRooms", () => ({ chunk: [], total_room_count_estimate: 0 }), { auth: "none" });
}

/** `/versions` stands outside the API versions. */
export const versionsOf = (profile: Profile): JsonObject => ({
  versions: profile.versions,
  unstable_features: profile.unstableFeatures,
});

async function ping(
  { clock, appservices, client, delivery }: ServerParts,
  refusal: Refused,
  call: Call,
): Promise<JsonObject> {
  const { service } = call.who;
  if (!service || service.id !== param(call, 0)) throw forbidden("Mismatching appservice id");
  if (!appservices.all.has(service.id)) throw forbidden("Unknown appservice");
  if (service.registration.url === null)
    throw new MatrixFault(400, "M_URL_NOT_SET", "The application service does not have a URL set");
  const body = JSON.stringify({ transaction_id: textOf(call.body["transaction_id"]) });
  const begunMs = clock.now();
  const answer = await client.call(service, "POST", "/_matrix/app/v1/ping", body);
  if (answer.kind === "timeout") throw new MatrixFault(504, "M_CONNECTION_TIMEOUT", "Ping timed out");
  if (answer.kind === "unreachable") throw new MatrixFault(502, "M_CONNECTION_FAILED", answer.reason);
  if (answer.status < 200 || answer.status > 299) {
    const extra = refusal[1] === "M_BAD_STATUS" ? { status: answer.status, body: answer.body } : {};
    throw new MatrixFault(...refusal, `HTTP ${answer.status}`, extra);
  }
  delivery.pinged(service);
  return { duration_ms: clock.now() - begunMs };
}
