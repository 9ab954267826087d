/** Accounts: registration, login, who one is, profiles, account data, devices. */
import { randomBytes } from "node:crypto";
import type { AccessTokens } from "./access-tokens.ts";
import type { AppserviceClient } from "./appservice-client.ts";
import type { Appservices } from "./appservices.ts";
import type { Database, User } from "./database.ts";
import { isObject, type JsonObject, textOf } from "./event.ts";
import { forbidden, MatrixFault, notFound } from "./fault.ts";
import type { Members } from "./membership.ts";
import type { Profile } from "./profile.ts";
import type { RateLimit } from "./rate-limit.ts";
import { type Call, param, type Register } from "./route.ts";

export interface AccountParts {
  readonly profile: Profile;
  readonly serverName: string;
  readonly database: Database;
  readonly appservices: Appservices;
  readonly client: AppserviceClient;
  readonly members: Members;
  readonly limit: RateLimit;
  readonly tokens: AccessTokens;
}

export function accountRoutes(parts: AccountParts, register: Register): void {
  const { profile, database, appservices, client, members, limit } = parts;
  const open = { auth: "none" } as const;
  register(
    "POST",
    "/register",
    (call) => (isPersonal(parts, call) ? registerPerson(parts, call) : registerGhost(parts, call)),
    open,
  );
  register(
    "GET",
    "/login",
    () => ({ flows: [{ type: "m.login.password" }, { type: "m.login.application_service" }] }),
    open,
  );
  register("POST", "/login", (call) => login(parts, call), open);
  register("GET", "/register/available", (call) => isAvailable(parts, call), open);
  register("POST", "/logout", ({ who }) => {
    database.removeToken(who.token);
    return {};
  });
  register("GET", "/account/whoami", ({ who }) => ({
    user_id: who.user,
    is_guest: who.guest,
    ...(who.device === undefined ? {} : { device_id: who.device }),
  }));

  const readProfile = (id: string): JsonObject => {
    const user = database.users.get(id);
    if (!user) throw new MatrixFault(...profile.profileOfNobody, "Profile was not found");
    return {
      ...(user.displayName === undefined ? {} : { displayname: user.displayName }),
      ...(user.avatarUrl === undefined ? {} : { avatar_url: user.avatarUrl }),
    };
  };
  /** Dendrite asks the appservice first whether there is such a ghost. */
  const profileOf = (id: string): JsonObject | Promise<JsonObject> => {
    if (profile.userQueries !== "profile" || database.users.has(id)) return readProfile(id);
    const asked = appservices.ownersOf(id).map((service) => {
      return client.call(service, "GET", `/_matrix/app/v1/users/${encodeURIComponent(id)}`);
    });
    return Promise.all(asked).then(() => readProfile(id));
  };
  const pickOf = async (id: string, key: string): Promise<JsonObject> => pick(await profileOf(id), key);
  register("GET", "/profile/:user", (call) => profileOf(param(call, 0)), open);
  register("GET", "/profile/:user/displayname", (call) => pickOf(param(call, 0), "displayname"), open);
  register("GET", "/profile/:user/avatar_url", (call) => pickOf(param(call, 0), "avatar_url"), open);
  const setProfile = (call: Call, change: (user: User) => { displayName?: string; avatarUrl?: string }): JsonObject => {
    const id = profile.profileOfOther === "the requester's" ? call.who.user : param(call, 0);
    if (id !== call.who.user && profile.profileOfOther !== "the requester's")
      throw new MatrixFault(...profile.profileOfOther, "Cannot set another user's profile");
    const user = database.users.get(id);
    if (!user) throw forbidden("User does not exist.");
    limited(limit, profile, call, "message");
    const wanted = change(user);
    if (same(user, wanted)) return {};
    database.setProfile(user, wanted);
    members.profileChanged(user);
    return {};
  };
  register("PUT", "/profile/:user/displayname", (call) =>
    setProfile(call, () => ({ displayName: displayName(profile, call.body) })),
  );
  register("PUT", "/profile/:user/avatar_url", (call) =>
    setProfile(call, () => ({ avatarUrl: textOf(call.body["avatar_url"]) ?? "" })),
  );

  register("GET", "/devices", ({ who }) => ({
    devices: [...(database.devices.get(who.user) ?? [])].map((device_id) => ({ device_id })),
  }));
  register("PUT", "/devices/:device", (call) => {
    if (!profile.devicesByAppservice || !call.who.service) throw notFound("No device found");
    database.devices.set(call.who.user, (database.devices.get(call.who.user) ?? new Set()).add(param(call, 0)));
    return {};
  });
  accountDataRoutes(database, register);
}

