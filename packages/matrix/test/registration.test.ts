import { AppServiceRegistration } from "matrix-appservice-bridge";
import { checkRegistration, makeRegistration, serverKinds } from "../src/index.ts";

const made = (server: (typeof serverKinds)[number] = "synapse") =>
  makeRegistration({ span: "irc", serverName: "hs.example.org", url: "http://127.0.0.1:9000", server });

test.each(serverKinds)("[L3] a registration for %s is sound", (server) => {
  expect(checkRegistration(made(server))).toEqual([]);
});

test("[L3] both ephemeral flags for Synapse, only the stable one elsewhere", () => {
  const older = "de.sorunome.msc2409.push_ephemeral";
  for (const server of serverKinds) {
    const file = made(server);
    expect(file.receive_ephemeral).toBe(true);
    expect(older in file).toBe(server === "synapse");
  }
});

test("tokens are 64 random hex letters, two different ones, unless they are given", () => {
  const [one, two] = [made(), made()];
  expect(one.as_token).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set([one.as_token, one.hs_token, two.as_token, two.hs_token]).size).toBe(4);
  const given = makeRegistration({
    span: "irc",
    serverName: "x",
    url: "http://x",
    server: "conduit",
    tokens: { as: "a", hs: "b" },
  });
  expect([given.as_token, given.hs_token]).toEqual(["a", "b"]);
});

test("patterns match the bot and the ghosts and nobody of a look-alike server", () => {
  const patterns = made().namespaces.users.map(({ regex }) => new RegExp(regex));
  const matches = (user: string) => patterns.some((pattern) => pattern.test(user));
  expect(matches("@ircbot:hs.example.org")).toBe(true);
  expect(matches("@_irc_libera_ann:hs.example.org")).toBe(true);
  expect(matches("@_irc_libera_ann:hsxexample.org")).toBe(false);
  expect(matches("@_irc_libera_ann:hs.example.org.evil")).toBe(false);
  expect(matches("@x_irc_ann:hs.example.org")).toBe(false);
});

test("the appservice library reads what we write and matches the same users", () => {
  const registration = AppServiceRegistration.fromObject(
    JSON.parse(JSON.stringify(made())) as Parameters<typeof AppServiceRegistration.fromObject>[0],
  );
  expect(registration.isUserMatch("@_irc_libera_ann:hs.example.org", true)).toBe(true);
  expect(registration.isUserMatch("@alice:hs.example.org", true)).toBe(false);
  expect(registration.getSenderLocalpart()).toBe("ircbot");
});

test.each<[string, (file: Record<string, unknown>) => void, string]>([
  ["no id", (file) => delete file["id"], "id"],
  ["a placeholder token", (file) => (file["as_token"] = "CHANGE_ME_CHANGE_ME"), "as_token"],
  ["a short token", (file) => (file["hs_token"] = "abc"), "hs_token"],
  ["equal tokens", (file) => (file["hs_token"] = file["as_token"]), "hs_token"],
  ["no url", (file) => delete file["url"], "url"],
  ["a null url", (file) => (file["url"] = null), "url"],
  ["a wrong url", (file) => (file["url"] = "localhost:9000"), "url"],
  ["rate limits", (file) => delete file["rate_limited"], "rate_limited"],
  ["no namespaces", (file) => delete file["namespaces"], "namespaces.users"],
])("says what is wrong with %s", (_what, spoil, path) => {
  const file = JSON.parse(JSON.stringify(made())) as Record<string, unknown>;
  spoil(file);
  expect(checkRegistration(file).map((problem) => problem.path)).toContain(path);
});

test.each([
  ["_irc_.*:hs.example.org", "anchored"],
  ["^@_irc_.*:hs.example.org$", "dot"],
  ["^@_irc_(:hs$", "regular expression"],
])("says what is wrong with the pattern %s", (regex, word) => {
  const file = { ...made(), namespaces: { users: [{ exclusive: true, regex }], aliases: [], rooms: [] } };
  const problems = checkRegistration(file);
  expect(problems.map((problem) => `${problem.problem} ${problem.mend}`).join(" ")).toContain(word);
  expect(problems.some((problem) => problem.problem.includes("bot itself"))).toBe(true);
});

test("the bot's own pattern must be of the bot's server", () => {
  const users = [{ exclusive: true, regex: "^@_irc_.*:hs\\.test$" }];
  const problems = checkRegistration({ ...made(), namespaces: { users, aliases: [], rooms: [] } });
  expect(problems).toHaveLength(1);
});

test.each([undefined, null, 7, "text", [], { namespaces: 3 }, { namespaces: { users: [null, 3, {}] } }])(
  "takes anything: %j",
  (given) => {
    expect(checkRegistration(given).length).toBeGreaterThan(0);
  },
);
