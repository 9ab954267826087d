/**
 * The guards that `npm run proof` takes away one at a time, and for each the test that must go red when it is gone. `find` is an
 * exact piece of the file; it must occur exactly once.
 */
export interface Guard {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly test: { readonly file: string; readonly name: string };
}

export const guards: readonly Guard[] = [
  {
    name: "what comes twice is taken once",
    file: "packages/store/src/journal-statements.ts",
    find: '.onConflict("key").ignore()',
    replace: "",
    test: {
      file: "packages/store/test/sqlite-store.test.ts",
      name: "takes a key once: within one call, across calls, after it is settled",
    },
  },
  {
    name: "the homeserver's token is asked for",
    file: "packages/matrix/src/delivery/appservice-http.ts",
    find: "if (denied !== undefined) return deny(",
    replace: "if (denied === 0) return deny(",
    test: { file: "packages/matrix/test/ingest.test.ts", name: "queries want the token too" },
  },
  {
    name: "our own events are recognised and dropped",
    file: "packages/matrix/src/delivery/ingest.ts",
    find: "if (isOwn(event.sender)) echo(event);",
    replace: "if (event.content[puppetField] === puppet) echo(event);",
    test: {
      file: "packages/matrix/test/ingest.test.ts",
      name: "events of our bot, our ghosts and our double puppets are dropped, a sibling's puppet is not",
    },
  },
  {
    name: "transaction ids are made of what they stand for",
    file: "packages/matrix/src/client.ts",
    find: 'hash("sha256", `${span}\\n${ghost}\\n${room}\\n${type}\\n${key}`, "base64url")',
    replace: 'hash("sha256", `${span}\\n${room}\\n${type}\\n${key}`, "base64url")',
    test: {
      file: "packages/matrix/test/client.test.ts",
      name: "transaction ids are stable and tell ghost, room, type and key apart",
    },
  },
  {
    name: "text is escaped in HTML",
    file: "packages/matrix/src/html/print.ts",
    find: 'text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")',
    replace: "text",
    test: { file: "packages/matrix/test/html-print.test.ts", name: "html printed: styles" },
  },
  {
    name: "CR, LF and NUL never reach the IRC wire",
    file: "packages/irc/src/wire-writer.ts",
    find: 'if (line.includes("\\r") || line.includes("\\n") || line.includes("\\0"))',
    replace: 'if (line === "")',
    test: {
      file: "packages/irc/test/wire-writer.test.ts",
      name: "no method that writes gets CR, LF, NUL or a second target past it",
    },
  },
  {
    name: "a relayed name calls nobody",
    file: "packages/irc/src/harmless-text.ts",
    find: "return `${first}\\u200b${name.slice(first.length)}`;",
    replace: "return `${first}${name.slice(first.length)}`;",
    test: {
      file: "packages/irc/test/names.test.ts",
      name: "never calls anybody: a zero-width space stands behind the first character",
    },
  },
  {
    name: "only its author or a moderator changes a message",
    file: "packages/core/src/translate.ts",
    find: "if (!rows.every(how.mayActOn))",
    replace: "if (rows.length === 0)",
    test: {
      file: "packages/core/test/pure.test.ts",
      name: "an edit or deletion of what the actor may not touch is refused",
    },
  },
  {
    name: "who may not speak is not carried",
    file: "packages/core/src/outward.ts",
    find: 'if (!atLeast(level, "relay"))',
    replace: 'if (!atLeast(level, "block"))',
    test: {
      file: "packages/core/test/links.test.ts",
      name: "a stranger's invite is declined, and a blocked person is not carried",
    },
  },
  {
    name: "how a job ended is written down",
    file: "packages/core/src/lane.ts",
    find: "const commit = this.#host.journal\n      .settle(job.seq, outcome)",
    replace: "const commit = Promise.resolve()",
    test: {
      file: "packages/core/test/journeys.test.ts",
      name: "a mistake of ours is tried five times and then listed, while the lane goes on",
    },
  },
  {
    name: "a lane hands its jobs out in order",
    file: "packages/core/src/lane-queue.ts",
    find: "const job = this.#jobs.shift();",
    replace: "const job = this.#jobs.pop();",
    test: {
      file: "packages/core/test/journeys.test.ts",
      name: "what was taken before a kill is delivered after it, in order",
    },
  },
  {
    name: "one process per database",
    file: "packages/store/src/sqlite-lock.ts",
    find: 'lock.exec("begin exclusive");',
    replace: "",
    test: { file: "packages/runtime/test/run-span.test.ts", name: "a second process on one database" },
  },
  {
    name: "secrets do not reach the log",
    file: "packages/runtime/src/redact.ts",
    find: "for (const secret of known) result = result.replaceAll(secret, gone);",
    replace: "",
    test: { file: "packages/runtime/test/redact.test.ts", name: "by value, wherever it stands" },
  },
  {
    name: "a command wants the admin token",
    file: "packages/runtime/src/admin-server.ts",
    find: "if (!sameText(given, options.token))",
    replace: 'if (given === "never")',
    test: { file: "packages/runtime/test/admin-server.test.ts", name: "refuses a command with" },
  },
  {
    name: "what the homeserver never pushed is fetched",
    file: "packages/matrix/src/delivery/gap-repair.ts",
    find: "await handIn(room.room, await unknown(room.room, cut(newest, room).events));",
    replace: "",
    test: {
      file: "packages/matrix/test/recovery.test.ts",
      name: "[L3] at the start, what was never pushed is fetched in order, marked late",
    },
  },
  {
    name: "an encrypted room is not linked",
    file: "packages/core/src/links.ts",
    find: "if (description.encrypted) {",
    replace: "if (description.encrypted === undefined) {",
    test: { file: "packages/core/test/links.test.ts", name: "[R9] linking one is refused with what to do instead" },
  },
  {
    name: "no link closes a circle",
    file: "packages/core/src/circles.ts",
    find: "if (through !== undefined) {",
    replace: "if (through === null) {",
    test: {
      file: "packages/core/test/cluster.test.ts",
      name: "a link that closes one is refused with the way it goes",
    },
  },
  {
    name: "two bots are stopped",
    file: "packages/core/src/brakes.ts",
    find: "if (next.count < exchangeMax) return false;",
    replace: "if (next.count > 0) return false;",
    test: { file: "packages/core/test/brakes.test.ts", name: "are stopped within 20 messages, and the room is told" },
  },
  {
    name: "a deletion of everything is not believed",
    file: "packages/core/src/brakes.ts",
    find: "if (current.count > deletionsMax) {",
    replace: "if (current.count < 0) {",
    test: {
      file: "packages/core/test/brakes.test.ts",
      name: "a deletion of everything is stopped, told, and done only when somebody asks again",
    },
  },
  {
    name: "what waits while a room is replaced stays waiting after a kill",
    file: "packages/core/src/moves.ts",
    find: "        hold(tombstone.room_id);",
    replace: "",
    test: {
      file: "packages/core/test/moves.test.ts",
      name: "killed while it waits for the new room: still held, and it follows",
    },
  },
  {
    name: "a message has one name in every room and chat",
    file: "packages/core/src/outward-said.ts",
    find: "isAt(portal, source) ? id : saidElsewhere(id);",
    replace: "isAt(portal, source) ? id : id;",
    test: {
      file: "packages/core/test/cluster.test.ts",
      name: "replies, edits, reactions and deletions find their message in every room",
    },
  },
  {
    name: "whois vouches only for the very person who asked",
    file: "packages/irc/src/vouching.ts",
    find: "question.isSame = `${param(message, 2)}@${param(message, 3)}` === question.mask;",
    replace: "question.isSame = true;",
    test: {
      file: "packages/irc/test/accounts.test.ts",
      name: "who went before the owner of the nick came back",
    },
  },
  {
    name: "with account-tag, a line without one has no account",
    file: "packages/irc/src/line-events.ts",
    find: "return sources().tagged ? tag : known;",
    replace: "return tag ?? known;",
    test: {
      file: "packages/irc/test/accounts.test.ts",
      name: "is that of account-tag, and none when the tag is missing",
    },
  },
  {
    name: "only an account that the network vouches for is tied",
    file: "packages/core/src/accounts.ts",
    find: 'if (!proven) return { kind: "unproven" };',
    replace: "",
    test: {
      file: "packages/core/test/accounts.test.ts",
      name: "the network must vouch for the account, and the code stays good",
    },
  },
  {
    name: "a token never reaches the journal",
    file: "packages/core/src/intake.ts",
    find: "const event = forBot ? await options.secrets.seal(pushed) : pushed;",
    replace: "const event = pushed;",
    test: {
      file: "packages/core/test/accounts.test.ts",
      name: "is taken out of sight, and stands nowhere",
    },
  },
  {
    name: "a sealed row opens under its own name only",
    file: "packages/store/src/seal.ts",
    find: "Buffer.from(`${keyId}\\n${encodeText(name)}`)",
    replace: "Buffer.from(keyId)",
    test: { file: "packages/store/test/seal.test.ts", name: "a row copied to another name" },
  },
  {
    name: "a public address is signed by us",
    file: "packages/matrix/src/media/link.ts",
    find: 'if (!timingSafeEqual(wanted, Buffer.from(given))) return "forged";',
    replace: 'if (given === "") return "forged";',
    test: { file: "packages/matrix/test/media-proxy.test.ts", name: "forged, changed or signed with another key" },
  },
  {
    name: "a redacted file is gone at once",
    file: "packages/matrix/src/media/media.ts",
    find: "proxy.forget(event.room_id, target)",
    replace: "String([event.room_id, target])",
    test: { file: "packages/matrix/test/media-homeserver.test.ts", name: "until it is redacted" },
  },
  {
    name: "an upload whose answer was lost is not made again",
    file: "packages/matrix/src/media/upload.ts",
    find: 'if (failure?.errcode === "M_CANNOT_OVERWRITE_MEDIA") return mxc;',
    replace: 'if (failure?.errcode === "never") return mxc;',
    test: { file: "packages/matrix/test/media-transfer.test.ts", name: "the answer to the bytes was lost" },
  },
  {
    name: "nobody confirms the sending of somebody else",
    file: "packages/matrix/src/delivery/confirmation.ts",
    find: "const saidBy = (name: string, sender: UserId) => `${name}\\n${sender}`;",
    replace: "const saidBy = (name: string, _sender: UserId) => name;",
    test: {
      file: "packages/matrix/test/puppet-send.test.ts",
      name: "do not confirm somebody else's send",
    },
  },
  {
    name: "a login server elsewhere is spoken to over https only",
    file: "packages/matrix/src/puppets/oauth-http.ts",
    find: '(protocol === "http:" && origin === home)',
    replace: 'protocol === "http:"',
    test: {
      file: "packages/matrix/test/oauth.test.ts",
      name: "another origin over http",
    },
  },
  {
    name: "what is pushed behind a gap waits until the gap is fetched",
    file: "packages/matrix/src/delivery/marks.ts",
    find: "inOrder: (rooms) => (marks.size === 0 && underWay === 0 ? undefined : catchUp(rooms)),",
    replace: "inOrder: () => undefined,",
    test: { file: "packages/matrix/test/delivery-order.test.ts", name: "killed with a transaction open" },
  },
  {
    name: "redactions that are not pushed are found",
    file: "packages/matrix/src/delivery/gap-repair.ts",
    find: "...redactionsOf(above, room, events, isOwn), ",
    replace: "",
    test: { file: "packages/matrix/test/recovery.test.ts", name: "only the redacted event tells of" },
  },
  {
    name: "a room that is no successor is not followed",
    file: "packages/matrix/src/rooms/room-upgrades.ts",
    find: "if (predecessor.room_id !== tombstone.room_id)",
    replace: "if (predecessor.room_id === undefined)",
    test: { file: "packages/matrix/test/homeserver-contract.test.ts", name: "as its predecessor is left again" },
  },
];