function accountDataRoutes(database: Database, register: Register): void {
  const own = (call: Call): User => {
    const user = database.users.get(param(call, 0));
    if (!user || user.id !== call.who.user) throw forbidden("Cannot touch account data of other users.");
    return user;
  };
  const read = (call: Call, key: string): JsonObject => {
    const entry = own(call).accountData.get(key);
    if (!entry) throw notFound("Account data not found");
    return entry.content;
  };
  const write = (call: Call, key: string): JsonObject => {
    database.setAccountData(own(call), key, call.body);
    return {};
  };
  const roomKey = (call: Call): string => `${param(call, 1)}\u0000${param(call, 2)}`;
  register("GET", "/user/:user/account_data/:type", (call) => read(call, param(call, 1)));
  register("PUT", "/user/:user/account_data/:type", (call) => write(call, param(call, 1)));
  register("GET", "/user/:user/rooms/:room/account_data/:type", (call) => read(call, roomKey(call)));
  register("PUT", "/user/:user/rooms/:room/account_data/:type", (call) => write(call, roomKey(call)));
  register("POST", "/user/:user/filter", (call) => ({ filter_id: String(database.filters.push(call.body) - 1) }));
  register("GET", "/user/:user/filter/:filter", (call) => database.filters[Number(param(call, 1))] ?? {});
}

const isPersonal = ({ appservices }: AccountParts, { body, token }: Call): boolean =>
  body["type"] !== "m.login.application_service" && (token === undefined || !appservices.byToken(token));

function registerGhost(parts: AccountParts, { body, token }: Call): JsonObject {
  const { profile, appservices, database } = parts;
  const service = token === undefined ? undefined : appservices.byToken(token);
  if (token === undefined) throw new MatrixFault(401, "M_MISSING_TOKEN", "Missing access token");
  if (!service) throw new MatrixFault(401, "M_UNKNOWN_TOKEN", "Unrecognised access token");
  if (body["type"] !== "m.login.application_service")
    throw new MatrixFault(...profile.registerWithoutType, "Invalid registration type");
  const localpart = textOf(body["username"]) ?? textOf(body["user"]);
  if (localpart === undefined) throw new MatrixFault(400, "M_MISSING_PARAM", "Desired Username is missing");
  const id = checkedId(parts, localpart);
  if (!service.ownsUser(id)) throw new MatrixFault(400, "M_EXCLUSIVE", "Username is not in the appservice's namespace");
  if (database.users.has(id)) throw new MatrixFault(400, "M_USER_IN_USE", "User ID already taken.");
  database.addUser({ id, appservice: service.id, displayName: localpart });
  if (body["inhibit_login"] === true) return { user_id: id, home_server: parts.serverName };
  return { ...newToken(parts, id, body, profile.registeredIsGuest), home_server: parts.serverName };
}

function registerPerson(parts: AccountParts, { body }: Call): JsonObject {
  const { database } = parts;
  const auth = body["auth"];
  if (!isObject(auth) || auth["type"] !== "m.login.dummy") {
    const extra = { flows: [{ stages: ["m.login.dummy"] }], params: {}, session: randomBytes(12).toString("hex") };
    throw new MatrixFault(401, "M_UNAUTHORIZED", "Choose how to register", extra);
  }
  const localpart = textOf(body["username"]) ?? `u${randomBytes(6).toString("hex")}`;
  const id = checkedId(parts, localpart);
  refuseReserved(parts, id);
  if (database.users.has(id)) throw new MatrixFault(400, "M_USER_IN_USE", "User ID already taken.");
  database.addUser({ id, password: textOf(body["password"]) ?? "", displayName: localpart });
  if (body["inhibit_login"] === true) return { user_id: id, home_server: parts.serverName };
  return { ...newToken(parts, id, body, false), home_server: parts.serverName };
}

