/** Blocks as people's clients write them, replies, plain bodies and m.mentions, and what no depth or size may do to us. */
import { emptyLookup } from "@trestle/core";
import {
  codeBlock,
  doc,
  type InlineLike,
  inlines,
  link,
  list,
  paragraph as p,
  quote,
  type RichText,
  walk,
} from "@trestle/richtext";
import { htmlCodec, stripReplyFallback } from "../src/html/codec.ts";
import { alice, b, everyone, i, parsed, pill, reads, source } from "./html-rows.ts";

const { subset, inBody, entities } = source;
const rule = { kind: "rule" } as const;
const heading = (level: 1 | 2 | 3 | 4 | 5 | 6, ...children: InlineLike[]) =>
  ({ kind: "heading", level, children: inlines(...children) }) as const;

describe("html read: blocks", () => {
  reads("quotes", [
    ["<blockquote>a</blockquote>", doc(quote("a")), subset],
    ["<blockquote><p>a</p><p>b</p></blockquote>", doc(quote("a", "b")), subset],
    ["<blockquote>a<blockquote>b</blockquote>c</blockquote>", doc(quote("a", quote("b"), "c")), subset],
    ["a<blockquote>b</blockquote>c", doc("a", quote("b"), "c"), subset],
    ["<blockquote>a</blockquote><blockquote>b</blockquote>", doc(quote("a"), quote("b")), subset],
    ["<blockquote>a<br>b</blockquote>", doc(quote("a\nb")), subset],
    ["<blockquote></blockquote>a", doc("a"), subset],
    ["<blockquote>open", doc(quote("open")), inBody],
    ["</blockquote>a", doc("a"), inBody],
    ["<blockquote><b>a</blockquote>b", doc(quote(p(b("a"))), "b"), inBody],
    ["<blockquote>&gt; a</blockquote>", doc(quote("> a")), entities],
  ]);
  reads("lists", [
    ["<ul><li>a</li><li>b</li></ul>", doc(list(["a", "b"])), subset],
    ["<ol><li>a</li><li>b</li></ol>", doc(list(["a", "b"], 1)), subset],
    ['<ol start="3"><li>a</li></ol>', doc(list(["a"], 3)), subset],
    ['<ol start="-2"><li>a</li></ol>', doc(list(["a"], -2)), source.olStart],
    ['<ol start="x"><li>a</li></ol>', doc(list(["a"], 1)), source.olStart],
    ['<ol start="99999999999999999999"><li>a</li></ol>', doc(list(["a"], 1)), source.olStart],
    ["<ul><li>a<li>b</ul>", doc(list(["a", "b"])), inBody],
    ["<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", doc(list([doc("a", list(["b"])), "c"])), subset],
    ["<ul><li>a<ol><li>b</ol>c</ul>d", doc(list([doc("a", list(["b"], 1), "c")]), "d"), inBody],
    ["<ul><li><p>a</p><p>b</p></li></ul>", doc(list([doc("a", "b")])), subset],
    ["<ul><li></li><li>b</li></ul>", doc(list(["b"])), subset],
    ["<li>a<li>b", doc("a", "b"), inBody],
    ["<ul>a<li>b</ul>", doc(list(["a", "b"])), inBody],
    ["<ul>\n<li>a</li>\n</ul>\nb", doc(list(["a"]), "b"), source.spaces],
    ["<ul><li><blockquote>a</blockquote></li></ul>", doc(list([doc(quote("a"))])), subset],
  ]);
  reads("code blocks", [
    ["<pre><code>a\nb\n</code></pre>", doc(codeBlock("a\nb")), subset],
    ['<pre><code class="language-js">x</code></pre>', doc(codeBlock("x", "js")), subset],
    ['<pre><code class="a language-c++ b">x</code></pre>', doc(codeBlock("x", "c++")), source.language],
    ["<pre><code class='language-&quot;&gt;'>x</code></pre>", doc(codeBlock("x")), source.language],
    ["<pre>\na\n</pre>", doc(codeBlock("a")), inBody],
    ["<pre>\n\na</pre>", doc(codeBlock("\na")), inBody],
    ["<pre>  a\t&lt;b&gt;  c</pre>", doc(codeBlock("  a\t<b>  c")), entities],
    ["<pre>a<br>b<b>c</b></pre>", doc(codeBlock("a\nbc")), inBody],
    ["a<pre>b</pre>c", doc("a", codeBlock("b"), "c"), subset],
    ["<pre>a</pre><pre>b</pre>", doc(codeBlock("a"), codeBlock("b")), subset],
    ["<pre> \n </pre>x", doc("x"), subset],
    ["<pre>a\r\nb</pre>", doc(codeBlock("a\nb")), inBody],
    ["<blockquote><pre>a</pre></blockquote>", doc(quote(codeBlock("a"))), subset],
    ["<pre>open <b>x", doc(codeBlock("open x")), inBody],
  ]);
  reads("headings", [
    ["<h1>a</h1>", doc(heading(1, "a")), subset],
    ["<h6>a</h6>b", doc(heading(6, "a"), "b"), subset],
    ["<h7>a</h7>", doc("a"), subset],
    ["<h2>a <b>b</b></h2>", doc(heading(2, "a ", b("b"))), subset],
    ["<h1>a</h1><h2>b</h2>", doc(heading(1, "a"), heading(2, "b")), subset],
    ["<h1>a<h2>b", doc(heading(1, "a"), heading(2, "b")), inBody],
    ["<h1></h1>a", doc("a"), subset],
    ["<h1>a<br>b</h1>", doc(heading(1, "a\nb")), subset],
    ["<h3>&lt;h1&gt;</h3>", doc(heading(3, "<h1>")), entities],
    ["<h1>a<blockquote>b</blockquote></h1>", doc(heading(1, "a"), quote("b")), inBody],
  ]);
  reads("rules", [
    ["a<hr>b", doc("a", rule, "b"), subset],
    ["<hr/><hr />", doc(rule, rule), inBody],
    ["<b>a<hr>b</b>", doc(p(b("a")), rule, p(b("b"))), inBody],
    ["<blockquote>a<hr>b</blockquote>", doc(quote("a", rule, "b")), subset],
    ["<ul><li>a<hr></ul>", doc(list([doc("a", rule)])), subset],
    ["<hr width=1 onload=x>a", doc(rule, "a"), subset],
    ["</hr>a", doc("a"), inBody],
    ["<pre>a<hr>b</pre>", doc(codeBlock("ab")), inBody],
  ]);
  reads("tables as a line for each row", [
    ["<table><tr><td>a</td><td>b</td></tr></table>", doc("a | b"), subset],
    [
      "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
      doc("a | b\n1 | 2"),
      subset,
    ],
    ["<table><caption>c</caption><tr><td>a</td></tr></table>", doc("c", "a"), subset],
    ["x<table><tr><td>a<td>b<tr><td>c</table>y", doc("x", "a | b\nc", "y"), inBody],
    ["<table><tr><td><b>a</b></td></tr></table>", doc(p(b("a"))), subset],
    ["<table><tr><td><p>a</p><ul><li>b</ul></td></tr></table>", doc("a b"), subset],
    ["<td>a</td>", doc("a"), inBody],
    ["<table><tr><td>a<br>b</td><td>c\n</td></tr></table>", doc("a b | c"), subset],
    ["<table><tr><td>&lt;td&gt;</td></tr></table>", doc("<td>"), entities],
    ["<blockquote><table><tr><td>a</blockquote></table>b</blockquote>c", doc(quote("a", "b"), "c"), inBody],
  ]);
  reads("details as a bold summary and its text", [
    ["<details><summary>a</summary>b</details>", doc(p(b("a")), "b"), subset],
    ["<details open><summary>a</summary><p>b</p></details>c", doc(p(b("a")), "b", "c"), subset],
    ["<details>a</details>b", doc("a", "b"), subset],
    ["<summary>a</summary>b", doc(p(b("a")), "b"), subset],
    ["<details><summary><b>a</b></summary></details>", doc(p(b("a"))), subset],
    ["<details><summary></summary>b</details>", doc("b"), subset],
    ["<details><summary>a</summary><details>b</details></details>", doc(p(b("a")), "b"), subset],
    ["<details><summary>&lt;a&gt;</summary>b</details>", doc(p(b("<a>")), "b"), entities],
  ]);
  reads("pictures by their description", [
    ['<img alt=":x:" src="mxc://e/x"> hi', doc(":x: hi"), subset],
    ['<img title="t" src="mxc://e/x">', doc("t"), subset],
    ['<img alt="a" title="t">', doc("a"), subset],
    ['<img alt="" title="t">', doc("t"), subset],
    ['a<img src="mxc://e/x">b', doc("ab"), subset],
    ['<b><img alt="a"></b>', doc(p(b("a"))), subset],
    ['<img alt="&lt;b&gt;&#10;\u202ex">', doc("<b> x"), entities],
    ['<img alt="a"><img alt="b">', doc("ab"), subset],
    ['<a href="https://e.org"><img alt="a"></a>', doc(p(link("https://e.org", "a"))), subset],
  ]);
});

