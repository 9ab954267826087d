import fc from "fast-check";
import { createMediaLinks, safeName } from "../src/media/link.ts";
import { rangeOf, sliceOf } from "../src/media/range.ts";

const key = "a key that is long enough for the media proxy";
const links = createMediaLinks({ key, publicUrl: "https://media.example.org/files/" });
const base = "https://media.example.org/files";
const id = links.idOf("!r:a", "$e", "file");
const atMs = 1_800_000_000_000;
const target = (url: string) => url.slice("https://media.example.org".length);

describe("[S2 matrix] public addresses", () => {
  test("are short, lead back to what was signed, and are the same for the same event", () => {
    const url = links.url(id, atMs, "cat.png");
    expect(url.startsWith(`${base}/_trestle/media/`)).toBe(true);
    expect(url.length - base.length).toBeLessThan(90);
    expect(links.idOf("!r:a", "$e", "file")).toBe(id);
    expect(links.read(target(url))).toEqual({ id, expiresAtMs: atMs });
    // A web server in front that takes its own path off.
    expect(links.read(target(url).slice("/files".length))).toEqual({ id, expiresAtMs: atMs });
  });

  test("are others for another room, event, kind or key, and tell none of them", () => {
    const other = createMediaLinks({ key: `${key}!`, publicUrl: base });
    const ids = [
      id,
      links.idOf("!r:b", "$e", "file"),
      links.idOf("!r:a", "$f", "file"),
      links.idOf("!r:a", "$e", "text"),
    ];
    expect(new Set([...ids, other.idOf("!r:a", "$e", "file")]).size).toBe(5);
    expect(links.url(id, atMs, "x")).not.toContain("$e");
  });

  test("a key that is too short is refused", () => {
    expect(() => createMediaLinks({ key: "short", publicUrl: base })).toThrow(/32 bytes/);
  });

  const good = target(links.url(id, atMs, "cat.png"));
  const [, expiry = "", signature = ""] = /\.([0-9a-z]+)\.([^/]+)\//.exec(good) ?? [];
  const resigned = target(createMediaLinks({ key: `${key}!`, publicUrl: base }).url(id, atMs, "cat.png"));
  test.each([
    ["another signature", good.replace(signature, "A".repeat(22))],
    ["one letter changed", good.replace(signature, (signature[0] === "A" ? "B" : "A") + signature.slice(1))],
    [
      "the same bits in another writing",
      good.replace(signature, signature.slice(0, -1) + twin(signature.at(-1) ?? "")),
    ],
    ["a later expiry", good.replace(`.${expiry}.`, ".zzzzzz.")],
    ["another id", good.replace(id, "A".repeat(16))],
    ["signed with another key", resigned],
  ])("forged: %s", (_what, path) => {
    expect(links.read(path)).toBe("forged");
  });

  test.each([
    ["nothing", "/files/_trestle/media/"],
    ["no name", good.slice(0, good.lastIndexOf("/"))],
    ["a path behind", `${good}/../../x`],
    ["a name that climbs", good.replace("cat.png", "..")],
    ["a hidden name", good.replace("cat.png", ".htaccess")],
    ["an encoded climb", good.replace("cat.png", "%2e%2e%2f%2e%2e")],
    ["a doubly encoded climb", good.replace("cat.png", "%252e%252e%252f")],
    ["a backslash", good.replace("cat.png", "..\\..\\x")],
    ["a climb before", `/files/_trestle/media/../media/${good.slice(good.indexOf(id))}`],
    ["a query", `${good}?user_id=@admin:a`],
    ["a signature that is too short", good.replace(signature, signature.slice(1))],
    ["another path", "/_matrix/client/v3/sync"],
    ["a whole address", `http://other.example${good}`],
    ["the homeserver's media", "/_trestle/media/mxc://a/b"],
  ])("unknown: %s", (_what, path) => {
    expect(links.read(path)).toBe("unknown");
  });

  /** The last of 22 base64url letters holds two bits; the other four are nobody's. */
  function twin(last: string): string {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return letters[letters.indexOf(last) + 1] ?? "";
  }
});

test.each([
  ["cat.png", "cat.png"],
  ["фото.jpg", "file.jpg"],
  ["../../etc/passwd", "etc_passwd"],
  ["a\r\nSet-Cookie: x.html", "a_Set-Cookie_x.html"],
  ["…", "file"],
  [".htaccess", "htaccess"],
  [`${"x".repeat(300)}.tar.gz`, `${"x".repeat(37)}.gz`],
  ["été 2026.png", "e_te_2026.png"],
])("[S2 matrix] a name in an address (%#)", (name, safe) => {
  expect(safeName(name)).toBe(safe);
  expect(safeName(name)).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
});

describe("[S2 matrix] ranges", () => {
  test.each([
    [undefined, "whole"],
    ["bytes=0-0", { first: 0, last: 0 }],
    ["bytes=10-", { first: 10, last: 99 }],
    ["bytes=-5", { first: 95, last: 99 }],
    ["bytes=-500", { first: 0, last: 99 }],
    ["bytes=50-500", { first: 50, last: 99 }],
    ["bytes = 1-2", "whole"],
    ["lines=1-2", "whole"],
    ["bytes=a-b", "whole"],
    ["bytes=-", "whole"],
    ["bytes=5-2", "whole"],
    ["bytes=100-", "refused"],
    ["bytes=-0", "refused"],
    ["bytes=0-1,2-3", "refused"],
    [`bytes=${"0-,".repeat(1000)}`, "refused"],
    [`bytes=0-${"9".repeat(200)}`, "refused"],
    ["bytes=99999999999999999999-", "whole"],
  ])("of 100 bytes (%#)", (header, wanted) => {
    const range = rangeOf(header, 100);
    expect(range).toEqual(typeof wanted === "string" ? { kind: wanted } : { kind: "part", ...wanted });
  });

  test("are not served of what has no known length", () => {
    expect(rangeOf("bytes=0-1", undefined)).toEqual({ kind: "whole" });
  });

  test("are cut out of a stream whatever its pieces are, and nothing behind them is read", async () => {
    const all = Buffer.from("abcdefghijklmnopqrstuvwxyz");
    for (const pieceBytes of [1, 3, 7, 26]) {
      let read = 0;
      const pieces = async function* () {
        for (let at = 0; at < all.length; at += pieceBytes) {
          read = at;
          yield all.subarray(at, at + pieceBytes);
        }
      };
      const got: Uint8Array[] = [];
      for await (const piece of sliceOf(pieces(), 4, 9)) got.push(piece);
      expect(Buffer.concat(got).toString()).toBe("efghij");
      expect(read).toBeLessThanOrEqual(9);
    }
  });
});

test("[S2 matrix] whatever is asked, nothing throws, and only what was signed is read", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("/_trestle/media/", id, ".", "/", "%2e", "..", "zzz", "A".repeat(22)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.string(), (pieces, header) => {
      expect(["unknown", "forged"]).toContain(links.read(pieces.join("")));
      const range = rangeOf(header, 100);
      if (range.kind === "part") expect(range.first <= range.last && range.last < 100).toBe(true);
      expect(safeName(header)).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
    }),
    { numRuns: 2_000 },
  );
});
