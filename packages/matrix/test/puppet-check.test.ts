import { userId } from "@trestle/core";
import { registerPerson } from "@trestle/sandbox";
import { checkPuppetRegistration, makePuppetRegistration, serverKinds } from "../src/index.ts";
import { problems } from "../src/puppets/check.ts";
import { aStage, closeStages, type PuppetStage, type PuppetStageOptions, serverName } from "./puppet-stage.ts";

afterEach(closeStages);

const named = async ({ matrix, user }: PuppetStage, whom = user) =>
  (await matrix.puppets.check(whom)).problems.map(({ problem }) => problem);

test("[P3] nothing is wrong: said so, with the way, whatever the homeserver", async () => {
  for (const profile of ["synapse", "conduit", "dendrite"] as const) {
    const stage = await aStage({ profile });
    // The registration's own user is registered in the background.
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await stage.matrix.puppets.check(stage.user)).toEqual({ ok: true, way: "registration", problems: [] });
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    expect(await stage.matrix.puppets.check(stage.user)).toEqual({ ok: true, way: "token", problems: [] });
  }
});

const users = (regex: string, exclusive = false) => ({ users: [{ exclusive, regex }], aliases: [], rooms: [] });
const others = users(`^@bob:puppets\\.test$`);
const exclusivelyAll = users(`^@.*:puppets\\.test$`, true);

describe("[P3] the self-check names each deliberate mistake by its own sentence", () => {
  const alice = userId(`@alice:${serverName}`);
  test.each<[string, PuppetStageOptions, readonly string[]]>([
    ["not loaded in the homeserver", { theirs: false }, [problems.notLoaded.problem]],
    ["loaded, but for other people", { theirs: { namespaces: others } }, [problems.notCovered(alice).problem]],
    ["its url not null, loaded so", { theirs: { url: "http://127.0.0.1:1" } }, [problems.pushedTwice.problem]],
  ])("%s", async (_what, options, expected) => {
    const stage = await aStage(options);
    expect(await named(stage)).toEqual(expected);
  });

  test.each<[string, PuppetStageOptions, RegExp]>([
    ["our file: exclusive", { ours: { namespaces: exclusivelyAll } }, /itself alone/],
    ["our file: url not null", { ours: { url: "http://127.0.0.1:1" } }, /pushes every event of the server twice/],
    ["our file: for other people", { ours: { namespaces: others } }, /No users namespace .* covers @alice/],
    ["our file: rate limited", { ours: { rate_limited: true } }, /is rate limited/],
  ])("%s", async (_what, options, expected) => {
    const found = await named(await aStage(options));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  test("exclusive, loaded so", async () => {
    const stage = await aStage();
    stage.server.addAppservice({ ...stage.doublePuppet, namespaces: exclusivelyAll } as never);
    expect(await named(stage)).toEqual([problems.exclusive.problem]);
  });

  test("its token is the bridge's own", async () => {
    const stage = await aStage();
    const { as_token } = stage.registration;
    const [problem, ...more] = checkPuppetRegistration({ ...stage.doublePuppet, as_token }, { span: { as_token } });
    expect(more).toEqual([]);
    expect(problem?.problem).toMatch(/the bridge's own `as_token`/);
  });

  test("its own user is not registered (Conduit)", async () => {
    const stage = await aStage({ profile: "conduit", theirs: false });
    // Loaded only after the bridge has tried in vain, and it does not get to try again.
    stage.server.faults.failNext(500, { count: 1_000, match: { method: "POST", path: /\/register$/ } });
    stage.server.addAppservice(stage.doublePuppet as never);
    expect(await named(stage)).toEqual([problems.senderMissing("trestle-doublepuppet").problem]);
  });

  test("a user of another server", async () => {
    const stage = await aStage();
    const stranger = userId("@alice:elsewhere.test");
    expect(await named(stage, stranger)).toEqual([problems.foreign(stranger, serverName).problem]);
    const report = await stage.matrix.puppets.login(stranger, stage.alice.token);
    expect(report.problems).toEqual([problems.foreign(stranger, serverName)]);
  });

  test("no such account", async () => {
    const stage = await aStage();
    const nobody = userId(`@nobody:${serverName}`);
    expect(await named(stage, nobody)).toEqual([problems.noAccount(nobody).problem]);
  });

  test("the token is of another user, or none at all", async () => {
    const stage = await aStage({ ours: false, theirs: false });
    const bob = await registerPerson(stage.server.url, "bob");
    const report = await stage.matrix.puppets.login(stage.user, bob.token);
    expect(report).toMatchObject({
      ok: false,
      problems: [{ problem: expect.stringContaining("of @bob:puppets.test") }],
    });
    for (const token of ["", "no token\r\nX: y", "nonsense"])
      expect(await stage.matrix.puppets.login(stage.user, token)).toMatchObject({ ok: false });
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
    expect(await named(stage)).toEqual([problems.none.problem]);
  });

  test("the token has expired, before and after we know it", async () => {
    const stage = await aStage({ ours: false, theirs: false, options: { puppets: { checkMs: 60_000 } } });
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    stage.server.accounts.end(stage.alice.token, "expired");
    expect(await named(stage)).toEqual([problems.expired.problem]);
    await stage.say("noticed");
    expect(await named(stage)).toEqual([problems.lost("the access token has expired or was logged out").problem]);
  });

  test("the account is deactivated", async () => {
    const stage = await aStage();
    stage.server.accounts.deactivate(stage.user);
    expect(await named(stage)).toEqual([problems.deactivated(stage.user).problem]);
  });

  test("the homeserver limits the registration, though our file says otherwise", async () => {
    const stage = await aStage({ theirs: { rate_limited: true } });
    let refusals = 0;
    for (let index = 0; index < 30 && refusals === 0; index++) {
      await stage.say(`quick ${index}`).catch((error: { code?: string }) => {
        expect(error.code).toBe("homeserver-limit");
        refusals++;
      });
    }
    expect(refusals).toBe(1);
    expect(await named(stage)).toEqual([problems.limited.problem]);
  });

  test("he has told us not to", async () => {
    const stage = await aStage();
    await stage.matrix.puppets.logout(stage.user);
    expect(await named(stage)).toEqual([problems.declined.problem]);
  });

  test("the homeserver does not answer", async () => {
    const stage = await aStage();
    await stage.server.stop();
    expect(await named(stage)).toEqual([problems.away.problem]);
    await stage.server.start();
  });
});

describe("[P3] a double-puppet registration", () => {
  test.each(serverKinds)("written for %s is sound", (server) => {
    const file = makePuppetRegistration({ serverName: "hs.example.org", server });
    const span = { as_token: "other" };
    expect(checkPuppetRegistration(file, { span, user: userId("@alice:hs.example.org") })).toEqual([]);
    expect(checkPuppetRegistration(file, { span, user: userId("@alice:hsxexample.org") })).toHaveLength(1);
    expect(file).toMatchObject({ id: "trestle-doublepuppet", url: null, rate_limited: false });
  });

  test("of one span has a name of its own", () => {
    const file = makePuppetRegistration({ span: "irc", serverName: "hs.test", server: "conduit" });
    expect([file.id, file.sender_localpart]).toEqual(["trestle-doublepuppet-irc", "trestle-doublepuppet-irc"]);
  });

  test.each([
    undefined,
    null,
    7,
    "text",
    [],
    {},
    { as_token: "a", sender_localpart: "b", namespaces: { users: [null, 3] } },
  ])("is checked whatever it is: %j", (given) => {
    expect(checkPuppetRegistration(given).length).toBeGreaterThan(0);
  });
});