describe("html read: replies and plain bodies", () => {
  reads("a message without its reply fallback", [
    ["<mx-reply><blockquote>old</blockquote></mx-reply>new", doc("new"), source.replies],
    ["<mx-reply>a</mx-reply><b>b</b>", doc(p(b("b"))), source.replies],
    ["<MX-REPLY>a</MX-REPLY>b", doc("b"), source.replies],
    ["<mx-reply><mx-reply>a</mx-reply>b</mx-reply>c", doc("c"), source.replies],
    ["<mx-reply>never closed", doc("never closed"), source.replies],
    ["a</mx-reply>b", doc("ab"), source.replies],
    ["<mx-reply><script></mx-reply>x</script></mx-reply>y", doc("y"), source.replies],
    ["&lt;mx-reply&gt;a&lt;/mx-reply&gt;", doc("<mx-reply>a</mx-reply>"), entities],
  ]);

  it.each([
    ["> <@a:e.org> old\n\nnew", "new"],
    ["> <@a:e.org> old\n> more\n\nnew\nlines", "new\nlines"],
    ["> * <@a:e.org> waves\n\nnew", "new"],
    ["> <@a:e.org> old\n>\n> x\n\nnew", "new"],
    ["> my own quote\n\nnew", "> my own quote\n\nnew"],
    ["new\n> <@a:e.org> later", "new\n> <@a:e.org> later"],
    ["> <@a:e.org> old", ""],
    ["> <@a:e.org> old\n>no space\n\nnew", ">no space\n\nnew"],
    ["> <@a:e.org> old\r\n> x\r\n\r\nnew", "new"],
  ])("[S1] strips the quoted lines of a reply and nothing else: %j", (body, stripped) => {
    expect(stripReplyFallback(body)).toBe(stripped);
  });

  it.each([
    ["a\nb", doc("a\nb")],
    ["a\n\nb", doc("a\n\nb")],
    ["  two  spaces ", doc("  two  spaces ")],
    ["<b>&amp;", doc("<b>&amp;")],
    ["\n\na\n\n", doc("a")],
    ["\r\na\r\nb", doc("a\nb")],
    ["a\u0000\u0003\u001bb", doc("ab")],
    ["\ud83d", doc("\ufffd")],
    ["", doc()],
    [" \n ", doc()],
  ])("[C1 matrix] reads a plain body as it stands: %j", (body, expected) => {
    expect(htmlCodec.parse({ body }, emptyLookup)).toEqual(expected);
  });

  it.each(["", "   ", "<img src='mxc://e/x'>", "<p></p>", "<mx-reply>x</mx-reply>", "<script>x</script>"])(
    "[C1 matrix] reads the plain body when the HTML shows nothing: %j",
    (formattedBody) => {
      expect(htmlCodec.parse({ body: "plain", formattedBody }, emptyLookup)).toEqual(doc("plain"));
    },
  );
});

