/** What is known of a person when the secret key is lost, and after it was found again. */
import { BridgeError } from "@trestle/core";
import { until } from "./a-bridge.ts";
import { aStage, closeStages, type PuppetStage } from "./puppet-stage.ts";

afterEach(closeStages);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const why = "the bridge's secret key was changed";

/** Nothing that was sealed opens any more; gives what finds the key again. */
function loseKey({ store }: PuppetStage): () => void {
  const lost = new BridgeError("database-failed", "sealed with another key");
  const get = jest.spyOn(store.secrets, "get").mockRejectedValue(lost);
  return () => get.mockRestore();
}

describe("[P3] [S4] the secret key is lost", () => {
  test("who had told us not to act for him is not acted for", async () => {
    const stage = await aStage();
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    await stage.matrix.puppets.logout(stage.user);
    loseKey(stage);
    await stage.reopen();
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
    await stage.say("not as her");
    expect(await stage.saidBy("not as her")).toEqual([stage.matrix.ghostOf(stage.ann)]);
    expect(stage.host.lost).toEqual([]);
    expect(await stage.store.secrets.list("puppet/")).toEqual([]);
  });

  test("the same where it had been sealed by an earlier version, once that was read", async () => {
    const stage = await aStage();
    await stage.store.secrets.put(`puppet/${stage.user}`, JSON.stringify({ way: "declined" }));
    await stage.reopen();
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
    loseKey(stage);
    await stage.reopen();
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
  });

  test("who declined and logged in again is acted for, and goes on being so", async () => {
    const stage = await aStage();
    await stage.matrix.puppets.logout(stage.user);
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    await stage.reopen();
    expect(await stage.matrix.puppets.check(stage.user)).toMatchObject({ ok: true, way: "token" });
  });

  test("who declines while a login of his is being written down is not acted for", async () => {
    const stage = await aStage();
    const go = stage.store.hold();
    const login = stage.matrix.puppets.login(stage.user, stage.alice.token);
    await until("the login is being written", () => stage.matrix.puppets.has(stage.user));
    await pause(20);
    const logout = stage.matrix.puppets.logout(stage.user);
    go();
    await Promise.all([login, logout]);
    await stage.reopen();
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
  });

  test("killed between forgetting his token and remembering why, or the other way round: declined is declined", async () => {
    const stage = await aStage();
    await stage.matrix.puppets.logout(stage.user);
    await stage.store.secrets.put(`puppet/${stage.user}`, JSON.stringify({ way: "token", token: stage.alice.token }));
    await stage.reopen("killed");
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
    expect(await stage.store.secrets.list("puppet/")).toEqual([]);
  });

  test("whose login does not open is told, once for each loss; with the key found again he is acted for", async () => {
    const stage = await aStage({ ours: false, theirs: false });
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    const find = loseKey(stage);
    await stage.reopen();
    await until("it is told", () => stage.host.lost.length > 0);
    expect(stage.host.lost).toEqual([{ user: stage.user, why }]);
    await stage.reopen();
    await pause(80);
    expect(stage.host.lost).toHaveLength(1);
    find();
    await stage.reopen();
    expect(stage.matrix.puppets.has(stage.user)).toBe(true);
    loseKey(stage);
    await stage.reopen();
    await until("it is told again", () => stage.host.lost.length === 2);
  });

  test("who logs in again meanwhile has a login like any other", async () => {
    const stage = await aStage({ ours: false, theirs: false });
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    const find = loseKey(stage);
    await stage.reopen();
    await until("it is told", () => stage.host.lost.length > 0);
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    find();
    await stage.reopen();
    expect(await stage.matrix.puppets.check(stage.user)).toMatchObject({ ok: true, way: "token" });
  });

  test("whose login does not open and whom the registration covers is told nothing", async () => {
    const stage = await aStage();
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    loseKey(stage);
    await stage.reopen();
    await pause(80);
    expect(stage.matrix.puppets.has(stage.user)).toBe(true);
    expect(stage.host.lost).toEqual([]);
  });

  test("whose login had ended before is not told a second time", async () => {
    const stage = await aStage({ ours: false, theirs: false });
    await stage.matrix.puppets.login(stage.user, stage.alice.token);
    stage.server.accounts.revoke(stage.user);
    await until("it is noticed", () => stage.host.lost.length > 0);
    loseKey(stage);
    await stage.reopen();
    await pause(80);
    expect(stage.host.lost).toHaveLength(1);
  });
});
