import { ircConfigExample, ircConfigSchema } from "../src/config.ts";

const read = (network: Record<string, unknown>, slug = "net") =>
  ircConfigSchema.safeParse({
    networks: { [slug]: { servers: [{ host: "irc.example.org" }], nick: "trestle", ...network } },
  });
const problems = (network: Record<string, unknown>) => {
  const { error } = read(network);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
};

describe("the irc section", () => {
  it("needs a server and a nick; the rest has defaults, TLS on and verified", () => {
    const { data } = read({});
    expect(data?.networks["net"]).toMatchObject({
      servers: [{ port: 6697, tls: true, rejectUnauthorized: true }],
      encodingFallback: "latin1",
      pingIntervalMs: 60_000,
      pingTimeoutMs: 180_000,
      partsMax: 5,
      allowPlaintextPassword: false,
    });
  });

  it.each<Record<string, unknown>>([{ password: "x" }, { sasl: { account: "a", password: "x" } }])(
    "[S1 irc] refuses to send a password in clear: %j",
    (secret) => {
      const servers = [{ host: "irc.example.org", port: 6667, tls: false }];
      expect(problems({ servers, ...secret })).toEqual([
        expect.stringMatching(/^networks\.net\.servers\.0\.tls: .*use TLS/),
      ]);
      expect(problems({ servers, ...secret, allowPlaintextPassword: true })).toEqual([]);
      for (const host of ["127.0.0.1", "localhost", "::1"]) {
        expect(problems({ servers: [{ host, port: 6667, tls: false }], ...secret })).toEqual([]);
      }
      expect(
        problems({ servers: [{ host: "127.0.0.1.evil.example", port: 6667, tls: false }], ...secret }),
      ).toHaveLength(1);
    },
  );

  it.each([
    ["a nick with a line break", { nick: "a\r\nQUIT" }],
    ["a nick with a space", { nick: "a b" }],
    ["a nick that is a number", { nick: "1a" }],
    ["a channel as nick", { nick: "#a" }],
    ["a realname with a line break", { realname: "a\nb" }],
    ["a password with NUL", { password: "a\0b" }],
    ["a contact with CR", { contact: "a\rb" }],
    ["a user name with a space", { username: "a b" }],
    ["an account with a line break", { sasl: { account: "a\n", password: "x" } }],
    ["an unknown key", { nik: "x" }],
    ["an unknown encoding", { encodingFallback: "utf-99" }],
    ["an unknown profile", { profile: "fast" }],
    ["a pace of nothing", { pace: { burst: 0, linesPerSecond: 0 } }],
    ["an address that is none", { outgoingAddress: "here" }],
    ["a host with a space", { servers: [{ host: "a b" }] }],
    ["no server", { servers: [] }],
  ])("[S1 irc] refuses %s", (_, network) => {
    expect(problems(network).length).toBeGreaterThan(0);
  });

  it("refuses a network name that could not stand in an id, and no network at all", () => {
    expect(read({}, "Libera Chat").success).toBe(false);
    expect(ircConfigSchema.safeParse({ networks: {} }).success).toBe(false);
  });

  it("has an example that names every network key an admin would look for", () => {
    for (const key of ["servers", "nick", "sasl", "password", "profile", "pace", "contact", "encodingFallback"]) {
      expect(ircConfigExample).toMatch(new RegExp(`^\\s+(# )?${key}:`, "m"));
    }
  });
});
