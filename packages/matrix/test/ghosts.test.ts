import { jobKey, type Part, partKey, roomId } from "@trestle/core";
import { createMemoryStore } from "@trestle/testing";
import { aBridge, aHomeserver, author, closeAll, room, until } from "./a-bridge.ts";
import type { TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

let next = 1;
const key = () => partKey(jobKey(`k${next++}`), 0);
const text = (body = "x"): Part => ({ op: "event", type: "m.room.message", content: { msgtype: "m.text", body } });
const ghost = "@_irc_libera_ann:hs.test";

/** What was asked about ghosts and rooms since the last look. */
function calls(server: TinyHomeserver): string[] {
  return server.seen
    .splice(0)
    .filter((seen) => /register|profile|join|invite|\/send\/m.room|leave|pushrules|state/.test(seen.path))
    .map(
      (seen) =>
        `${seen.method} ${seen.path
          .split("/")
          .slice(4)
          .join("/")
          .replace(/\/[A-Za-z0-9_-]{43}$/, "")
          .replace(room, "R")}`,
    );
}

async function ready(prepare: (server: TinyHomeserver) => void = () => {}) {
  const server = await aHomeserver();
  prepare(server);
  const store = createMemoryStore();
  const bridge = await aBridge(server, { store });
  server.seen.length = 0;
  return { server, ...bridge };
}

/** Until nothing is left to do for this ghost. */
const settled = (server: TinyHomeserver, id = ghost) => until(`${id} has a profile`, () => server.names.has(id));

test("[P1] a new ghost speaks at its third call, by its name; its profile is set afterwards", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann", "Ann"), key());
  expect(server.rooms.get(room)?.state.get(`m.room.member|${ghost}`)?.content["displayname"]).toBe("Ann");
  await settled(server);
  expect(server.requests("/register")[0]?.body).toEqual({
    type: "m.login.application_service",
    username: "_irc_libera_ann",
    inhibit_login: true,
  });
  expect(calls(server)).toEqual([
    "POST register",
    `PUT rooms/R/state/m.room.member/${ghost}`,
    "PUT rooms/R/send/m.room.message",
    `PUT profile/${ghost}/displayname`,
  ]);
});

test("[P1] an account that is there already is just as good", async () => {
  const { server, matrix } = await ready((hs) => hs.users.add(ghost));
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(server.membership(room, ghost)).toBe("join");
});

test("[R5] after a restart of ours a known ghost costs nothing but its message", async () => {
  const { server, store, matrix, stop } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  await stop();
  const again = await aBridge(server, { store });
  server.seen.length = 0;
  await again.matrix.sendPart(room, text(), author("ann"), key());
  expect(calls(server)).toEqual(["PUT rooms/R/send/m.room.message"]);
});

test("[R5] in a room by invitation the bot invites, and knows that for the next one", async () => {
  const { server, matrix } = await ready((hs) => (hs.inviteOnly = true));
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(calls(server)).toEqual(expect.arrayContaining(["POST rooms/R/invite"]));
  await matrix.sendPart(room, text(), author("bob"), key());
  await settled(server, "@_irc_libera_bob:hs.test");
  expect(calls(server)).toEqual([
    "PUT profile/@_irc_libera_ann:hs.test/displayname",
    "POST register",
    "POST rooms/R/invite",
    "PUT rooms/R/state/m.room.member/@_irc_libera_bob:hs.test",
    "PUT rooms/R/send/m.room.message",
    "PUT profile/@_irc_libera_bob:hs.test/displayname",
  ]);
});

test("[P1] where no join takes a name, ghosts are named first; that is found out once", async () => {
  const { server, matrix } = await ready();
  server.faults.push((seen) =>
    seen.path.includes("/state/m.room.member/") && seen.method === "PUT"
      ? { status: 400, body: { errcode: "M_UNKNOWN" } }
      : undefined,
  );
  await matrix.sendPart(room, text(), author("ann", "Ann"), key());
  await matrix.sendPart(room, text(), author("bob", "Bob"), key());
  expect(server.names.get(ghost)).toBe("Ann");
  expect(calls(server).filter((call) => call.startsWith("PUT rooms/R/state"))).toHaveLength(1);
});

