import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryStore, createTestLog } from "@trestle/testing";
import { problems } from "../src/puppets/check.ts";
import { createOAuth } from "../src/puppets/oauth-grant.ts";
import { createOAuthHttp } from "../src/puppets/oauth-http.ts";
import { until } from "./a-bridge.ts";
import { aStage, closeStages, fastClock, type PuppetStage } from "./puppet-stage.ts";

afterEach(closeStages);

const offered = async (wanted: Parameters<PuppetStage["server"]["oauth"]["offer"]>[0] = {}) => {
  const stage = await aStage({ ours: false, theirs: false, fast: true, options: { puppets: { checkMs: 2_000 } } });
  stage.server.oauth.offer(wanted);
  return stage;
};

const begun = async ({ matrix, user }: PuppetStage) => {
  const grant = await matrix.puppets.beginGrant(user);
  if (grant === undefined) throw new Error("no grant is offered");
  return grant;
};

describe("[P3] a login by device grant", () => {
  test("is not offered where the homeserver has none", async () => {
    const stage = await aStage({ ours: false, theirs: false });
    expect(await stage.matrix.puppets.beginGrant(stage.user)).toBeUndefined();
    stage.server.oauth.offer({ metadata: { grant_types_supported: ["authorization_code", "refresh_token"] } });
    expect(await stage.matrix.puppets.beginGrant(stage.user)).toBeUndefined();
  });

  test.each(["stable", "unstable"] as const)(
    "he agrees (%s metadata): he speaks as himself, a restart later too",
    async (path) => {
      const stage = await offered({ path });
      const grant = await begun(stage);
      expect(grant.url).toContain(grant.code);
      stage.server.oauth.slowDown();
      await until("some polls", () => stage.server.oauth.seen.polls > 2);
      stage.server.oauth.agree(grant.code, stage.user);
      expect(await grant.done).toEqual({ ok: true, way: "oauth", problems: [] });
      await stage.say("by grant");
      expect(await stage.saidBy("by grant")).toEqual([stage.user]);
      await stage.reopen();
      await stage.say("after a restart");
      expect(await stage.saidBy("after a restart")).toEqual([stage.user]);
      expect(await stage.matrix.puppets.check(stage.user)).toMatchObject({ ok: true, way: "oauth" });
      expect(stage.log.text()).not.toMatch(/sbx_|ref_/);
    },
  );

  test("we register as a client once, not with each login", async () => {
    const stage = await offered();
    stage.server.oauth.agree((await begun(stage)).code, stage.user);
    stage.server.oauth.deny((await begun(stage)).code);
    expect(stage.server.oauth.seen.registrations).toBe(1);
  });

  test("he refuses", async () => {
    const stage = await offered();
    const grant = await begun(stage);
    stage.server.oauth.deny(grant.code);
    expect(await grant.done).toEqual({ ok: false, problems: [problems.grant("denied")] });
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
  });

  test("the code runs out", async () => {
    const stage = await offered({ codeMs: 5_000 });
    expect(await (await begun(stage)).done).toEqual({ ok: false, problems: [problems.grant("expired")] });
  });

  test("somebody else agrees: it is his account, not the asker's", async () => {
    const stage = await offered();
    const grant = await begun(stage);
    stage.server.oauth.agree(grant.code, "@mallory:puppets.test");
    const { ok, problems: found } = await grant.done;
    expect([ok, found.length]).toEqual([false, 1]);
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
  });

  test("a second one ends the first, and a stop ends them all", async () => {
    const stage = await offered();
    const first = await begun(stage);
    const second = await begun(stage);
    expect(await first.done).toEqual({ ok: false, problems: [problems.grant("stopped")] });
    await stage.reopen();
    expect(await second.done).toEqual({ ok: false, problems: [problems.grant("stopped")] });
  });
});

describe("[P3] a login with a time limit", () => {
  const loggedIn = async (tokenMs: number) => {
    const stage = await offered({ tokenMs });
    const grant = await begun(stage);
    stage.server.oauth.agree(grant.code, stage.user);
    expect(await grant.done).toMatchObject({ ok: true });
    return stage;
  };

  test("is renewed before it runs out, while nobody speaks, and by one request however many speak at once", async () => {
    const stage = await loggedIn(70_000);
    const { seen } = stage.server.oauth;
    await until("it is renewed", () => seen.refreshes >= 2);
    expect(stage.host.lost).toEqual([]);
    await stage.say("still me");
    expect(await stage.saidBy("still me")).toEqual([stage.user]);
  });

  test("that is over all of a sudden is renewed once for all who wait", async () => {
    const stage = await loggedIn(10 * 60 * 60_000);
    const record = JSON.parse((await stage.store.secrets.get(`puppet/${stage.user}`)) ?? "{}") as { token: string };
    stage.server.accounts.end(record.token, "soft logout");
    await Promise.all(["a", "b", "c"].map((text) => stage.say(text)));
    for (const text of ["a", "b", "c"]) expect(await stage.saidBy(text)).toEqual([stage.user]);
    expect(stage.server.oauth.seen.refreshes).toBe(1);
    expect(stage.host.lost).toEqual([]);
  });

  test("that cannot be renewed is lost, once, and his ghost goes on", async () => {
    const stage = await loggedIn(10 * 60 * 60_000);
    stage.server.oauth.revoke(stage.user);
    stage.server.accounts.revoke(stage.user);
    await stage.say("who says it");
    expect(stage.host.lost).toEqual([{ user: stage.user, why: "the login ran out and could not be renewed" }]);
    expect(stage.matrix.puppets.has(stage.user)).toBe(false);
  });
});

