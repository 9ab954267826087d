import { setTimeout as pause } from "node:timers/promises";
import { BridgeError, roomId } from "@trestle/core";
import { createMediaLinks } from "../src/media/link.ts";
import { aStage, closeStages, fileEvent, key, publicUrl } from "./media-proxy-stage.ts";

afterEach(closeStages);

const pathOf = (url: string | undefined) => (url ?? "").slice(publicUrl.length);

describe("[S2 matrix] a public address", () => {
  test("gives the file of its event, by GET and by HEAD, with headers that let nothing run", async () => {
    const stage = await aStage();
    const { path, event } = await stage.file("a picture", "image/png", "cat.png");
    const answer = await stage.get(path);
    expect(answer).toMatchObject({ status: 200, body: "a picture", broken: false });
    expect(answer.headers).toMatchObject({
      "content-type": "image/png",
      "content-length": "9",
      "content-disposition": `inline; filename="cat.png"; filename*=UTF-8''cat.png`,
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "cross-origin",
      "cache-control": "private, max-age=60",
      "accept-ranges": "bytes",
    });
    const head = await stage.get(path, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "", headers: { "content-length": "9" } });
    expect(await stage.proxy.publish(event, "file")).toBe(`${publicUrl}${path}`);
  });

  test("is written down before it leaves: without its row it opens nothing", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    const id = /media\/([^.]+)\./.exec(path)?.[1];
    await stage.store.media.remove(`public/${id}`);
    expect((await stage.get(path)).status).toBe(404);
    expect(stage.opened).toHaveLength(0);
  });

  test("is not made for what has no file, is encrypted, or is redacted", async () => {
    const stage = await aStage();
    const plain = { msgtype: "m.file", body: "x", url: "mxc://hs.test/a" };
    for (const content of [
      { msgtype: "m.text", body: "x" },
      { ...plain, url: "https://x" },
      { ...plain, url: "mxc://a/../b" },
      { msgtype: "m.file", body: "x", file: { url: plain.url } },
    ])
      expect(await stage.proxy.publish(fileEvent(content), "file")).toBeUndefined();
    expect(await stage.proxy.publish(fileEvent(plain, { unsigned: { redacted_because: {} } }), "file")).toBeUndefined();
    expect(await stage.proxy.publish(fileEvent(plain), "file")).toBeDefined();
  });

  test("of a text gives the words that stand there now", async () => {
    const stage = await aStage();
    const event = fileEvent({ msgtype: "m.text", body: "<b>old</b> ü" });
    stage.events.set(event.event_id, event);
    const path = pathOf(await stage.proxy.publish(event, "text"));
    expect(await stage.get(path)).toMatchObject({
      status: 200,
      body: "<b>old</b> ü",
      headers: { "content-type": "text/plain; charset=utf-8", "content-length": "13" },
    });
    const edit = (sender: string) => ({ sender, content: { "m.new_content": { body: `by ${sender}` } } });
    const withEdit = (sender: string) =>
      ({ ...event, unsigned: { "m.relations": { "m.replace": edit(sender) } } }) as never;
    stage.nowMs += 60_000;
    stage.events.set(event.event_id, withEdit("@alice:hs.test"));
    expect((await stage.get(path)).body).toBe("by @alice:hs.test");
    stage.nowMs += 60_000;
    stage.events.set(event.event_id, withEdit("@mallory:hs.test"));
    expect((await stage.get(path)).body).toBe("<b>old</b> ü");
  });
});

