/** What we write into Matrix, construct by construct. Bodies, pings and limits: html-print-bounds.test.ts. */
import {
  code,
  codeBlock,
  color,
  doc,
  type InlineLike,
  inlines,
  link,
  list,
  paragraph as p,
  quote,
  spoiler,
} from "@trestle/richtext";
import {
  alice,
  b,
  br,
  event,
  hidden,
  i,
  pill,
  prints,
  remote,
  room,
  roomById,
  s,
  source,
  sub,
  sup,
  u,
} from "./html-rows.ts";

const { subset, serialising } = source;
const rule = { kind: "rule" } as const;
const heading = (level: 1 | 6, ...children: InlineLike[]) =>
  ({ kind: "heading", level, children: inlines(...children) }) as const;

describe("html printed: styles", () => {
  prints("bold", [
    [doc(p(b("x"))), "<strong>x</strong>", subset],
    [doc(p("a", b("x"), "c")), "a<strong>x</strong>c", subset],
    [doc(p(b(i("x")))), "<strong><em>x</em></strong>", subset],
    [doc(p(b("a"), b("b"))), "<strong>ab</strong>", subset],
    [doc(p(b("a"), i(b("b")))), "<strong>a<em>b</em></strong>", subset],
    [doc(p(b("<&>"))), "<strong>&lt;&amp;&gt;</strong>", serialising],
    [doc(p(b("a\nb"))), "<strong>a<br />b</strong>", subset],
    [doc(p(b(" x "))), "<strong>\u00a0x\u00a0</strong>", source.lineEdges],
    [doc(p(b(), "x", i(b("y")))), "x<strong><em>y</em></strong>", subset],
  ]);
  prints("italic", [
    [doc(p(i("x"))), "<em>x</em>", subset],
    [doc(p("a", i("x"), "c")), "a<em>x</em>c", subset],
    [doc(p(i("a", u("b")), s("c"))), "<em>a<u>b</u></em><del>c</del>", subset],
    [doc(p(i("a"), i("b"))), "<em>ab</em>", subset],
    [doc(p(i("a"), " ", i("b"))), "<em>a</em> <em>b</em>", subset],
    [doc(p(i('"quoted"'))), '<em>"quoted"</em>', serialising],
    [doc(p(i("</em>"))), "<em>&lt;/em&gt;</em>", serialising],
    [doc(p(i("a", br))), "<em>a</em>", source.lineEdges],
  ]);
  prints("underline", [
    [doc(p(u("x"))), "<u>x</u>", subset],
    [doc(p(u("a"), " ", u("b"))), "<u>a</u> <u>b</u>", subset],
    [doc(p(u("a", s("b", i("c"))))), "<u>a<del>b<em>c</em></del></u>", subset],
    [doc(p(u(u("x")))), "<u>x</u>", subset],
    [doc(p(u("a"), u("b"))), "<u>ab</u>", subset],
    [doc(p(u("a\nb"))), "<u>a<br />b</u>", subset],
    [doc(p(u("&lt;"))), "<u>&amp;lt;</u>", serialising],
    [doc(p(u("\u001fx\u000f"))), "<u>x</u>", source.controls],
  ]);
  prints("strike", [
    [doc(p(s("x"))), "<del>x</del>", subset],
    [doc(p(s("a", b("b")))), "<del>a<strong>b</strong></del>", subset],
    [doc(p(b("a"), s("b"))), "<strong>a</strong><del>b</del>", subset],
    [doc(p(s("a"), s("b"))), "<del>ab</del>", subset],
    [doc(p(s(code("x")))), "<del><code>x</code></del>", subset],
    [doc(p(s("&amp;"))), "<del>&amp;amp;</del>", serialising],
    [doc(p(s("  x"))), "<del>\u00a0\u00a0x</del>", source.lineEdges],
    [doc(p(s("\ude00"))), "<del>\ufffd</del>", source.surrogates],
  ]);
  prints("superscript", [
    [doc(p("x", sup("2"))), "x<sup>2</sup>", subset],
    [doc(p(sup(sub("a")))), "<sup><sub>a</sub></sup>", subset],
    [doc(p(sup("a"), sub("b"))), "<sup>a</sup><sub>b</sub>", subset],
    [doc(p(sup("a"), sup("b"))), "<sup>ab</sup>", subset],
    [doc(p(b("x", sup("2")))), "<strong>x<sup>2</sup></strong>", subset],
    [doc(p(sup("<"))), "<sup>&lt;</sup>", serialising],
    [doc(p(sup("a", b("b")))), "<sup>a<strong>b</strong></sup>", subset],
    [doc(p(sup("\u0000x"))), "<sup>x</sup>", source.controls],
  ]);
  prints("subscript", [
    [doc(p("H", sub("2"), "O")), "H<sub>2</sub>O", subset],
    [doc(p(sub(i("a")))), "<em><sub>a</sub></em>", subset],
    [doc(p(sub("a"), sup("b"))), "<sub>a</sub><sup>b</sup>", subset],
    [doc(p(sub("a"), sub("b"))), "<sub>ab</sub>", subset],
    [doc(p(sub("a\nb"))), "<sub>a<br />b</sub>", subset],
    [doc(p(sub("&"))), "<sub>&amp;</sub>", serialising],
    [doc(p(sub(link("https://e.org", "x")))), '<a href="https://e.org"><sub>x</sub></a>', subset],
    [doc(p(sub("\u0002x"))), "<sub>x</sub>", source.controls],
  ]);
  prints("inline code", [
    [doc(p(code("x"))), "<code>x</code>", subset],
    [doc(p("a ", code("b"), " c")), "a <code>b</code> c", subset],
    [doc(p(b(code("x")))), "<strong><code>x</code></strong>", subset],
    [doc(p(code("<b>&"))), "<code>&lt;b&gt;&amp;</code>", serialising],
    [doc(p(code("a\nb"))), "<code>a</code><br /><code>b</code>", subset],
    [doc(p(code("a  b"))), "<code>a\u00a0 b</code>", source.spaces],
    [doc(p(code("a"), code("b"))), "<code>ab</code>", subset],
    [doc(p(code("\u0000x\ud83d"))), "<code>x\ufffd</code>", source.surrogates],
    [doc(p(link("https://e.org", code("x")))), '<a href="https://e.org"><code>x</code></a>', subset],
  ]);
  prints("colours", [
    [doc(p(color({ foreground: "#ff0000" }, "x"))), '<span data-mx-color="#ff0000">x</span>', subset],
    [doc(p(color({ background: "#00ff00" }, "x"))), '<span data-mx-bg-color="#00ff00">x</span>', subset],
    [
      doc(p(color({ foreground: "#112233", background: "#445566" }, "x"))),
      '<span data-mx-color="#112233" data-mx-bg-color="#445566">x</span>',
      subset,
    ],
    [doc(p(color({ foreground: "#FF0000" }, "x"))), '<span data-mx-color="#ff0000">x</span>', source.cssHex],
    [doc(p(color({ foreground: 'red" onclick="x' }, b("x")))), "<strong>x</strong>", subset],
    [
      doc(p(color({ foreground: "#ff0000" }, b("a")))),
      '<span data-mx-color="#ff0000"><strong>a</strong></span>',
      subset,
    ],
    [
      doc(p(color({ foreground: "#ff0000" }, "a"), color({ foreground: "#0000ff" }, "b"))),
      '<span data-mx-color="#ff0000">a</span><span data-mx-color="#0000ff">b</span>',
      subset,
    ],
    [
      doc(p(color({ foreground: "#ff0000" }, "a", color({ background: "#0000ff" }, "b")))),
      '<span data-mx-color="#ff0000">a<span data-mx-bg-color="#0000ff">b</span></span>',
      subset,
    ],
  ]);
  prints("spoilers", [
    [doc(p(spoiler("x"))), "<span data-mx-spoiler>x</span>", source.spoilers],
    [doc(p(hidden("why", "x"))), '<span data-mx-spoiler="why">x</span>', source.spoilers],
    [doc(p(hidden('"><b>', "x"))), '<span data-mx-spoiler="&quot;&gt;&lt;b&gt;">x</span>', serialising],
    [doc(p(hidden("\u202e\n ", "x"))), "<span data-mx-spoiler>x</span>", source.bidi],
    [doc(p(spoiler(b("x"), "y"))), "<span data-mx-spoiler><strong>x</strong>y</span>", source.spoilers],
    [doc(p(b("a", spoiler("x")))), "<strong>a<span data-mx-spoiler>x</span></strong>", source.spoilers],
    [doc(p(spoiler("a"), spoiler("b"))), "<span data-mx-spoiler>ab</span>", source.spoilers],
    [
      doc(p(hidden("1", "a"), hidden("2", "b"))),
      '<span data-mx-spoiler="1">a</span><span data-mx-spoiler="2">b</span>',
      source.spoilers,
    ],
  ]);
});