test("[R5] many first messages of one ghost at once make it once", async () => {
  const { server, matrix } = await ready();
  await Promise.all(Array.from({ length: 20 }, () => matrix.sendPart(room, text(), author("ann"), key())));
  await settled(server);
  const made = calls(server);
  expect(made.filter((call) => call === "POST register")).toHaveLength(1);
  expect(made.filter((call) => call.startsWith("PUT rooms/R/state"))).toHaveLength(1);
  expect(made.filter((call) => call.startsWith("PUT profile"))).toHaveLength(1);
});

test("[R5] joins are paced: never more than a few at once", async () => {
  const { server, matrix } = await ready();
  let open = 0;
  let most = 0;
  server.faults.push((seen) => {
    if (seen.method === "PUT" && seen.path.includes("/state/m.room.member/")) most = Math.max(most, ++open);
    if (seen.path.includes("/send/")) open -= 1;
    return undefined;
  });
  await Promise.all(
    Array.from({ length: 60 }, (_one, index) => matrix.sendPart(room, text(), author(`u${index}`), key())),
  );
  expect(most).toBeLessThan(40);
  expect(server.requests("/send/m.room.message")).toHaveLength(60);
});

test("[R5] a ghost that was thrown out unseen joins once more", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  server.member(room, ghost, "leave");
  await matrix.sendPart(room, text("again"), author("ann"), key());
  expect(server.membership(room, ghost)).toBe("join");
  expect(server.rooms.get(room)?.events.at(-1)?.content["body"]).toBe("again");
});

test("[R5] a kick that is seen costs no refused message", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  const kick = { ...server.member(room, ghost, "leave"), sender: "@alice:hs.test" };
  await server.push([kick]);
  server.seen.length = 0;
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(calls(server)).toEqual(["POST rooms/R/join", "PUT rooms/R/send/m.room.message"]);
});

test("[R5] a banned ghost is never joined again, until it is unbanned", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  const ban = { ...server.member(room, ghost, "ban"), sender: "@alice:hs.test" };
  await server.push([ban]);
  server.seen.length = 0;
  await expect(matrix.sendPart(room, text(), author("ann"), key())).rejects.toMatchObject({
    code: "homeserver-refused",
  });
  expect(calls(server)).toEqual([]);
  const unban = { ...server.member(room, ghost, "leave"), sender: "@alice:hs.test" };
  await server.push([unban]);
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(server.membership(room, ghost)).toBe("join");
});

test("[R5] a ban nobody told us of is found out at the first refusal, without an invitation", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  server.member(room, ghost, "ban");
  await expect(matrix.sendPart(room, text(), author("ann"), key())).rejects.toMatchObject({
    code: "homeserver-refused",
  });
  await expect(matrix.sendPart(room, text(), author("ann"), key())).rejects.toMatchObject({
    code: "homeserver-refused",
  });
  expect(calls(server)).not.toContain("POST rooms/R/invite");
  expect(server.membership(room, ghost)).toBe("ban");
});

test("[R5] a room that lets ghosts not speak does not make them join again for every message", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  server.faults.push((seen) =>
    seen.path.includes("/send/m.room.message") ? { status: 403, body: { errcode: "M_FORBIDDEN" } } : undefined,
  );
  server.seen.length = 0;
  for (let index = 0; index < 5; index++)
    await expect(matrix.sendPart(room, text(), author("ann"), key())).rejects.toThrow();
  expect(calls(server).filter((call) => call.endsWith("/join"))).toHaveLength(1);
});

test("[P1] a new name is put once, the same name never again", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann", "Ann"), key());
  await settled(server);
  server.seen.length = 0;
  await matrix.renameGhost(author("ann", "Annie"));
  await matrix.renameGhost(author("ann", "Annie"));
  await matrix.sendPart(room, text(), author("ann", "Annie"), key());
  expect(calls(server)).toEqual([`PUT profile/${ghost}/displayname`, "PUT rooms/R/send/m.room.message"]);
});