describe("[S1 matrix] a hostile login server", () => {
  let server: Server | undefined;
  const asked: string[] = [];
  const serve = (answer: (path: string, response: ServerResponse, origin: string) => void): Promise<string> =>
    new Promise((resolve) => {
      asked.length = 0;
      const made = createServer((request, response) => {
        asked.push(request.url ?? "");
        request.resume();
        answer(request.url ?? "", response, origin());
      });
      const origin = () => `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
      server = made.listen(0, "127.0.0.1", () => resolve(origin()));
    });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  const begin = async (url: string) => {
    const http = createOAuthHttp(url);
    const store = createMemoryStore();
    try {
      const options = { url, kv: store.kv, clock: fastClock, log: createTestLog(), clientUri: "https://trestle.test/" };
      return await createOAuth({ ...options, http }).begin();
    } finally {
      await http.close();
    }
  };
  const json = (response: ServerResponse, body: unknown) => response.end(JSON.stringify(body));
  const metadata = (origin: string, more: object = {}) => ({
    issuer: `${origin}/`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    device_authorization_endpoint: `${origin}/device`,
    grant_types_supported: ["urn:ietf:params:oauth:grant-type:device_code"],
    ...more,
  });

  const code = (origin: string) => ({
    device_code: "d",
    user_code: "AB-CD",
    verification_uri: `${origin}/link`,
    expires_in: 60,
  });

  test.each([
    ["another origin over http", { token_endpoint: "http://169.254.169.254/token" }],
    ["another port over http", { device_authorization_endpoint: "http://127.0.0.1:1/device" }],
    ["no address at all", { registration_endpoint: undefined }],
    ["a file", { token_endpoint: "file:///etc/passwd" }],
    ["a script", { issuer: "javascript:alert(1)" }],
    ["a name and password in it", { token_endpoint: "https://root:root@hs.test/token" }],
  ])("metadata with %s is refused and nothing of it is asked", async (_what, more) => {
    const url = await serve((_path, response, origin) => json(response, metadata(origin, more)));
    await expect(begin(url)).rejects.toMatchObject({ code: "homeserver-refused" });
    expect(asked).toEqual(["/_matrix/client/v1/auth_metadata"]);
  });

  test("an endless answer is cut off", async () => {
    const url = await serve((_path, response) => {
      const more = () => {
        if (response.destroyed) return;
        response.write("x".repeat(16_384));
        setImmediate(more);
      };
      more();
    });
    await expect(begin(url)).rejects.toMatchObject({ code: "homeserver-refused" });
  });

  test("a redirect is not followed", async () => {
    const url = await serve((_path, response) => {
      response.writeHead(302, { location: "/elsewhere" });
      response.end();
    });
    await expect(begin(url)).rejects.toMatchObject({ code: "homeserver-unreachable" });
    expect(asked).toEqual(["/_matrix/client/v1/auth_metadata"]);
  });

  test.each([
    ["an address that is a script", { verification_uri: "javascript:alert(1)" }],
    ["an address elsewhere over http", { verification_uri: "http://evil.test/" }],
    ["a code with line breaks", { user_code: "AB\r\nCD" }],
    ["an endless code", { user_code: "A".repeat(1_000) }],
  ])("a grant with %s is not shown to anybody", async (_what, more) => {
    const url = await serve((path, response, origin) => {
      if (path.endsWith("auth_metadata")) json(response, metadata(origin));
      else if (path === "/register") json(response, { client_id: "c" });
      else json(response, { ...code(origin), ...more });
    });
    await expect(begin(url)).rejects.toMatchObject({ code: "homeserver-refused" });
  });

  test("a grant that would last for ever lasts an hour", async () => {
    const url = await serve((path, response, origin) => {
      if (path.endsWith("auth_metadata")) json(response, metadata(origin));
      else if (path === "/register") json(response, { client_id: "c" });
      else json(response, { ...code(origin), expires_in: 1e12 });
    });
    const grant = await begin(url);
    expect((grant?.expiresAtMs ?? Number.NaN) - fastClock.now()).toBeLessThanOrEqual(60 * 60_000);
  });
});
