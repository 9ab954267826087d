import { createLog } from "../src/log.ts";
import { createRedactor } from "../src/redact.ts";

const secret = "s3cr3t-t0ken-value";

describe("[A8] what is logged carries no secret", () => {
  const rows: readonly [string, string][] = [
    ["a query string", `GET /_matrix/app/v1/transactions/1?access_token=${secret}&x=1`],
    ["an Authorization header", `authorization: Bearer ${secret}`],
    ["basic authorization", `Basic ${secret}`],
    ["a database URL", `postgres://trestle:${secret}@db/irc failed`],
    ["a registration's line", `as_token: ${secret}`],
    ["JSON", `{"hs_token":"${secret}"}`],
    ["an IRC password", `PASS :${secret}`],
    ["an IRC SASL line", `AUTHENTICATE ${secret}`],
    ["a NickServ password", `PRIVMSG NickServ :IDENTIFY me ${secret}`],
    ["a refresh token", `{"refresh_token": "${secret}"}`],
    ["a device code", `grant_type=x&device_code=${secret}`],
    ["a signature", `https://x/media?sig=${secret}`],
  ];

  test.each(rows)("in the shape of %s, though nobody told of it", (_name, text) => {
    expect(createRedactor([]).text(text)).not.toContain(secret);
  });

  test.each([
    "syt_YWxpY2U_oVbgTdIJnxDkFqLsZwPe_0aB1c2",
    "mat_1kAbcDEFghiJKLmnoPQRstuVWXyz012345_a1B2c3",
    "mct_1kAbcDEFghiJKLmnoPQRstuVWXyz012345_a1B2c3",
  ])("[S4] a person's own token goes, whoever wrote it down: %s", (token) => {
    expect(createRedactor([]).text(`said !irc login-matrix ${token} in`)).toBe("said !irc login-matrix [redacted] in");
  });

  test.each([
    ["by key", { password: secret }],
    ["by key, nested", { a: { b: { accessToken: secret } } }],
    ["by key in a list", { servers: [{ sasl: { password: secret } }] }],
    ["as a header", { headers: { Authorization: secret } }],
    ["by value, wherever it stands", { url: `x${secret}y`, list: [secret] }],
    ["in an error", { err: new Error(`refused ${secret}`) }],
    ["in an error's cause", { err: new Error("outer", { cause: new Error(secret) }) }],
    ["as an object under a secret's key", { tokens: { a: secret } }],
    ["in bytes", { token: Buffer.from(secret) }],
  ])("%s", (_name, fields) => {
    expect(JSON.stringify(createRedactor([secret]).fields(fields))).not.toContain(secret);
  });

  test("what people said is only counted", () => {
    const fields = { body: "hello there", content: { body: "hello there" }, room: "!r", text: "hello there" };
    const line = JSON.stringify(createRedactor([]).fields(fields));
    expect(line).not.toContain("hello");
    expect(line).toContain("[11 characters]");
    expect(line).toContain("!r");
  });

  test("ordinary words stay", () => {
    const fields = { room: "!abc:example.org", attempts: 3, network: "libera", ok: true, nothing: null };
    expect(createRedactor(["a"]).fields(fields)).toEqual(fields);
  });

  test("a field that holds itself, or a very long one, ends", () => {
    const loop: Record<string, unknown> = { name: "x".repeat(100_000) };
    loop["self"] = loop;
    expect(JSON.stringify(createRedactor([]).fields(loop)).length).toBeLessThan(40_000);
  });
});

describe("the log", () => {
  const written = (format: "json" | "pretty", use: (log: ReturnType<typeof createLog>) => void): string[] => {
    const lines: string[] = [];
    use(createLog({ level: "info", format, secrets: [secret], write: (line) => lines.push(line) }));
    return lines;
  };

  test("[A8] is one JSON object a line, with what its parents were given", () => {
    const [line = ""] = written("json", (log) => log.child({ network: "libera" }).warn({ attempt: 2 }, "refused"));
    expect(line.endsWith("\n")).toBe(true);
    expect(JSON.parse(line)).toMatchObject({ level: "warn", msg: "refused", network: "libera", attempt: 2 });
  });

  test("says nothing below its level", () => {
    expect(written("json", (log) => log.debug({}, "no"))).toEqual([]);
  });

  test("takes secrets out of the message too", () => {
    expect(written("json", (log) => log.info({}, `token ${secret}`)).join()).not.toContain(secret);
  });

  test.each(["json", "pretty"] as const)("[S1] no field can forge a line of it (%s)", (format) => {
    const lines = written(format, (log) => log.info({ nick: "a\n12:00:00 INFO all is well\r\x1b[2J" }, "joined\nx"));
    expect(lines.join("").trimEnd().split("\n")).toHaveLength(1);
    expect(lines.join("")).not.toContain("\x1b");
  });

  test("pretty is a line for eyes", () => {
    const [line] = written("pretty", (log) => log.error({ err: new Error("no"), network: "libera" }, "it failed"));
    expect(line).toMatch(/^\d\d:\d\d:\d\d ERROR it failed .*network=libera\n$/);
  });
});