describe("[S2 matrix] an address that is not ours", () => {
  test("forged, changed or signed with another key: 403, and nobody is asked", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    const [, id = "", expiry = "", signature = ""] = /media\/([^.]+)\.([^.]+)\.([^/]+)\//.exec(path) ?? [];
    const other = createMediaLinks({ key: `${key}!`, publicUrl });
    for (const forged of [
      path.replace(signature, "A".repeat(22)),
      path.replace(`.${expiry}.`, ".zzzzz."),
      path.replace(id, "B".repeat(16)),
      pathOf(other.url(id, stage.nowMs + 1e9, "cat.png")),
    ])
      expect((await stage.get(forged)).status).toBe(403);
    expect([stage.asked, stage.opened.length]).toEqual([0, 0]);
  });

  test("rightly signed, of an id that was never published: 404", async () => {
    const stage = await aStage();
    const links = createMediaLinks({ key, publicUrl });
    const path = pathOf(links.url(links.idOf("!room:hs.test", "$secret", "file"), stage.nowMs + 1e9, "x"));
    stage.events.set("$secret", fileEvent({ url: "mxc://hs.test/secret", body: "x" }));
    expect((await stage.get(path)).status).toBe(404);
    expect(stage.asked).toBe(0);
  });

  test("over: 410, however good its signature", async () => {
    const stage = await aStage({ expiresMs: 3_600_000 });
    const { path } = await stage.file("x", "image/png");
    stage.nowMs += 3_500_000;
    expect((await stage.get(path)).status).toBe(200);
    stage.nowMs += 200_000;
    expect((await stage.get(path)).status).toBe(410);
  });

  test("paths that climb, encoded or not, reach nothing", async () => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    const start = path.slice(0, path.lastIndexOf("/"));
    for (const target of [
      "/",
      "/_matrix/client/v3/account/whoami",
      "/_trestle/media/../../_matrix/client/versions",
      "/_trestle/media/%2e%2e/%2e%2e/_matrix/client/versions",
      "/_trestle/media/%252e%252e/x",
      `${start}/..`,
      `${start}/../../x`,
      `${start}/%2e%2e%2f%2e%2e%2f_matrix`,
      `${start}/..%5c..%5cx`,
      `${start}/a/../../b`,
      `${path}?x=../..`,
      `//evil.example${path}`,
      `http://evil.example${path}`,
    ])
      expect([target, (await stage.get(target)).status]).toEqual([target, 404]);
    expect([stage.asked, stage.opened.length]).toEqual([0, 0]);
  });

  test("another file of the homeserver cannot be named: the event alone says which", async () => {
    const stage = await aStage();
    const { path, event } = await stage.file("mine", "image/png");
    stage.files.set("mxc://hs.test/secret", { bytes: Buffer.from("secret"), mimeType: "image/png" });
    for (const name of ["secret", "mxc_hs.test_secret", "mxc:%2f%2fhs.test%2fsecret"])
      expect((await stage.get(path.replace("cat.png", name))).body).not.toContain("secret");
    expect(new Set(stage.opened)).toEqual(new Set([event.content["url"]]));
  });
});

describe("[S2 matrix] what was taken back", () => {
  test("redacted, unknown to the homeserver or without a file: 410", async () => {
    const stage = await aStage({ verdictMs: 0 });
    const { path, event } = await stage.file("x", "image/png");
    expect((await stage.get(path)).status).toBe(200);
    stage.events.set(event.event_id, { ...event, unsigned: { redacted_because: { type: "m.room.redaction" } } });
    expect((await stage.get(path)).status).toBe(410);
    stage.events.set(event.event_id, { ...event, content: {} });
    expect((await stage.get(path)).status).toBe(410);
    stage.events.delete(event.event_id);
    expect((await stage.get(path)).status).toBe(410);
    expect(stage.opened).toHaveLength(1);
  });

  test("a redaction that we saw holds at once, whatever was remembered; another room's does not", async () => {
    const stage = await aStage({ verdictMs: 3_600_000 });
    const { path, event } = await stage.file("x", "image/png");
    expect((await stage.get(path)).status).toBe(200);
    const asked = stage.asked;
    expect((await stage.get(path)).status).toBe(200);
    expect(stage.asked).toBe(asked);
    stage.events.set(event.event_id, { ...event, content: {} });
    stage.proxy.forget(roomId("!other:hs.test"), event.event_id);
    expect((await stage.get(path)).status).toBe(200);
    stage.proxy.forget(event.room_id, event.event_id);
    expect((await stage.get(path)).status).toBe(410);
  });

  test("a verdict that was on its way when the redaction came does not count", async () => {
    const stage = await aStage({ verdictMs: 3_600_000 });
    const { path, event } = await stage.file("x", "image/png");
    let first = true;
    stage.fault = async () => {
      if (first) {
        first = false;
        stage.proxy.forget(event.room_id, event.event_id);
      }
      return undefined as never;
    };
    expect((await stage.get(path)).status).toBe(200);
    expect(stage.asked).toBe(2);
  });

  test("a transfer under way breaks off", async () => {
    const stage = await aStage();
    const { path, event } = await stage.file("0123456789".repeat(3), "image/png");
    stage.bytes = async function* (whole) {
      yield whole.subarray(0, 10);
      await pause(20);
      stage.proxy.forget(event.room_id, event.event_id);
      await pause(5);
      yield whole.subarray(10);
    };
    expect(await stage.get(path)).toMatchObject({ status: 200, broken: true, body: "0123456789" });
  });
});

