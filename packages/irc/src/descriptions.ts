/**
 * What the core is told of channels and people when it asks: read from what a connection knows, without a word to the server.
 */
import type { ChatDescription, ChatKey, NetworkId, RemoteAuthor, RemoteUserId } from "@trestle/core";
import type { Connection } from "./connections.ts";
import { decodeRemoteUser, encodeRemoteUser } from "./ids.ts";

export function describeChannel({ channels, problemOf }: Connection, chat: ChatKey): ChatDescription {
  const channel = channels.find(chat.id);
  const problem = problemOf(chat);
  return {
    name: channel?.name ?? chat.id,
    ...(channel?.topic === undefined ? {} : { topic: channel.topic }),
    ...(channel === undefined ? {} : { memberCount: channel.members.size }),
    joined: channel?.joined === true,
    ...(problem === undefined ? {} : { problem }),
  };
}

export function describePerson({ channels }: Connection, network: NetworkId, user: RemoteUserId): RemoteAuthor {
  const known = decodeRemoteUser(user);
  // people on IRC are called by their nick, whatever their account
  const person = "nick" in known ? channels.person(known.nick) : channels.withAccount(known.account);
  return { network, id: user, name: person?.nick ?? ("nick" in known ? known.nick : known.account) };
}

/** Everybody in the channel but ourselves, as far as NAMES and WHO have told. */
export function describeMembers({ channels, facts }: Connection, { id, network }: ChatKey): readonly RemoteAuthor[] {
  const { mapping, nick: own } = facts();
  const idOf = (nick: string, account: string | undefined): RemoteUserId =>
    encodeRemoteUser({ nick, account }, mapping);
  return [...(channels.find(id)?.members.keys() ?? [])]
    .filter(({ nick }) => idOf(nick, undefined) !== idOf(own, undefined))
    .map(({ nick, account }) => ({ network, id: idOf(nick, account), name: nick }));
}