describe("html read: m.mentions", () => {
  const lookup = { ...emptyLookup, nameOf: ({ id }: { id: string }) => (id === alice.id ? "Al (x)" : undefined) };
  const mentions = { userIds: [alice.id], room: false };

  it.each<[string, RichText]>([
    ["@alice:example.org: hi", doc(p(pill(alice, "@alice:example.org"), ": hi"))],
    ["hi @alice:example.org", doc(p("hi ", pill(alice, "@alice:example.org")))],
    ["Al (x), hi", doc(p(pill(alice, "Al (x)"), ", hi"))],
    ["pAl (x)", doc("pAl (x)")],
    ["x@alice:example.org", doc("x@alice:example.org")],
    ["@alice:example.organic", doc("@alice:example.organic")],
    ["nobody", doc("nobody")],
    ["@room hi", doc("@room hi")],
  ])("[C13 matrix] finds whom a plain body mentions: %j", (body, expected) => {
    expect(htmlCodec.parse({ body, mentions }, lookup)).toEqual(expected);
  });

  it("[C13 matrix] takes @room for a mention only when the event says so", () => {
    const read = (room: boolean) => htmlCodec.parse({ body: "@room hi", mentions: { userIds: [], room } }, emptyLookup);
    expect(read(true)).toEqual(doc(p(pill(everyone, "@room"), " hi")));
    expect(read(false)).toEqual(doc("@room hi"));
    expect(htmlCodec.parse({ body: "@room hi" }, emptyLookup)).toEqual(doc("@room hi"));
  });

  it("[C13 matrix] leaves code, links and those who have a pill alone", () => {
    const pilled = '<a href="https://matrix.to/#/@alice:example.org">Al</a>';
    const formattedBody = `<code>@room</code> <a href="https://e.org">@room</a> ${pilled} @alice:example.org`;
    const read = htmlCodec.parse(
      { body: "x", formattedBody, mentions: { userIds: [alice.id], room: true } },
      emptyLookup,
    );
    const found: string[] = [];
    walk(read, (node) => {
      if (node.kind === "mention") found.push(node.label);
    });
    expect(found).toEqual(["Al"]);
  });

  it("[S1] survives m.mentions of nonsense and of thousands", () => {
    const userIds = ["", "@", "(", "[a-z", "@a:b\n", ...Array.from({ length: 5000 }, (_, n) => `@u${n}:e.org`)];
    expect(htmlCodec.parse({ body: "( [a-z @", mentions: { userIds, room: false } }, emptyLookup)).toEqual(
      doc("( [a-z @"),
    );
  });
});