describe("[S2 matrix] what a browser is told", () => {
  test.each([
    ["text/html", "page.html"],
    ["image/svg+xml", "picture.svg"],
    ["application/xhtml+xml", "page.xhtml"],
    ["text/xml", "feed.xml"],
    ["application/pdf", "paper.pdf"],
    ["text/javascript", "x.js"],
    ["application/x-unheard-of", "x"],
    ["image/png, text/html", "two.png"],
    ["garbage\r\nx: y", "x.png"],
  ])("%s is never shown inline and its type is not told", async (type, name) => {
    const stage = await aStage();
    const { path } = await stage.file("<script>alert(1)</script>", type, name);
    const { headers } = await stage.get(path);
    expect(headers["content-disposition"]).toMatch(/^attachment;/);
    expect(headers["content-type"]).toBe("application/octet-stream");
    expect(headers["content-security-policy"]).toContain("sandbox");
  });

  test.each([
    ['quotes.png"; filename="evil.html'],
    ["a\r\nSet-Cookie: x=1\r\n\r\n<html>"],
    ['back\\slash\\".png'],
    ["\u202egnp.exe"],
    ["Ünïcode 猫.png"],
    ["%22%0d%0a.png"],
    ["\ud800.png"],
    ["x".repeat(5_000)],
  ])("a hostile name cannot leave its header (%#)", async (name) => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png", name);
    const { status, headers, body } = await stage.get(path);
    expect([status, body]).toEqual([200, "x"]);
    expect(headers["set-cookie"]).toBeUndefined();
    const said = String(headers["content-disposition"]);
    expect(said).toMatch(/^inline; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[A-Za-z0-9.%_~!&$-]*$/);
    expect(decodeURIComponent(said.split("''")[1] ?? "")).not.toMatch(/[\r\n\u202e/\\]/);
  });
});

describe("[S2 matrix] ranges", () => {
  test("one range is cut out, also with If-Range of this file", async () => {
    const stage = await aStage();
    const { path } = await stage.file("abcdefghijklmnopqrstuvwxyz", "video/mp4");
    const part = await stage.get(path, { headers: { range: "bytes=12-14" } });
    expect(part).toMatchObject({
      status: 206,
      body: "mno",
      headers: { "content-range": "bytes 12-14/26", "content-length": "3" },
    });
    const etag = String(part.headers["etag"]);
    expect((await stage.get(path, { headers: { range: "bytes=-2", "if-range": etag } })).body).toBe("yz");
    expect((await stage.get(path, { headers: { range: "bytes=-2", "if-range": '"other"' } })).status).toBe(200);
    const head = await stage.get(path, { method: "HEAD", headers: { range: "bytes=0-9" } });
    expect(head).toMatchObject({ status: 206, body: "", headers: { "content-length": "10" } });
  });

  test.each([
    ["behind its end", "bytes=26-"],
    ["two at once", "bytes=0-0,5-5"],
    ["two hundred at once", `bytes=${"0-,".repeat(200)}`],
  ])("%s: refused", async (_what, range) => {
    const stage = await aStage();
    const { path } = await stage.file("abcdefghijklmnopqrstuvwxyz", "video/mp4");
    const answer = await stage.get(path, { headers: { range } });
    expect(answer).toMatchObject({ status: 416, headers: { "content-range": "bytes */26" } });
    expect(answer.body).not.toContain("abc");
  });
});

describe("[S2 matrix] what fails behind it is never shown as a success", () => {
  test.each([
    ["a file that is gone", new BridgeError("media-gone"), 404],
    ["a homeserver that is away", new BridgeError("homeserver-unreachable"), 503],
    ["a homeserver that limits us", new BridgeError("homeserver-limit"), 503],
    ["anything else", new Error("secret detail"), 502],
  ])("%s", async (_what, error, status) => {
    const stage = await aStage();
    const { path } = await stage.file("x", "image/png");
    stage.fault = () => Promise.reject(error);
    const answer = await stage.get(path);
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain("secret");
    expect(answer.headers["content-security-policy"]).toContain("sandbox");
  });

  test("a file that breaks off in the middle breaks the connection", async () => {
    const stage = await aStage();
    const { path } = await stage.file("0123456789".repeat(3), "image/png");
    stage.bytes = async function* (whole) {
      yield whole.subarray(0, 10);
      throw new Error("broken");
    };
    expect(await stage.get(path)).toMatchObject({ status: 200, broken: true });
  });

  test("a port that is taken is told as one", async () => {
    const stage = await aStage();
    await expect(aStage({ listen: { host: "127.0.0.1", port: stage.port } })).rejects.toMatchObject({
      code: "port-taken",
    });
  });
});
