/** Who one is: tokens, registration, masquerading, profiles. */
import { enc, fresh, registerGhost, type WireProbe } from "./wire.ts";

export const identityProbes: readonly WireProbe[] = [
  {
    name: "no token",
    run: async ({ by }) => (await by(undefined, "GET", "/v3/account/whoami")).is,
    synapse: "401 M_MISSING_TOKEN",
  },
  {
    name: "a token nobody has",
    run: async ({ by }) => (await by("nonsense", "GET", "/v3/account/whoami")).is,
    synapse: "401 M_UNKNOWN_TOKEN",
  },
  {
    name: "token in header and query",
    run: async ({ by, registration: { as_token } }) =>
      (await by(as_token, "GET", `/v3/account/whoami?access_token=${as_token}`)).is,
    synapse: "401 M_MISSING_TOKEN",
    conduit: "200",
  },
  {
    name: "a path that does not exist",
    run: async ({ by }) => (await by(undefined, "GET", "/v3/nothing/here")).is,
    synapse: "404 M_UNRECOGNIZED",
  },
  {
    name: "a method that the path does not know",
    run: async ({ by }) => (await by(undefined, "DELETE", "/v3/createRoom")).is,
    synapse: "405 M_UNRECOGNIZED",
  },
  {
    name: "ghost registered, again, outside, without type",
    run: async (wire) => {
      const name = fresh("_probe_r");
      return [
        (await registerGhost(wire, name)).is,
        (await registerGhost(wire, name)).is,
        (await registerGhost(wire, fresh("outside"))).is,
        (await wire.as(undefined, "POST", "/v3/register", { username: fresh("_probe_r") })).is,
      ];
    },
    synapse: ["200", "400 M_USER_IN_USE", "400 M_EXCLUSIVE", "400 M_UNKNOWN"],
    conduit: ["200", "400 M_USER_IN_USE", "400 M_EXCLUSIVE", "400 M_EXCLUSIVE"],
    dendrite: ["200", "400 M_USER_IN_USE", "400 M_EXCLUSIVE", "400 M_MISSING_PARAM"],
  },
  {
    name: "capitals in a localpart",
    run: async (wire) => (await registerGhost(wire, fresh("_probe_ABC"))).is,
    synapse: "200",
    conduit: "400 M_INVALID_USERNAME",
    dendrite: "400 M_INVALID_USERNAME",
  },
  {
    name: "inhibit_login is obeyed",
    run: async (wire) => {
      const plain = await registerGhost(wire, fresh("_probe_i"));
      const inhibited = await registerGhost(wire, fresh("_probe_i"), { inhibit_login: true });
      return ["access_token" in plain.body, "access_token" in inhibited.body];
    },
    synapse: [true, false],
  },
  {
    name: "acting as an unregistered ghost, as a stranger, as a person",
    run: async ({ as, alice, serverName }) => [
      (await as(`@_probe_nobody${fresh("x")}:${serverName}`, "GET", "/v3/joined_rooms")).is,
      (await as("@else:elsewhere.test", "GET", "/v3/joined_rooms")).is,
      (await as(alice.userId, "GET", "/v3/joined_rooms")).is,
    ],
    synapse: ["403 M_FORBIDDEN", "403 M_FORBIDDEN", "403 M_FORBIDDEN"],
    conduit: ["403 M_FORBIDDEN", "400 M_EXCLUSIVE", "400 M_EXCLUSIVE"],
    dendrite: ["403 M_FORBIDDEN", "401 M_UNKNOWN_TOKEN", "403 M_FORBIDDEN"],
  },
  {
    name: "login of a registered and of an unregistered ghost",
    run: async (wire) => {
      const login = (user: string) =>
        wire.as(undefined, "POST", "/v3/login", {
          type: "m.login.application_service",
          identifier: { type: "m.id.user", user },
        });
      return [(await login(await wire.ghost("l"))).is, (await login(`@_probe_${fresh("none")}:${wire.serverName}`)).is];
    },
    synapse: ["200", "404 M_UNKNOWN"],
    conduit: ["200", "500 M_UNKNOWN"],
    dendrite: ["200", "200"],
    conduwuit: "unknown",
    continuwuity: "unknown",
    tuwunel: "unknown",
  },
  {
    name: "a profile without a name is the localpart; one too long; of another",
    run: async (wire) => {
      const ghost = await wire.ghost("p");
      const other = await wire.ghost("q");
      const put = (user: string, of: string, displayname: string) =>
        wire.as(user, "PUT", `/v3/profile/${enc(of)}/displayname`, { displayname });
      const before = await wire.by(undefined, "GET", `/v3/profile/${enc(ghost)}`);
      return [
        before.body["displayname"] === ghost.slice(1).split(":")[0],
        (await put(ghost, ghost, "x".repeat(256))).is,
        (await put(ghost, ghost, "x".repeat(300))).is,
        (await put(ghost, other, "stolen")).is,
      ];
    },
    synapse: [true, "200", "400 M_UNKNOWN", "400 M_FORBIDDEN"],
    conduit: [true, "200", "200", "200"],
    dendrite: [true, "200", "200", "403 M_FORBIDDEN"],
    conduwuit: "unknown",
    continuwuity: "unknown",
    tuwunel: "unknown",
  },
  {
    name: "profile of nobody",
    run: async ({ by, serverName }) => (await by(undefined, "GET", `/v3/profile/${enc(`@none:${serverName}`)}`)).is,
    synapse: "404 M_UNKNOWN",
    conduit: "404 M_NOT_FOUND",
    dendrite: "404 M_NOT_FOUND",
  },
  {
    name: "sync with the bare token and as a ghost",
    run: async (wire) => [
      (await wire.as(undefined, "GET", "/v3/sync?timeout=0")).is.slice(0, 3),
      (await wire.as(await wire.ghost("s"), "GET", "/v3/sync?timeout=0")).is.slice(0, 3),
    ],
    synapse: ["500", "200"],
    conduit: ["500", "500"],
    dendrite: ["200", "200"],
    continuwuity: ["403", "403"],
    tuwunel: ["200", "200"],
  },
];