describe("html read: bounds", () => {
  const depthOf = (read: RichText): number => {
    const json = JSON.stringify(read);
    let deepest = 0;
    let depth = 0;
    for (const char of json) {
      if (char === "{") deepest = Math.max(deepest, ++depth);
      if (char === "}") depth -= 1;
    }
    return deepest;
  };

  it.each([
    ["<b>".repeat(20_000), "x"],
    ["<blockquote>".repeat(5000), "x"],
    ["<ul><li>".repeat(8000), "x"],
    ["<table><tr><td>".repeat(4000), "x"],
    ["<font color=red><i>".repeat(3000), "x"],
    ["<a href='https://e.org'>".repeat(2500), "x"],
    ["<pre>".repeat(10_000), "x"],
    ["</b></p></ul>".repeat(4000), "x"],
  ])("[S1] [S5 matrix] reads any depth of tags and keeps the words: %.20s", (tags, words) => {
    const read = parsed(tags + words);
    expect(depthOf(read)).toBeLessThanOrEqual(100);
    expect(JSON.stringify(read)).toContain(`"${words}"`);
  });

  it.each([
    "<b> </b><i> </i>".repeat(4000),
    "<p>x".repeat(16_000),
    "</x>".repeat(16_000),
    "<mx-reply>".repeat(6000),
    " \n".repeat(32_000),
    "&amp;".repeat(13_000),
    "<!--".repeat(16_000),
    "<a b".repeat(16_000),
    `<a ${"b=c ".repeat(16_000)}>x</a>`,
    "\u00a0 ".repeat(32_000),
  ])("[S1] reads 64 KiB of anything in no time worth a notice: %.12s", (html) => {
    const before = process.cpuUsage();
    parsed(html);
    // Quadratic readers take tens of seconds on these; two are generous for a busy machine.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(2000);
  });

  it("[S1] follows a hundred open styles and no more", () => {
    expect(parsed(`${"<b>".repeat(99)}<i>x`)).toEqual(doc(p(b(i("x")))));
    expect(parsed(`${"<b>".repeat(100)}<i>x</i>${"</b>".repeat(100)}y`)).toEqual(doc(p(b("x"), "y")));
  });

  it("[S1] reads the first 64 KiB of more, never half a character", () => {
    const read = htmlCodec.parse({ body: "x", formattedBody: `${"a".repeat(65_535)}😀b` }, emptyLookup);
    expect(JSON.stringify(read)).toContain("a\ufffd");
    expect(JSON.stringify(read)).not.toContain("b");
  });
});