test("[P1] somebody without a ghost gets none by changing his name, unless his former ghost had spoken", async () => {
  const { server, matrix } = await ready();
  await matrix.renameGhost(author("ann", "Annie"));
  expect(calls(server)).toEqual([]);
  await matrix.sendPart(room, text(), author("ann"), key());
  await settled(server);
  server.seen.length = 0;
  await matrix.renameGhost(author("annie", "annie"), author("ann").id);
  expect(calls(server)).toEqual(["POST register", "PUT profile/@_irc_libera_annie:hs.test/displayname"]);
});

test("[R5] a ghost leaves once, and comes back when it speaks", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  await matrix.leaveGhost(author("ann"), room);
  await matrix.leaveGhost(author("ann"), room);
  expect(server.requests("/leave")).toHaveLength(1);
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(server.membership(room, ghost)).toBe("join");
});

test("[L3] a ghost is muted once where the homeserver pays for each, and nowhere else", async () => {
  const { server, matrix } = await ready((hs) => (hs.versions = ["v1.1", "v1.2"]));
  await matrix.sendPart(room, text(), author("ann"), key());
  await settled(server);
  await matrix.sendPart(room, text(), author("ann"), key());
  expect(server.requests("/pushrules/global/override/.m.rule.master/enabled")).toHaveLength(1);
  const other = await ready();
  await other.matrix.sendPart(room, text(), author("ann"), key());
  expect(other.server.requests("/pushrules")).toHaveLength(0);
});

test("[L1] a homeserver that fails at the registration leaves nothing half done", async () => {
  const { server, matrix, store } = await ready();
  server.faults.push((seen) => (seen.path.includes("/state/m.room.member/") ? { status: 502 } : undefined));
  await expect(matrix.sendPart(room, text(), author("ann"), key())).rejects.toMatchObject({
    code: "homeserver-unreachable",
  });
  expect(await store.ghosts.joinedRooms(matrix.ghostOf(author("ann")))).toEqual([]);
  server.faults = [];
  await matrix.sendPart(room, text(), author("ann"), key());
  await until("joined", () => server.membership(room, ghost) === "join");
});

test("service words go by the bot", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text("gap"), { ...author("irc"), service: true }, key());
  expect(server.rooms.get(room)?.events.at(-1)?.sender).toBe("@bot:hs.test");
});

test("[C9 matrix] what a ghost may not take back, the bot does", async () => {
  const { server, matrix } = await ready();
  await matrix.sendPart(room, text(), author("ann"), key());
  server.faults.push((seen) =>
    seen.path.includes("/redact/") && seen.query.get("user_id") === ghost
      ? { status: 403, body: { errcode: "M_FORBIDDEN" } }
      : undefined,
  );
  await matrix.sendPart(room, { op: "redact", event: "$other", reason: "r" }, author("ann"), key());
  expect(server.rooms.get(room)?.events.at(-1)).toMatchObject({ sender: "@bot:hs.test", redacts: "$other" });
});

test("[C12 matrix] a reaction that was there already is found; one taken back is redacted", async () => {
  const { server, matrix } = await ready();
  const relates = { rel_type: "m.annotation", event_id: "$target", key: "+" };
  const react: Part = { op: "event", type: "m.reaction", content: { "m.relates_to": relates } };
  const first = await matrix.sendPart(room, react, author("ann"), key());
  server.faults.push((seen) =>
    seen.path.includes("/send/m.reaction") ? { status: 400, body: { errcode: "M_DUPLICATE_ANNOTATION" } } : undefined,
  );
  expect(await matrix.sendPart(room, react, author("ann"), key())).toBe(first);
  await matrix.sendPart(room, { op: "unreact", target: "$target", key: "+" }, author("ann"), key());
  expect(server.rooms.get(room)?.events.at(-1)).toMatchObject({ sender: ghost, redacts: first });
  await expect(
    matrix.sendPart(room, { op: "unreact", target: "$target", key: "?" }, author("ann"), key()),
  ).rejects.toMatchObject({ code: "no-target" });
});

test("[S1 matrix] ids of rooms and events cannot climb out of their place in the address", async () => {
  const { server, matrix } = await ready();
  await expect(
    matrix.sendPart(roomId("!x/../../admin?y=1#z"), text(), { ...author("irc"), service: true }, key()),
  ).rejects.toMatchObject({ code: "homeserver-refused" });
  expect(server.seen.some((seen) => seen.query.has("y"))).toBe(false);
});
