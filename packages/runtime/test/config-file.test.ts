import { z } from "zod";
import { parseConfig, rewriteConfig } from "../src/config-file.ts";
import { ConfigError } from "../src/config-problems.ts";
import { bridgeSettings } from "../src/config-shape.ts";
import { parseHostPort } from "../src/config-values.ts";
import { exampleConfig } from "../src/example-config.ts";

const schema = z.strictObject({
  networks: z.record(
    z.string().regex(/^[a-z-]+$/, "use lower-case letters and hyphens"),
    z.strictObject({
      nick: z.string(),
      password: z.string().optional(),
      port: z.number().int().min(1).max(65_535).default(6697),
      servers: z.array(z.strictObject({ host: z.string() })).default([]),
    }),
  ),
});
const source = {
  name: "irc",
  schema,
  networks: ({ networks }: z.output<typeof schema>) => Object.keys(networks),
};

const good = `homeserver:
  url: http://127.0.0.1:8008
  name: example.org
appservice:
  listen: 127.0.0.1:29310
  url: http://127.0.0.1:29310
  registration: ./irc.registration.yaml
database:
  url: sqlite:./irc.db
irc:
  networks:
    libera:
      nick: trestle
`;

const parse = (text: string, env: Record<string, string> = {}) =>
  parseConfig(text, "/etc/trestle/irc.yaml", source, env);

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("a config that is right", () => {
  test("[A3] gets its defaults, and its paths stand relative to the file", () => {
    const { shared, span } = parse(good);
    expect(shared.appservice).toMatchObject({
      bot: "_irc_bot",
      prefix: "_irc_",
      registration: "/etc/trestle/irc.registration.yaml",
    });
    expect(shared.database.url).toBe("sqlite:/etc/trestle/irc.db");
    expect(shared.permissions).toEqual({ "*": "relay" });
    expect(shared.admin.listen).toBe("127.0.0.1:29311");
    expect(span.networks["libera"]).toEqual({ nick: "trestle", port: 6697, servers: [] });
  });

  test("a trailing slash of an address is no difference", () => {
    expect(parse(good.replace("8008", "8008/")).shared.homeserver.url).toBe("http://127.0.0.1:8008");
  });

  test("an absolute path, memory and PostgreSQL stay what they are", () => {
    const url = (text: string) => parse(good.replace("sqlite:./irc.db", text)).shared.database.url;
    expect(url("sqlite:/var/lib/irc.db")).toBe("sqlite:/var/lib/irc.db");
    expect(url('"sqlite::memory:"')).toBe("sqlite::memory:");
    expect(url("postgres://u:p@db/irc")).toBe("postgres://u:p@db/irc");
  });

  test("[A4] permissions become rules, per network where the config says so", () => {
    const text =
      `${good}permissions:\n  "*": relay\n  "@a:example.org": admin\n  "!room": {libera: user, oftc: block}\n`.replace(
        /(irc:\n.*\n)/,
        "$1    oftc: { nick: t }\n",
      );
    expect(bridgeSettings(parse(text).shared).permissions).toEqual([
      { actor: "*", level: "relay" },
      { actor: "@a:example.org", level: "admin" },
      { actor: "!room", network: "libera", level: "user" },
      { actor: "!room", network: "oftc", level: "block" },
    ]);
  });

  test("[A3] what may be left out has its defaults, and its paths stand relative to the file too", () => {
    const { shared } = parse(good);
    expect(shared.secrets).toEqual({ keyFile: "/etc/trestle/irc.key" });
    expect([shared.media, shared.double_puppet]).toEqual([undefined, undefined]);
    expect(bridgeSettings(shared)).toMatchObject({
      reactionNotices: false,
      receipts: false,
      statusEvents: false,
      members: "lazy",
      spaces: false,
    });
    const text = `${good}secrets: { keyFile: /run/k }
media: { listen: "127.0.0.1:29312", url: "https://media.example.org/", expiryDays: 0.5 }
double_puppet: { registration: ../dp.yaml }
notices: { receipts: true, status: true }
members: full
spaces: true
`;
    const full = parse(text).shared;
    expect(full.secrets.keyFile).toBe("/run/k");
    expect(full.media).toEqual({ listen: "127.0.0.1:29312", url: "https://media.example.org", expiryDays: 0.5 });
    expect(full.double_puppet).toEqual({ registration: "/etc/dp.yaml" });
    expect(bridgeSettings(full)).toMatchObject({
      reactionNotices: false,
      receipts: true,
      statusEvents: true,
      members: "full",
      spaces: true,
    });
  });

  test("[S4] the secret key comes from the environment, and is known as a secret", () => {
    const { shared, secrets } = parse(good, {
      TRESTLE_SECRETS_KEY: "a-secret-key",
      TRESTLE_SPACES: "true",
      TRESTLE_MEMBERS: "off",
      TRESTLE_DOUBLE_PUPPET_REGISTRATION: "/run/dp.yaml",
    });
    expect(shared.secrets.key).toBe("a-secret-key");
    expect(secrets).toContain("a-secret-key");
    expect([shared.spaces, shared.members, shared.double_puppet]).toEqual([
      true,
      "off",
      { registration: "/run/dp.yaml" },
    ]);
    expect(parse(good, { TRESTLE_SECRETS_KEY_FILE: "/run/k" }).shared.secrets).toEqual({ keyFile: "/run/k" });
  });

  test("days become milliseconds", () => {
    const settings = bridgeSettings(parse(`${good}retention: { textDays: 0, doneDays: 2 }\n`).shared);
    expect(settings.textRetentionMs).toBe(0);
    expect(settings.doneRetentionMs).toBe(172_800_000);
  });

  test("the example that is printed is a config", () => {
    const section = "irc:\n  networks:\n    libera:\n      nick: trestle\n";
    expect(problemsOf(exampleConfig("irc", section))).toEqual([]);
  });

  test("its passwords are known as secrets, those inside URLs too", () => {
    const text = good
      .replace("nick: trestle", "nick: trestle\n      password: hunter22")
      .replace("sqlite:./irc.db", "postgres://trestle:s%40cret@db/irc");
    expect(parse(`${text}admin: { token: 0123456789abcdef }\n`).secrets).toEqual(
      expect.arrayContaining(["hunter22", "s%40cret", "s@cret", "0123456789abcdef"]),
    );
  });
});

