import type { Attachment } from "@trestle/core";
import { doc } from "@trestle/richtext";
import { file, mask, plain, plan, rich, say, seen } from "./planning.ts";

describe("[C4 irc] a file", () => {
  const announce = (...files: Attachment[]) => seen(plan(say([], { attachments: files })));

  it.each<[Partial<Attachment>, string]>([
    [{}, "sent an image: cat.png"],
    [{ byteLength: 1_234_567 }, "sent an image: cat.png (1.2 MB)"],
    [{ byteLength: 999 }, "sent an image: cat.png (999 B)"],
    [{ byteLength: 999_999 }, "sent an image: cat.png (1.0 MB)"],
    [{ byteLength: 12_345 }, "sent an image: cat.png (12 kB)"],
    [{ kind: "voice", name: "", durationMs: 65_400 }, "sent a voice message (1:05)"],
    [{ kind: "video", name: "v.mp4", durationMs: 600_000, byteLength: 5e9 }, "sent a video: v.mp4 (10:00, 5.0 GB)"],
    [{ description: "a cat on a sofa" }, "sent an image: cat.png - a cat on a sofa"],
    [{ description: "cat.png" }, "sent an image: cat.png"],
    [{ spoiler: true }, "sent an image: cat.png (spoiler)"],
    [{ kind: "file", name: "a\r\nQUIT :x\x01.txt" }, "sent a file: a QUIT :x.txt"],
    [{ kind: "audio", name: "\u202egnp.exe" }, "sent an audio file: gnp.exe"],
    [{ kind: "sticker", name: "x".repeat(500) }, `sent a sticker: ${"x".repeat(79)}…`],
    [{ byteLength: Number.NaN }, "sent an image: cat.png (? B)"],
  ])("%j: %s", (rest, line) => {
    expect(announce(file(rest))).toEqual([`<Alice> ${line}`]);
  });

  it("comes after its caption; a heap of them is counted", () => {
    expect(seen(plan(say("look", { attachments: [file()] })))).toEqual([
      "<Alice> look",
      "<Alice> sent an image: cat.png",
    ]);
    expect(announce(...Array.from({ length: 9 }, () => file())).slice(5)).toEqual(["<Alice> sent 4 more files"]);
  });

  it("is an action under the author's own nick", () => {
    expect(plan(say([], { attachments: [file()] }), rich)[0]?.text).toBe("\x01ACTION sent an image: cat.png\x01");
  });
});

const url = "https://media.example.org/m/abc.DEF-1_2?x=1";

