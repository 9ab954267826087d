/** The registered appservices and which users, aliases and rooms are theirs. */
import type { Database } from "./database.ts";
import type { Profile } from "./profile.ts";
import { membershipOf, type Room } from "./room.ts";

/** A registration as its YAML file has it. */
export interface SandboxRegistration {
  readonly id: string;
  readonly url: string | null;
  readonly as_token: string;
  readonly hs_token: string;
  readonly sender_localpart: string;
  readonly rate_limited?: boolean;
  readonly receive_ephemeral?: boolean;
  readonly "de.sorunome.msc2409.push_ephemeral"?: boolean;
  readonly namespaces: {
    readonly users?: readonly SandboxNamespace[];
    readonly aliases?: readonly SandboxNamespace[];
    readonly rooms?: readonly SandboxNamespace[];
  };
}

export interface SandboxNamespace {
  readonly regex: string;
  readonly exclusive: boolean;
}

export interface Appservice {
  readonly id: string;
  registration: SandboxRegistration;
  readonly botId: string;
  ownsUser(user: string): boolean;
  ownsUserExclusively(user: string): boolean;
  ownsAlias(alias: string): boolean;
  ownsRoom(room: string): boolean;
}

export interface Appservices {
  readonly all: ReadonlyMap<string, Appservice>;
  add(registration: SandboxRegistration): Appservice;
  byToken(token: string): Appservice | undefined;
  isBot(user: string): boolean;
  /** Those that own this user, bots included. */
  ownersOf(user: string): readonly Appservice[];
  /** Keeps `room.interest` right; called with every change of membership. */
  memberChanged(room: Room, user: string, before: string): void;
}

export function createAppservices(profile: Profile, serverName: string, database: Database): Appservices {
  const all = new Map<string, Appservice>();
  const tokens = new Map<string, Appservice>();
  const owners = new Map<string, readonly Appservice[]>();
  const ownersOf = (user: string): readonly Appservice[] => {
    const known = owners.get(user);
    if (known) return known;
    const found = [...all.values()].filter((service) => service.ownsUser(user));
    owners.set(user, found);
    return found;
  };
  const memberChanged = (room: Room, user: string, before: string): void => {
    const joined = membershipOf(room, user) === "join";
    if (joined === (before === "join")) return;
    for (const { id } of ownersOf(user)) room.interest.set(id, (room.interest.get(id) ?? 0) + (joined ? 1 : -1));
  };
  return {
    all,
    add: (registration) => {
      const service = describe(registration, profile, serverName);
      all.set(service.id, service);
      tokens.set(registration.as_token, service);
      owners.clear();
      for (const room of database.rooms.values()) {
        room.interest.clear();
        for (const user of room.members.keys()) memberChanged(room, user, "leave");
      }
      return service;
    },
    byToken: (token) => tokens.get(token),
    isBot: (user) => [...all.values()].some(({ botId }) => botId === user),
    ownersOf,
    memberChanged,
  };
}

function describe(registration: SandboxRegistration, profile: Profile, serverName: string): Appservice {
  const compile = (spaces: readonly SandboxNamespace[] | undefined, onlyExclusive = false) => {
    const patterns = (spaces ?? [])
      .filter((space) => space.exclusive || !onlyExclusive)
      .map((space) => new RegExp(profile.namespaceAnchored ? `^(?:${space.regex})` : space.regex));
    return (id: string) => patterns.some((pattern) => pattern.test(id));
  };
  const { users, aliases, rooms } = registration.namespaces;
  const inUsers = compile(users);
  const botId = `@${registration.sender_localpart}:${serverName}`;
  return {
    id: registration.id,
    registration,
    botId,
    ownsUser: (user) => user === botId || (user.endsWith(`:${serverName}`) && inUsers(user)),
    ownsUserExclusively: compile(users, true),
    ownsAlias: compile(aliases),
    ownsRoom: compile(rooms),
  };
}
