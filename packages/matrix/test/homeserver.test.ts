import { emptyLookup, jobKey, type Part, partKey } from "@trestle/core";
import { aContent } from "@trestle/testing";
import { aBridge, aHomeserver, author, bot, closeAll, room, until } from "./a-bridge.ts";

afterEach(closeAll);

const key = (name: string) => partKey(jobKey(name), 0);
const text = (body: string): Part => ({ op: "event", type: "m.room.message", content: { msgtype: "m.text", body } });

test("starts, brings its canary back and is up", async () => {
  const server = await aHomeserver();
  const { matrix } = await aBridge(server);
  await until("up", () => matrix.status().state === "up");
  expect(matrix.status().canaryOverdue).toBe(false);
  expect(server.requests("/register")).not.toHaveLength(0);
});

test("[L1] a part of a known, joined ghost is exactly one PUT", async () => {
  const server = await aHomeserver();
  const { matrix } = await aBridge(server);
  await matrix.sendPart(room, text("first"), author("ann", "Ann"), key("a"));
  await until("its profile is set", () => server.names.size > 0);
  server.seen.length = 0;
  await matrix.sendPart(room, text("second"), author("ann", "Ann"), key("b"));
  expect(server.seen.filter((one) => !one.path.endsWith("/versions")).map((one) => one.method)).toEqual(["PUT"]);
});

test("plans and sends what a person wrote, with the origin in it", async () => {
  const server = await aHomeserver();
  const { matrix } = await aBridge(server);
  const parts = matrix.plan(room, { kind: "message", content: aContent("hello") }, author("ann", "Ann"), emptyLookup);
  expect(parts).toHaveLength(1);
  await matrix.sendPart(room, parts[0] as Part, author("ann", "Ann"), key("a"));
  const event = server.rooms.get(room)?.events.at(-1);
  expect(event).toMatchObject({
    sender: "@_irc_libera_ann:hs.test",
    content: { body: "hello", "dev.trestle.origin": { key: "a/0", network: "libera", author: "Ann" } },
  });
  await until("named", () => server.names.get("@_irc_libera_ann:hs.test") === "Ann");
});

test("every request names its user and keeps the token out of the address", async () => {
  const server = await aHomeserver();
  const { matrix } = await aBridge(server);
  await matrix.sendPart(room, text("x"), author("ann"), key("a"));
  await matrix.notify(room, "a notice", "n1");
  await until("notice", () => server.requests("/send/").length >= 2);
  for (const one of server.seen) {
    expect(one.query.has("access_token")).toBe(false);
    if (/versions|version|register/.test(one.path)) continue;
    expect(one.query.get("user_id")).toMatch(/^@(bot|_irc_libera_ann):hs\.test$/);
  }
  expect(bot).toBe(matrix.userId);
});