describe("html printed: links and pills", () => {
  prints("links", [
    [doc(p(link("https://e.org/?a=1&b=2", "x"))), '<a href="https://e.org/?a=1&amp;b=2">x</a>', serialising],
    [doc(p(link('https://e.org/"><b>', "x"))), '<a href="https://e.org/&quot;&gt;&lt;b&gt;">x</a>', serialising],
    [doc(p(link("https://e.org", b("x"), "y"))), '<a href="https://e.org"><strong>x</strong>y</a>', subset],
    [doc(p(b("a ", link("https://e.org", "x")))), '<strong>a <a href="https://e.org">x</a></strong>', subset],
    [doc(p(link("javascript:alert(1)", "x"), b("y"))), "x<strong>y</strong>", subset],
    [doc(p(link("data:text/html,x", "x"), b("y"))), "x<strong>y</strong>", subset],
    [doc(p(link("https://e.org/a\nb", "x"), b("y"))), "x<strong>y</strong>", source.urlStripping],
    [doc(p(link("https://e.org/\u202ex", "x"))), '<a href="https://e.org/%E2%80%AEx">x</a>', source.bidi],
    [doc(p(link("https://e.org"), b("y"))), '<a href="https://e.org">https://e.org</a><strong>y</strong>', subset],
    [doc(p(link("https://a.org", link("https://b.org", "x")))), '<a href="https://b.org">x</a>', source.inBody],
    [doc(p(link("https://e.org"))), undefined, subset],
  ]);
  prints("pills", [
    [doc(p(pill(alice, "Al"))), '<a href="https://matrix.to/#/@alice:example.org">Al</a>', source.matrixTo],
    [doc(p(pill(room, "t"))), '<a href="https://matrix.to/#/%23trestle:example.org">t</a>', source.matrixTo],
    [doc(p(pill(roomById, "t"))), '<a href="https://matrix.to/#/!id:example.org">t</a>', source.matrixTo],
    [doc(p(pill(event, "t"))), '<a href="https://matrix.to/#/!id:example.org/$event">t</a>', source.matrixTo],
    [doc(p(pill(alice, "<b>&"))), '<a href="https://matrix.to/#/@alice:example.org">&lt;b&gt;&amp;</a>', serialising],
    [doc(p(pill(alice, "\u202ex\n"))), '<a href="https://matrix.to/#/@alice:example.org">x</a>', source.bidi],
    [
      doc(p(pill(alice, " \n"))),
      '<a href="https://matrix.to/#/@alice:example.org">@alice:example.org</a>',
      source.matrixTo,
    ],
    [
      doc(p(pill(alice, "a"), pill(alice, "a"))),
      '<a href="https://matrix.to/#/@alice:example.org">a</a><a href="https://matrix.to/#/@alice:example.org">a</a>',
      source.matrixTo,
    ],
    [
      doc(p(link("https://e.org", b(pill(alice, "Al"))))),
      '<strong><a href="https://matrix.to/#/@alice:example.org">Al</a></strong>',
      source.inBody,
    ],
    [
      doc(p(pill({ ...alice, id: "@a/b?c:example.org" }, "x"))),
      '<a href="https://matrix.to/#/@a%2Fb%3Fc:example.org">x</a>',
      source.matrixTo,
    ],
    [doc(p(pill(remote, "carol"), b("x"))), "carol<strong>x</strong>", source.mentions],
    [doc(p(pill({ ...alice, id: '@a"><script>' }, "x"), b("y"))), "x<strong>y</strong>", source.identifiers],
    [doc(p(pill({ ...alice, id: "@\ud83d:e.org" }, "x"), b("y"))), "x<strong>y</strong>", source.surrogates],
    [doc(p(pill({ side: "matrix", what: "message", id: "$e" }, "x"), b("y"))), "x<strong>y</strong>", source.matrixTo],
  ]);
});