describe("[C4 irc] [C17 irc] [C18 irc] a file that can be fetched", () => {
  const announce = (...files: Attachment[]) => seen(plan(say([], { attachments: files })));

  it.each<[Partial<Attachment>, string]>([
    [{ byteLength: 1_234_567 }, `cat.png (1.2 MB) ${url}`],
    [{}, `cat.png ${url}`],
    [{ spoiler: true, byteLength: 999 }, `cat.png (999 B) (spoiler) ${url}`],
    [{ description: "a cat on a sofa" }, `cat.png ${url} - a cat on a sofa`],
    [{ description: "cat.png" }, `cat.png ${url}`],
    [{ kind: "voice", name: "", durationMs: 65_400, byteLength: 12_345 }, `voice message (1:05, 12 kB) ${url}`],
    [{ kind: "image", name: "\u200b\x02" }, `image ${url}`],
    [{ durationMs: Number.NaN }, `cat.png (0:00) ${url}`],
    // names that try to be something else
    [{ name: "a\r\nQUIT :x\x01.txt" }, `a QUIT :x.txt ${url}`],
    [{ name: "\u202egnp.exe" }, `gnp.exe ${url}`],
    [{ name: "x (1 kB) https://evil.example/a b" }, `x (1 kB) https___evil.example_a b ${url}`],
    [{ name: "mailto:a@evil.example" }, `mailto_a@evil.example ${url}`],
    [{ name: "C:\\Users\\a.txt" }, `C__Users_a.txt ${url}`],
    [{ name: "x".repeat(500) }, `${"x".repeat(79)}… ${url}`],
    // addresses that are none
    [{ url: "https://a.example/x y" }, "sent an image: cat.png"],
    [{ url: "https://a.example/\r\nQUIT" }, "sent an image: cat.png"],
    [{ url: "https://a.example/\u202egnp" }, "sent an image: cat.png"],
    [{ url: "javascript:alert(1)" }, "sent an image: cat.png"],
    [{ url: `https://a.example/${"x".repeat(500)}` }, "sent an image: cat.png"],
  ])("%j: %s", (rest, line) => {
    expect(announce(file({ url, ...rest }))).toEqual([`<Alice> ${line}`]);
  });

  it("calls nobody by its name or its description, and makes no address of `www.`", () => {
    const [part] = plan(
      say([], { attachments: [file({ url, name: "bob www.evil.example Carol-1.png", description: "for bob" })] }),
    );
    expect(part?.text).toBe(`<A\u200blice> b\u200bob w\u200bww.evil.example C\u200barol-1.png ${url} - for b\u200bob`);
  });

  it("has its caption in the same line when both fit, else before it", () => {
    const one = file({ url, byteLength: 1_234_567 });
    expect(seen(plan(say("look", { attachments: [one] })))).toEqual([`<Alice> look - cat.png (1.2 MB) ${url}`]);
    expect(seen(plan(say("looks", { style: "emote", attachments: [one] })))).toEqual([
      `* Alice looks - cat.png (1.2 MB) ${url}`,
    ]);
    expect(seen(plan(say("look", { style: "notice", attachments: [one] })))).toEqual([
      `<Alice> look - cat.png (1.2 MB) ${url}`,
    ]);
    const long = "word ".repeat(82).trim();
    expect(seen(plan(say(long, { attachments: [one] })))).toEqual([
      `<Alice> ${long}`,
      `<Alice> cat.png (1.2 MB) ${url}`,
    ]);
    expect(seen(plan(say(doc("one", "two"), { attachments: [one] })))).toEqual([
      "<Alice> one",
      "<Alice> two",
      `<Alice> cat.png (1.2 MB) ${url}`,
    ]);
  });

  it("is one line each when there are several", () => {
    const files = [file({ url }), file({ name: "b.png" }), file({ url, name: "c.png" })];
    expect(seen(plan(say("look", { attachments: files })))).toEqual([
      "<Alice> look",
      `<Alice> cat.png ${url}`,
      "<Alice> sent an image: b.png",
      `<Alice> c.png ${url}`,
    ]);
  });

  it("is speech under the author's own nick, not an action", () => {
    expect(plan(say([], { attachments: [file({ url })] }), rich)).toEqual([
      { command: "RELAYMSG", nick: "Alice/m", text: `cat.png ${url}` },
    ]);
  });

  it("keeps its address whole, whatever stands around it", () => {
    const nicks = new Set(Array.from({ length: 40 }, (_, at) => `n${at}`));
    for (const length of [10, 150, 250, 300, 340, 360, 380, 400]) {
      const address = `https://a.example/${"y".repeat(length)}`;
      for (const context of [plain, rich, { ...plain, nicks }]) {
        const wide = file({
          url: address,
          name: [...nicks].join(" "),
          description: "é".repeat(300),
          spoiler: true,
          byteLength: 5e9,
        });
        const parts = plan(say("look", { attachments: [wide] }), context);
        const lines = parts.filter(({ text }) => text.includes("https://"));
        expect(lines.every(({ text }) => text.split(" ").includes(address))).toBe(true);
        expect(lines.length).toBeLessThanOrEqual(1);
        if (length < 300) expect(lines).toHaveLength(1);
        for (const { text } of parts) {
          expect(Buffer.byteLength(`${mask}PRIVMSG #trestle :${text}\r\n`)).toBeLessThanOrEqual(512);
        }
      }
    }
  });
});

describe("[C2 irc] a long text that can be read elsewhere", () => {
  const textUrl = "https://media.example.org/t/abc";
  const numbered = (count: number) => doc(...Array.from({ length: count }, (_, at) => `line ${at}`));

  it("says in its last line how much is missing and where it is", () => {
    expect(seen(plan(say(numbered(46), { textUrl })))).toEqual([
      "<Alice> line 0",
      "<Alice> line 1",
      "<Alice> line 2",
      "<Alice> line 3",
      `<Alice> … (42 more lines) ${textUrl}`,
    ]);
    expect(plan(say("word ".repeat(2000), { textUrl }), rich).at(-1)).toMatchObject({
      command: "RELAYMSG",
      text: expect.stringMatching(/^… \(\d\d more lines\) https:/),
    });
    expect(seen(plan(say(numbered(2), { textUrl }), { ...plain, partsMax: 1 }))).toEqual([
      `<Alice> … (2 more lines) ${textUrl}`,
    ]);
  });

  it("is whole, without an address, when it fits", () => {
    expect(seen(plan(say(numbered(5), { textUrl }))).at(-1)).toBe("<Alice> line 4");
    expect(plan(say(numbered(4), { textUrl }))).toHaveLength(4);
  });

  it.each(["https://a.example/x y", "ftp://a.example", `https://a.example/${"x".repeat(500)}`])(
    "is cut as ever when the address is none: %s",
    (bad) => {
      expect(plan(say(numbered(9), { textUrl: bad })).at(-1)?.text).toMatch(/left out\]$/);
    },
  );

  it("leaves the files their lines", () => {
    const parts = seen(plan(say(numbered(9), { textUrl, attachments: [file({ url })] })));
    expect(parts.slice(4)).toEqual([`<Alice> … (5 more lines) ${textUrl}`, `<Alice> cat.png ${url}`]);
  });
});