describe("[A3] each mistake is named with its place and its mend", () => {
  const rows: readonly [string, string, string][] = [
    [
      "a URL without scheme",
      good.replace("http://127.0.0.1:8008", "localhost:8008"),
      "/etc/trestle/irc.yaml:2:3: homeserver.url is no URL. Write it with http:// or https://, like http://127.0.0.1:8008",
    ],
    [
      "a URL with a Matrix path",
      good.replace("8008", "8008/_matrix/client"),
      "homeserver.url must end after the host and port",
    ],
    [
      "a server name with https",
      good.replace("name: example.org", "name: https://example.org"),
      "/etc/trestle/irc.yaml:3:3: homeserver.name must be the server's name",
    ],
    [
      "an address of media that is over at once",
      `${good}media: { listen: "127.0.0.1:1", url: "https://m", expiryDays: 0 }\n`,
      "media.expiryDays must be more than 0",
    ],
    [
      "a media section without its address",
      `${good}media: { listen: "127.0.0.1:1" }\n`,
      "media.url must be a URL like",
    ],
    [
      "two servers on one port",
      `${good}media: { listen: "127.0.0.1:29310", url: "https://m" }\n`,
      "media.listen is 127.0.0.1:29310, as appservice.listen is: each needs a port of its own",
    ],
    ["another way of membership", `${good}members: some\n`, "irc.yaml:14:1: members must be lazy (ghosts join"],
    ["a word for yes", `${good}spaces: often\n`, "spaces must be true or false"],
    ["a key file without a name", `${good}secrets: { keyFile: "" }\n`, "secrets.keyFile is empty"],
    ["a double puppet of another name", `${good}double_pupet: {}\n`, 'Did you mean "double_puppet"?'],
    ["a notice that there is none of", `${good}notices: { receits: true }\n`, 'Did you mean "receipts"?'],
    ["a number for a name", good.replace("name: example.org", "name: 12"), "homeserver.name must be the server's name"],
    ["a missing section", good.replace(/database:\n.*\n/, ""), "/etc/trestle/irc.yaml: database is missing"],
    [
      "a missing key",
      good.replace("  name: example.org\n", ""),
      "/etc/trestle/irc.yaml:1:1: homeserver.name must be the server's name",
    ],
    [
      "a listen address without port",
      good.replace("listen: 127.0.0.1:29310", "listen: 127.0.0.1"),
      "/etc/trestle/irc.yaml:5:3: appservice.listen must be HOST:PORT",
    ],
    [
      "a port that is none",
      good.replace("listen: 127.0.0.1:29310", "listen: 127.0.0.1:99999"),
      "appservice.listen must be HOST:PORT",
    ],
    [
      "a database of another kind",
      good.replace("sqlite:./irc.db", "mysql://x"),
      "database.url must be sqlite:FILE (like sqlite:./irc.db) or postgres://",
    ],
    [
      "a misspelt section",
      good.replace("homeserver:", "homserver:"),
      '/etc/trestle/irc.yaml:1:1: homserver is not a key of this section. Did you mean "homeserver"?',
    ],
    [
      "a misspelt key",
      good.replace("  listen:", "  lisen:"),
      '/etc/trestle/irc.yaml:5:3: appservice.lisen is not a key of this section. Did you mean "listen"?',
    ],
    [
      "a key of nowhere",
      `${good}zzz: 1\n`,
      "/etc/trestle/irc.yaml:14:1: zzz is not a key of this section. It may have: homeserver, appservice,",
    ],
    [
      "a misspelt key of the span",
      good.replace("nick:", "nik:"),
      '/etc/trestle/irc.yaml:13:7: irc.networks.libera.nik is not a key of this section. Did you mean "nick"?',
    ],
    ["a key that is missing in a network", good.replace("nick:", "nik:"), "irc.networks.libera.nick is missing"],
    [
      "a text for a number",
      good.replace("nick: trestle", "nick: trestle\n      port: soon"),
      '/etc/trestle/irc.yaml:14:7: irc.networks.libera.port must be a number, not the text "soon"',
    ],
    [
      "a number that is too large",
      good.replace("nick: trestle", "nick: trestle\n      port: 70000"),
      "irc.networks.libera.port is too large: at most 65535",
    ],
    [
      "a list entry",
      good.replace("nick: trestle", "nick: trestle\n      servers:\n        - host: a\n        - hots: b"),
      '/etc/trestle/irc.yaml:16:11: irc.networks.libera.servers[1].hots is not a key of this section. Did you mean "host"?',
    ],
    ["a network's name", good.replace("libera:", "Libera_1:"), "use lower-case letters and hyphens"],
    [
      "a level",
      `${good}permissions: { "*": boss }\n`,
      "permissions.* must be one of block, relay, user, moderator, admin",
    ],
    [
      "a level of a network",
      `${good}permissions:\n  "*": { libera: boss }\n`,
      "/etc/trestle/irc.yaml:15:10: permissions.*.libera must be one of block, relay",
    ],
    [
      "a link to nothing",
      `${good}links: [{ room: "!r:x", network: libera, chat: "" }]\n`,
      "/etc/trestle/irc.yaml:14:42: links[0].chat is empty",
    ],
    [
      "a link to an unknown network",
      `${good}links:\n  - room: "!r:x"\n    network: libra\n    chat: "#a"\n`,
      '/etc/trestle/irc.yaml:16:5: links[0].network names "libra", a network that this config does not have. Did you mean "libera"? It has: libera',
    ],
    [
      "a network with a kept name",
      good.replace("libera:", "m:"),
      "/etc/trestle/irc.yaml:12:5: irc.networks.m cannot be called \"m\": a network's name becomes part of its ghosts' ids",
    ],
    ["an actor", `${good}permissions: { "who is this": admin }\n`, 'must be a user ("@name:server"), a room id'],
    [
      "a bot with capitals",
      good.replace("database:", "  bot: IrcBot\ndatabase:"),
      "appservice.bot must be a user name of lower-case letters",
    ],
    [
      "a pattern of a sibling",
      `${good}siblings: [{bot: "@b:x", ghosts: "("}]\n`,
      "siblings[0].ghosts is no regular expression",
    ],
    [
      "a short admin token",
      `${good}admin: { token: abc }\n`,
      "admin.token is too short to be safe: at least 16 characters",
    ],
    [
      "a retention that would double messages",
      `${good}retention: { doneDays: 0 }\n`,
      "retention.doneDays cannot be less than 1",
    ],
    ["an empty file", "", "homeserver is missing"],
    ["a file that is a list", "- a\n", "must be a section with keys of its own, not a list"],
    [
      "a section that is a text",
      good.replace(/database:\n.*\n/, "database: here\n"),
      'database must be a section with keys of its own, not the text "here"',
    ],
    [
      "a user id without quotes",
      `${good}permissions:\n  @me:example.org: admin\n`,
      "/etc/trestle/irc.yaml:15:3: this is no valid YAML",
    ],
    [
      "a room id without quotes",
      `${good}links:\n  - room: !abc:example.org\n    network: libera\n    chat: a\n`,
      "Put names that begin with @, ! or * in quotes",
    ],
    ["a star without quotes", `${good}permissions:\n  *: relay\n`, "this is no valid YAML"],
    [
      "a key twice",
      `${good}database:\n  url: sqlite:x\n`,
      "/etc/trestle/irc.yaml:14:1: this is no valid YAML: Map keys must be unique",
    ],
    ["a tab", good.replace("  url: sqlite", "\turl: sqlite"), "this is no valid YAML"],
  ];

  test.each(rows)("%s", (_name, text, expected) => {
    const problems = problemsOf(text);
    expect(problems.some((problem) => problem.includes(expected)) ? expected : problems.join("\n")).toBe(expected);
  });

  test("all mistakes are told at once, not one a run", () => {
    const text = good
      .replace("http://127.0.0.1:8008", "nowhere")
      .replace("sqlite:./irc.db", "x")
      .replace("nick:", "nik:");
    expect(problemsOf(text)).toHaveLength(4);
  });

  test("aliases that would grow without end are refused", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]\n`;
    expect(() => parse(bomb)).toThrow(ConfigError);
  });

  test("a key named like a prototype's is only an unknown key", () => {
    expect(problemsOf(`${good}__proto__: { x: 1 }\n`).join()).toContain("__proto__ is not a key of this section");
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

describe("rewriting", () => {
  test("[A3] a changed value leaves every comment, blank line and order as they were", () => {
    const text = `# mine\nhomeserver:\n  url: http://a # here\n\n  # the name\n  name: b\nlog: {level: info}\n`;
    const changed = rewriteConfig(text, [{ path: ["homeserver", "url"], value: "http://c" }]);
    expect(changed).toBe(text.replace("http://a", "http://c").replace("{level: info}", "{ level: info }"));
  });

  test("a key that was not there is added", () => {
    expect(rewriteConfig("a:\n  b: 1 # one\n", [{ path: ["a", "c"], value: "x" }])).toBe("a:\n  b: 1 # one\n  c: x\n");
  });
});

test.each([
  ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["localhost:0", { host: "localhost", port: 0 }],
  ["::1:80", undefined],
  ["80", undefined],
  ["host:65536", undefined],
  ["host:-1", undefined],
  ["", undefined],
])("the address %s is read as %o", (text, expected) => {
  expect(parseHostPort(text)).toEqual(expected);
});
