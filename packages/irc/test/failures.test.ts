import { joinLines } from "../src/entering.ts";
import { classifyServerError, classifySocketError, cleanReason, patienceMs } from "../src/failures.ts";

describe("failures", () => {
  it.each([
    ["ENOTFOUND", "dns"],
    ["EAI_AGAIN", "dns"],
    ["ECONNREFUSED", "refused"],
    ["EHOSTUNREACH", "unreachable"],
    ["ETIMEDOUT", "timeout"],
    ["CERT_HAS_EXPIRED", "tls"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls"],
    ["EPROTO", "tls"],
    ["ECONNRESET", "closed"],
  ])("[L6 irc] a socket's %s is %s", (code, kind) => {
    const failure = classifySocketError(Object.assign(new Error("x"), { code }), "irc.example.org:6697");
    expect(failure.kind).toBe(kind);
    expect(failure.detail).toContain("irc.example.org:6697");
  });

  it.each([
    ["Closing Link: host (Throttled: Reconnecting too fast) -Email x", "throttled"],
    ["Trying to reconnect too fast.", "throttled"],
    ["Closing link: (u@h) [Too many connections from your IP]", "throttled"],
    ["Closing Link: h (K-Lined)", "banned"],
    ["Closing link: G-lined: open proxy", "banned"],
    ["You are banned from this server", "banned"],
    ["Closing Link: (Bad Password)", "password-refused"],
    ["Ping timeout: 240 seconds", "ping-timeout"],
    ["Server shutting down", "closed"],
    ["klines are fun", "closed"],
  ])("[L6 irc] an ERROR of %j is %s", (text, kind) => {
    expect(classifyServerError(text, "here").kind).toBe(kind);
  });

  it("a ban and a refused login are tried slowly", () => {
    expect(patienceMs.banned).toBeGreaterThanOrEqual(1_800_000);
    expect(patienceMs["sasl-failed"]).toBeGreaterThanOrEqual(60_000);
    expect(patienceMs.closed).toBe(0);
  });

  it("[S1 irc] a server's words are cleaned of codes, control bytes and length before they are shown", () => {
    expect(cleanReason("\x0304,01red\x03 \x02bold\x1b[31m\u202eevil\r\n")).toBe("red bold[31mevil");
    expect(cleanReason("x".repeat(5000))).toHaveLength(200);
    expect(cleanReason("\x02\x03")).toBe("no reason given");
  });
});

describe("JOIN lines", () => {
  it("are cut by bytes and by count, a keyed channel alone, none lost", () => {
    const names = Array.from({ length: 300 }, (_, at) => ({ name: `#kanäle-${at}` }));
    const lines = joinLines([...names, { name: "#keyed", key: "k" }, { name: "#last" }], Number.POSITIVE_INFINITY);
    for (const words of lines) expect(Buffer.byteLength(`JOIN ${words.join(" ")}`)).toBeLessThanOrEqual(510);
    expect(lines.flatMap(([list]) => list?.split(",") ?? [])).toHaveLength(302);
    expect(lines).toContainEqual(["#keyed", "k"]);
    expect(joinLines(names, 3).every(([list]) => (list?.split(",").length ?? 0) <= 3)).toBe(true);
  });

  it("one name as long as a line still goes", () => {
    expect(joinLines([{ name: `#${"x".repeat(504)}` }, { name: "#a" }], 10)).toHaveLength(2);
  });
});
