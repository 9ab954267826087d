import { broken, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";
import { type Claim, holdsTo } from "./homeserver-claims.ts";

const enc = encodeURIComponent;
const bot = `user_id=${enc("@bot:test")}`;
const ghost = `@_irc_ghost:test`;
const register = (scene: Scene, username: string) =>
  scene.as("POST", "/v3/register", { type: "m.login.application_service", username });
const isOf = ({ status, body }: { status: number; body: Record<string, unknown> }): string =>
  status === 200 ? "200" : `${status} ${String(body["errcode"])}`;
const messagesPath = (scene: Scene) => `/v3/rooms/${enc(scene.room)}/messages`;

/** Bytes that come in without an answer; then what a token from the appservice's login gets. */
async function loginToken(scene: Scene, user: string): Promise<string> {
  const { body } = await scene.as("POST", "/v3/login", {
    type: "m.login.application_service",
    identifier: { type: "m.id.user", user },
  });
  return String(body["access_token"]);
}

async function by(scene: Scene, token: string, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${scene.server.url}/_matrix/client${path}`, { headers })).status;
}

const claims: readonly Claim[] = [
  {
    says: "bot usable before it is registered: yes | no, 403 | yes; that token's whoami says is_guest: true (Conduit)",
    run: async (scene) => {
      const { body } = await register(scene, "_irc_guest");
      const headers = { authorization: `Bearer ${String(body["access_token"])}` };
      const whoami = await fetch(`${scene.server.url}/_matrix/client/v3/account/whoami`, { headers });
      return ((await whoami.json()) as Record<string, unknown>)["is_guest"];
    },
    on: { synapse: false, conduit: true, dendrite: false },
  },
  {
    says: "bot renames a ghost without user_id: 400 | 200, and the BOT is renamed | 403",
    run: async (scene) => {
      await register(scene, "_irc_ghost");
      const path = `/v3/profile/${enc(ghost)}/displayname`;
      const { status } = await scene.as("PUT", path, { displayname: "Renamed" });
      const { body } = await scene.as("GET", `/v3/profile/${enc("@bot:test")}`);
      return [status, body["displayname"] === "Renamed"];
    },
    on: { synapse: [400, false], conduit: [200, true], dendrite: [403, false] },
  },
  {
    says: "same txnId after a server restart: new event; same event with device_id= | same event | new event",
    run: async (scene) => {
      await register(scene, "_irc_ghost");
      await scene.as("PUT", `/v3/devices/DEV?user_id=${enc(ghost)}`, {});
      await scene.as("POST", `/v3/join/${enc(scene.room)}?user_id=${enc(ghost)}`, {});
      const put = async (more: string) => {
        const path = `/v3/rooms/${enc(scene.room)}/send/m.room.message/t${more.length}?user_id=${enc(ghost)}${more}`;
        return (await scene.as("PUT", path, { msgtype: "m.text", body: "x" })).body["event_id"];
      };
      const before = [await put(""), await put("&device_id=DEV")];
      await scene.server.restart("kill");
      await quiet(30);
      const after = [await put(""), await put("&device_id=DEV")];
      return before.map((id, index) => id === after[index]);
    },
    on: { synapse: [false, true], conduit: [true, true], dendrite: [false, false] },
  },
  {
    says: "device_id= unknown: 400 M_UNKNOWN_DEVICE | ignored | ignored; bare token + device_id=: 500 | ignored | ignored",
    run: async (scene) => [
      isOf(await scene.as("GET", `/v3/joined_rooms?${bot}&device_id=NONE`)),
      isOf(await scene.as("GET", "/v3/joined_rooms?device_id=NONE")).slice(0, 3),
    ],
    on: { synapse: ["400 M_UNKNOWN_DEVICE", "500"], conduit: ["200", "200"], dendrite: ["200", "200"] },
  },
  {
    says: "ping: AS error 502 M_BAD_STATUS | 502 M_CONNECTION_FAILED | 404; other id 403",
    run: async (scene) => {
      scene.service.answer = () => broken;
      const ping = async (id: string) => isOf(await scene.as("POST", `/v1/appservice/${id}/ping`, {}));
      return [await ping("irc"), await ping("other")];
    },
    on: {
      synapse: ["502 M_BAD_STATUS", "403 M_FORBIDDEN"],
      conduit: ["502 M_CONNECTION_FAILED", "403 M_FORBIDDEN"],
      dendrite: ["404 M_UNRECOGNIZED", "404 M_UNRECOGNIZED"],
    },
  },
  {
    says: "alias query: AS 404 / 500: 404 / 404; AS 200 without making it: 404 | 500 | 404; down: 404 | 404 | 500",
    run: async (scene) => {
      const ask = async () => (await scene.as("GET", `/v3/directory/room/${enc("#_irc_none:test")}`)).status;
      const given: number[] = [];
      for (const status of [404, 500, 200]) {
        scene.service.answer = () => ({ status, text: "{}" });
        given.push(await ask());
      }
      await scene.service.close();
      return [...given, await ask()];
    },
    on: { synapse: [404, 404, 404, 404], conduit: [404, 404, 500, 404], dendrite: [404, 404, 404, 500] },
  },
  {
    says: "user query when: invite of an unknown ghost | never | profile lookup; not for invite",
    run: async (scene) => {
      scene.service.answer = ({ txn }) => (txn === "" ? { status: 404, text: "{}" } : ok);
      await scene.alice.invite(scene.room, "@_irc_invited:test");
      await quiet(20);
      await scene.as("GET", `/v3/profile/${enc("@_irc_looked:test")}`);
      await quiet(20);
      return scene.service.asked.map((path) => decodeURIComponent(path).split("_irc_")[1]);
    },
    on: { synapse: ["invited:test"], conduit: [], dendrite: ["looked:test"] },
  },
  {
    says: "ghost makes an alias in the namespace: yes | yes | 400 M_EXCLUSIVE (bot only)",
    run: async (scene) => {
      await register(scene, "_irc_ghost");
      await scene.as("POST", `/v3/join/${enc(scene.room)}?user_id=${enc(ghost)}`, {});
      const make = async (who: string, alias: string) => {
        const path = `/v3/directory/room/${enc(alias)}?user_id=${enc(who)}`;
        return isOf(await scene.as("PUT", path, { room_id: scene.room }));
      };
      return [await make(ghost, "#_irc_one:test"), await make("@bot:test", "#_irc_two:test")];
    },
    on: { synapse: ["200", "200"], conduit: ["200", "200"], dendrite: ["400 M_EXCLUSIVE", "200"] },
  },
  {
    says: "/messages bare or user_id: 200 | 500 (panic, also with user_id); 200 with a token of AS login | 200; dir=f needs from",
    run: async (scene) => {
      const path = messagesPath(scene);
      return [
        (await scene.as("GET", `${path}?dir=b`)).status,
        (await scene.as("GET", `${path}?dir=b&${bot}`)).status,
        await by(scene, await loginToken(scene, "@bot:test"), `${path}?dir=b`),
        (await scene.as("GET", `${path}?dir=f&${bot}`)).status,
      ];
    },
    on: {
      synapse: [200, 200, 200, 200],
      conduit: [500, 500, 200, 500],
      conduwuit: [500, 500, 200, 500],
      continuwuity: [200, 200, 200, 200],
      tuwunel: [200, 200, 200, 200],
      dendrite: [200, 200, 200, 400],
    },
  },
  {
    says: "/sync bare / bot's own login token / ghost by user_id: 500 / 500 / 200 | 500 / 200 / 500 | 200 / 200 / 200",
    run: async (scene) => {
      await register(scene, "_irc_ghost");
      return [
        (await scene.as("GET", "/v3/sync?timeout=0")).status,
        await by(scene, await loginToken(scene, "@bot:test"), "/v3/sync?timeout=0"),
        (await scene.as("GET", `/v3/sync?timeout=0&user_id=${enc(ghost)}`)).status,
      ];
    },
    on: { synapse: [500, 500, 200], conduit: [500, 200, 500], dendrite: [200, 200, 200] },
  },
  {
    says: "/timestamp_to_event 200 | 404 | 404; knock 200 | 200 | 404",
    run: async (scene) => {
      const path = `/v1/rooms/${enc(scene.room)}/timestamp_to_event?ts=0&dir=f&${bot}`;
      return [
        (await scene.as("GET", path)).status,
        isOf(await scene.as("POST", `/v3/knock/${enc(scene.room)}?${bot}`, {})),
      ];
    },
    on: { synapse: [200, "403 M_FORBIDDEN"], conduit: [404, "403 M_FORBIDDEN"], dendrite: [404, "404 M_UNRECOGNIZED"] },
  },
  {
    says: "AS login of an unregistered ghost: 404 M_UNKNOWN | 500 (panic) | 200 with a token whose every use is a 500",
    run: async (scene) => {
      const identifier = { type: "m.id.user", user: "@_irc_never:test" };
      const answer = await scene.as("POST", "/v3/login", { type: "m.login.application_service", identifier });
      const token = String(answer.body["access_token"]);
      return [answer.status, answer.status === 200 ? await by(scene, token, "/v3/account/whoami") : "none"];
    },
    on: { synapse: [404, "none"], conduit: [500, "none"], dendrite: [200, 500] },
  },
  {
    says: "redactions pushed: yes, `redacts` top and in content | same | no, none of 3",
    run: async (scene) => {
      const event = await scene.alice.say(scene.room, "x");
      await scene.alice.redact(scene.room, event);
      await scene.say("after");
      await until(() => scene.service.texts().includes("after"));
      return scene.service.pushed
        .flatMap(({ body }) => body["events"] as { type: string; redacts?: string; content: Record<string, unknown> }[])
        .flatMap(({ type, redacts, content }) =>
          type === "m.room.redaction" ? [redacts === event && content["redacts"] === event] : [],
        );
    },
    on: { synapse: [true], conduit: [true], conduwuit: [true], continuwuity: [true], tuwunel: [true], dendrite: [] },
  },
];

describe("answers as measured", () => holdsTo(claims));