describe("html printed: blocks", () => {
  prints("paragraphs and lines", [
    [doc("a"), undefined, subset],
    [doc("a", "b"), undefined, subset],
    [doc("a\nb"), undefined, subset],
    [doc("a", p(b("b"))), "<p>a</p><p><strong>b</strong></p>", subset],
    [doc(p("a", br, b("b"))), "a<br /><strong>b</strong>", subset],
    [doc(p(b("a"), br, br, "b")), "<strong>a</strong><br /><br />b", subset],
    [doc(p(b("a"), "   b")), "<strong>a</strong>\u00a0\u00a0 b", source.spaces],
    [doc(p(b("a"), "\tb")), "<strong>a</strong>\u00a0\u00a0\u00a0 b", source.spaces],
    [doc(p(), p("  "), p(b("a"))), "<strong>a</strong>", subset],
    [doc(p(br, b("a"), br)), "<strong>a</strong>", source.lineEdges],
  ]);
  prints("quotes", [
    [doc(quote("a")), "<blockquote>a</blockquote>", subset],
    [doc(quote("a", "b")), "<blockquote><p>a</p><p>b</p></blockquote>", subset],
    [doc(quote("a", quote("b"))), "<blockquote>a<blockquote>b</blockquote></blockquote>", subset],
    [doc(quote("a"), "b"), "<blockquote>a</blockquote>b", subset],
    [doc("a", quote("b"), "c"), "<p>a</p><blockquote>b</blockquote><p>c</p>", subset],
    [doc(quote("<b>")), "<blockquote>&lt;b&gt;</blockquote>", serialising],
    [doc(quote("a"), quote("b")), "<blockquote>a</blockquote><blockquote>b</blockquote>", subset],
    [doc(quote(), quote(p("")), "a"), undefined, subset],
    [doc(quote(list(["a"]))), "<blockquote><ul><li>a</li></ul></blockquote>", subset],
  ]);
  prints("lists", [
    [doc(list(["a", "b"])), "<ul><li>a</li><li>b</li></ul>", subset],
    [doc(list(["a"], 1)), "<ol><li>a</li></ol>", subset],
    [doc(list(["a"], 3)), '<ol start="3"><li>a</li></ol>', source.olStart],
    [doc(list(["a"], 1.5)), "<ol><li>a</li></ol>", source.olStart],
    [doc(list([doc("a", list(["b"]))])), "<ul><li>a<ul><li>b</li></ul></li></ul>", subset],
    [doc(list([doc("a", "b")])), "<ul><li><p>a</p><p>b</p></li></ul>", subset],
    [doc(list([doc(), "b"])), "<ul><li>b</li></ul>", subset],
    [doc(list(["<li>"])), "<ul><li>&lt;li&gt;</li></ul>", serialising],
    [doc(list(["a"]), list(["b"], 1)), "<ul><li>a</li></ul><ol><li>b</li></ol>", subset],
    [doc(list([doc(codeBlock("x"))])), "<ul><li><pre><code>x\n</code></pre></li></ul>", subset],
  ]);
  prints("code blocks", [
    [doc(codeBlock("a")), "<pre><code>a\n</code></pre>", source.commonMarkCode],
    [doc(codeBlock("a", "js")), '<pre><code class="language-js">a\n</code></pre>', source.commonMarkCode],
    [doc(codeBlock("a", 'x"><b>')), "<pre><code>a\n</code></pre>", source.language],
    [doc(codeBlock("a\n\tb  c")), "<pre><code>a\n\tb  c\n</code></pre>", source.commonMarkCode],
    [doc(codeBlock("\na\n")), "<pre><code>\na\n\n</code></pre>", source.inBody],
    [doc(codeBlock("</code></pre>&")), "<pre><code>&lt;/code&gt;&lt;/pre&gt;&amp;\n</code></pre>", serialising],
    [doc(codeBlock("a\r\nb\u0003")), "<pre><code>a\nb\n</code></pre>", source.controls],
    [doc(codeBlock("a"), codeBlock("b")), "<pre><code>a\n</code></pre><pre><code>b\n</code></pre>", subset],
    [doc(codeBlock(" \n"), p(b("x"))), "<strong>x</strong>", subset],
  ]);
  prints("headings", [
    [doc(heading(1, "a")), "<h1>a</h1>", subset],
    [doc(heading(6, "a"), "b"), "<h6>a</h6>b", subset],
    [doc(heading(1, b("a"))), "<h1><strong>a</strong></h1>", subset],
    [doc(heading(1, "<")), "<h1>&lt;</h1>", serialising],
    [doc(heading(1, "a\nb")), "<h1>a<br />b</h1>", subset],
    [doc(heading(1), p(b("a"))), "<strong>a</strong>", subset],
    [doc(heading(1, "a"), heading(6, "b")), "<h1>a</h1><h6>b</h6>", subset],
    [doc(quote(heading(1, "a"))), "<blockquote><h1>a</h1></blockquote>", subset],
  ]);
  prints("rules", [
    [doc(rule), "<hr />", subset],
    [doc("a", rule, "b"), "<p>a</p><hr /><p>b</p>", subset],
    [doc(rule, "a"), "<hr />a", subset],
    [doc("a", rule), "a<hr />", subset],
    [doc(rule, rule), "<hr /><hr />", subset],
    [doc(quote(rule)), "<blockquote><hr /></blockquote>", subset],
    [doc(list([doc(rule)])), "<ul><li><hr /></li></ul>", subset],
    [doc(codeBlock("a"), rule, codeBlock("b")), "<pre><code>a\n</code></pre><hr /><pre><code>b\n</code></pre>", subset],
  ]);
});