function isAvailable(parts: AccountParts, { query }: Call): JsonObject {
  const id = checkedId(parts, query.get("username") ?? "");
  refuseReserved(parts, id);
  if (parts.database.users.has(id)) throw new MatrixFault(400, "M_USER_IN_USE", "User ID already taken.");
  return { available: true };
}

function refuseReserved({ appservices }: AccountParts, id: string): void {
  if ([...appservices.all.values()].some((service) => service.ownsUserExclusively(id)))
    throw new MatrixFault(400, "M_EXCLUSIVE", "This user ID is reserved by an application service.");
}

function checkedId({ profile, serverName }: AccountParts, localpart: string): string {
  const id = `@${localpart}:${serverName}`;
  const allowed = profile.strictLocalparts ? /^[a-z0-9._=/+-]+$/ : /^[!-9;-?A-~]+$/;
  if (!allowed.test(localpart) || Buffer.byteLength(id) > 255)
    throw new MatrixFault(400, "M_INVALID_USERNAME", "User ID can only contain characters a-z, 0-9, or '=_-./+'");
  return id;
}

function login(parts: AccountParts, call: Call): JsonObject {
  const { body, token } = call;
  const { database, appservices, profile, serverName } = parts;
  const identifier = isObject(body["identifier"]) ? body["identifier"] : {};
  const name = textOf(identifier["user"]) ?? textOf(body["user"]) ?? "";
  const id = name.startsWith("@") ? name : `@${name}:${serverName}`;
  const user = database.users.get(id);
  if (body["type"] === "m.login.application_service") {
    const service = token === undefined ? undefined : appservices.byToken(token);
    if (!service)
      throw new MatrixFault(
        token === undefined ? 401 : 403,
        token === undefined ? "M_MISSING_TOKEN" : "M_FORBIDDEN",
        "Not an application service",
      );
    if (!service.ownsUser(id))
      throw new MatrixFault(...profile.outsideNamespace, "User is not in the appservice's namespace");
    if (profile.rateLimits && service.registration.rate_limited !== false) parts.limit.take("login", id);
    if (parts.tokens.isDeactivated(id))
      throw new MatrixFault(403, "M_USER_DEACTIVATED", "This account has been deactivated");
    if (!user && profile.loginOfUnregistered !== "useless")
      throw new MatrixFault(...profile.loginOfUnregistered, "Unknown user");
    return newToken(parts, id, body, false);
  }
  if (body["type"] !== "m.login.password") throw new MatrixFault(400, "M_UNKNOWN", "Unknown login type");
  if (parts.tokens.isDeactivated(id))
    throw new MatrixFault(403, "M_USER_DEACTIVATED", "This account has been deactivated");
  if (!user || user.password === undefined || user.password !== body["password"])
    throw forbidden("Invalid username or password");
  return newToken(parts, id, body, false);
}

function newToken({ database, serverName }: AccountParts, user: string, body: JsonObject, guest: boolean): JsonObject {
  const token = `sbx_${randomBytes(18).toString("base64url")}`;
  const device = textOf(body["device_id"]) ?? randomBytes(5).toString("hex").toUpperCase();
  database.addToken(token, { user, device, guest });
  return { user_id: user, access_token: token, device_id: device, home_server: serverName };
}

function displayName(profile: Profile, body: JsonObject): string {
  const name = textOf(body["displayname"]) ?? "";
  if (profile.displayNameMax !== undefined && name.length > profile.displayNameMax)
    throw new MatrixFault(400, "M_UNKNOWN", `Displayname is too long (max ${profile.displayNameMax})`);
  return name;
}

const same = (user: User, wanted: { displayName?: string; avatarUrl?: string }): boolean =>
  ("displayName" in wanted && user.displayName === wanted.displayName) ||
  ("avatarUrl" in wanted && user.avatarUrl === wanted.avatarUrl);

function pick(profile: JsonObject, key: string): JsonObject {
  return key in profile ? { [key]: profile[key] } : {};
}

export function limited(limit: RateLimit, profile: Profile, { who }: Call, kind: "message" | "invite"): void {
  if (profile.rateLimits && who.service && who.service.registration.rate_limited !== false) limit.take(kind, who.user);
}
