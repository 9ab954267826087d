import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { aStage, closeStages } from "./media-proxy-stage.ts";

afterEach(closeStages);

describe("[S2 matrix] requests by strangers", () => {
  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("%s is no method", async (method) => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    expect(await stage.get(path, { method })).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });

  test("long addresses, large headers, bodies and smuggled requests are turned away", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    expect((await stage.get(`${path}${"x".repeat(600)}`)).status).toBe(414);
    expect((await stage.get(path, { headers: { cookie: "x".repeat(20_000) } })).status).toBe(431);
    expect((await stage.get(path, { headers: { "content-length": "5" } }).catch(() => ({ status: 413 }))).status).toBe(
      413,
    );
    const smuggled = await stage.raw(
      `GET ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    );
    expect(smuggled).toMatch(/^HTTP\/1\.1 400/);
    const split = await stage.raw(`GET ${path}\rX HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect(split).toMatch(/^HTTP\/1\.1 400/);
    expect(stage.opened).toHaveLength(0);
  });

  test("only so many at once from one address, and the rest are told to wait", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    stage.fault = () => held as Promise<never>;
    const asking = Array.from({ length: 12 }, () => stage.get(path));
    while (stage.asked < 8) await pause(2);
    await pause(20);
    release();
    const answers = await Promise.all(asking);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(8);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
    stage.fault = undefined;
    expect((await stage.get(path)).status).toBe(200);
  });

  test("behind a web server of ours the address is the one that it names last", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    stage.fault = () => held as Promise<never>;
    const from = (who: string) => stage.get(path, { headers: { "x-forwarded-for": `6.6.6.6, ${who}` } });
    const asking = Array.from({ length: 10 }, () => from("1.1.1.1"));
    while (stage.asked < 8) await pause(2);
    const other = from("2.2.2.2");
    while (stage.asked < 9) await pause(2);
    release();
    expect((await other).status).toBe(200);
    expect((await Promise.all(asking)).filter(({ status }) => status === 429)).toHaveLength(2);
  });

  test("where no web server stands in front, whoever names other addresses is one all the same", async () => {
    const stage = await aStage({ behindProxy: false });
    const { path } = await stage.file("x", "image/png");
    const statuses: number[] = [];
    // Twice as many where the minute ended meanwhile.
    for (let number = 0; number < 250 && !statuses.includes(429); number++)
      statuses.push((await stage.get(path, { headers: { "x-forwarded-for": `9.9.9.${number}` } })).status);
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.length).toBeGreaterThan(120);
  });

  test("and so many in a minute", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    let given = 0;
    while (given < 250 && (await stage.get(path)).status === 200) given += 1;
    expect(given).toBeGreaterThanOrEqual(120);
    // Twice as many where the minute ended meanwhile.
    expect(given).toBeLessThanOrEqual(240);
    expect((await stage.get(path)).status).toBe(429);
    expect((await stage.get(path, { headers: { "x-forwarded-for": "9.9.9.9" } })).status).toBe(200);
  });

  test("who says nothing, or takes nothing, is cut off", async () => {
    const stage = await aStage({ clientStallMs: 50 });
    expect(await stage.raw("GET /_trestle/media/x HTTP/1.1\r\nhost: x\r\n")).toBe("");
    const { path } = await stage.file("x".repeat(24 * 1024 * 1024), "video/mp4");
    const ended = new Promise<number>((resolve) => {
      stage.bytes = async function* (whole) {
        let at = 0;
        try {
          for (; at < whole.length; at += 65_536) yield whole.subarray(at, at + 65_536);
        } finally {
          resolve(at);
        }
      };
    });
    const socket = connect(stage.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect(await ended).toBeLessThan(16 * 1024 * 1024);
    socket.destroy();
  });
});
