/** What people's clients write inside a line, and what of it we take. */
import { code, color, doc, link, paragraph as p, spoiler } from "@trestle/richtext";
import { alice, b, br, event, hidden, i, pill, reads, room, roomById, s, source, sub, sup, u } from "./html-rows.ts";

const { subset, misnested, inBody, entities, spaces, lineEdges } = source;

describe("html read: styles", () => {
  reads("bold", [
    ["<b>x</b>", doc(p(b("x"))), subset],
    ["<strong>x</strong>", doc(p(b("x"))), subset],
    ["a<b>x</b>c", doc(p("a", b("x"), "c")), subset],
    ["<b><i>x</i></b>", doc(p(b(i("x")))), subset],
    ["<b>a</b><strong>b</strong>", doc(p(b("ab"))), subset],
    ["<b>a<b>b</b>c</b>", doc(p(b("abc"))), inBody],
    ["<b>1<i>2</b>3</i>", doc(p(b("1", i("2")), i("3"))), misnested],
    ["<b>open", doc(p(b("open"))), inBody],
    ["<b></b>x", doc("x"), subset],
    ["<B>x</B>", doc(p(b("x"))), inBody],
    ["&lt;b>x&lt;/b>", doc("<b>x</b>"), entities],
    ["<b>a<br>b</b>", doc(p(b("a", br, "b"))), subset],
  ]);
  reads("italic", [
    ["<i>x</i>", doc(p(i("x"))), subset],
    ["<em>x</em>", doc(p(i("x"))), subset],
    ["<em>a</em> <i>b</i>", doc(p(i("a"), " ", i("b"))), subset],
    ["<em>a</em><em>b</em>", doc(p(i("ab"))), subset],
    ["<i><b>a</b></i>", doc(p(b(i("a")))), subset],
    ["<i>a<b>b</b></i>", doc(p(i("a", b("b")))), subset],
    ["x</i>y", doc("xy"), inBody],
    ["<i>&lt;i&gt;</i>", doc(p(i("<i>"))), entities],
  ]);
  reads("underline", [
    ["<u>x</u>", doc(p(u("x"))), subset],
    ["<ins>x</ins>", doc(p(u("x"))), subset],
    ["<u>a<b>b</b></u>", doc(p(u("a", b("b")))), subset],
    ["<b>a<u>b</u></b>", doc(p(b("a", u("b")))), subset],
    ["<u>a</u><u>b</u>", doc(p(u("ab"))), subset],
    ["<u>a</u>b<u>c</u>", doc(p(u("a"), "b", u("c"))), subset],
    ["<u>&amp;</u>", doc(p(u("&"))), entities],
    ["<u onclick=x>y</u>", doc(p(u("y"))), subset],
  ]);
  reads("strike", [
    ["<del>x</del>", doc(p(s("x"))), subset],
    ["<s>x</s>", doc(p(s("x"))), subset],
    ["<strike>x</strike>", doc(p(s("x"))), subset],
    ["<s>a</s><del>b</del>", doc(p(s("ab"))), subset],
    ["<s>a<i>b</i></s>", doc(p(s("a", i("b")))), subset],
    ["<s>a</strike>b", doc(p(s("ab"))), inBody],
    ["<del>a<p>b</p></del>", doc(p(s("a")), p(s("b"))), inBody],
    ["<s>&gt;</s>", doc(p(s(">"))), entities],
  ]);
  reads("superscript", [
    ["x<sup>2</sup>", doc(p("x", sup("2"))), subset],
    ["<sup>a<sub>b</sub></sup>", doc(p(sup("a", sub("b")))), subset],
    ["<sup>a</sup><sub>b</sub>", doc(p(sup("a"), sub("b"))), subset],
    ["<sup>a</sup><sup>b</sup>", doc(p(sup("ab"))), subset],
    ["<b>x<sup>2</sup></b>", doc(p(b("x", sup("2")))), subset],
    ["<sup>&#60;</sup>", doc(p(sup("<"))), entities],
    ["<SUP>x</sup>", doc(p(sup("x"))), inBody],
    ["x</sup>y", doc("xy"), inBody],
  ]);
  reads("subscript", [
    ["H<sub>2</sub>O", doc(p("H", sub("2"), "O")), subset],
    ["<sub>open", doc(p(sub("open"))), inBody],
    ["<sub>a<i>b</i></sub>", doc(p(sub("a", i("b")))), subset],
    ["<sub>a</sub><sub>b</sub>", doc(p(sub("ab"))), subset],
    ["<sub></sub>x", doc("x"), subset],
    ["<sub>a<br>b</sub>", doc(p(sub("a", br, "b"))), subset],
    ["<sub>&amp;</sub>", doc(p(sub("&"))), entities],
    ["<sub>1<sup>2</sub>3</sup>", doc(p(sub("1", sup("2")), sup("3"))), misnested],
  ]);
  reads("inline code", [
    ["<code>x</code>", doc(p(code("x"))), subset],
    ["<tt>x</tt>", doc(p(code("x"))), subset],
    ["a <code>b</code> c", doc(p("a ", code("b"), " c")), subset],
    ["<b><code>x</code></b>", doc(p(b(code("x")))), subset],
    ["<code><b>x</b></code>", doc(p(b(code("x")))), subset],
    ["<code>&lt;b&gt;</code>", doc(p(code("<b>"))), entities],
    ["<code>a  b</code>", doc(p(code("a b"))), spaces],
    ["<code>a<br>b</code>", doc(p(code("a"), br, code("b"))), subset],
    ["<code>**x**</code>", doc(p(code("**x**"))), subset],
  ]);
});

describe("html read: text and lines", () => {
  reads("breaks and paragraphs", [
    ["a<br>b", doc("a\nb"), subset],
    ["a<br/>b<br />c", doc("a\nb\nc"), inBody],
    ["a</br>b", doc("a\nb"), inBody],
    ["<p>a</p><p>b</p>", doc("a", "b"), subset],
    ["<p>a<p>b", doc("a", "b"), inBody],
    ["<div>a<div>b</div>c</div>", doc("a", "b", "c"), subset],
    ["a<br><br>b", doc("a\n\nb"), subset],
    ["<br>a<br>", doc("a"), lineEdges],
    ["<p></p><p> </p>a", doc("a"), spaces],
  ]);
  reads("white space", [
    ["a \t\n b", doc("a b"), spaces],
    ["  a  ", doc("a"), lineEdges],
    ["a <br> b", doc("a\nb"), lineEdges],
    ["<b>a </b> b", doc(p(b("a "), "b")), spaces],
    ["<b>a</b> <i>b</i>", doc(p(b("a"), " ", i("b"))), spaces],
    ["a&nbsp;&nbsp; b", doc("a   b"), spaces],
    ["a&nbsp;b", doc("a\u00a0b"), spaces],
    ["a\r\nb", doc("a b"), spaces],
    ["<p>\n a\n</p>\n<p>\n b\n</p>", doc("a", "b"), spaces],
  ]);
  reads("escapes", [
    ["&lt;b&gt;", doc("<b>"), entities],
    ["&amp;lt;", doc("&lt;"), entities],
    ["&#x1F600;", doc("😀"), entities],
    ["&#0;x", doc("\ufffdx"), entities],
    ["a&#1;&#x7f;b", doc("ab"), source.controls],
    ["&#xD800;x", doc("\ufffdx"), entities],
    ["&bogus; &", doc("&bogus; &"), entities],
    ["1 < 2 <3", doc("1 < 2 <3"), inBody],
    ["\u0003\u0002x\u001f", doc("x"), source.controls],
  ]);
  reads("what has no place here", [
    ["<script>alert(1)</script>x", doc("x"), subset],
    ["<style>a{}</style>x", doc("x"), subset],
    ["<!-- a --> x", doc("x"), inBody],
    ["<marquee>x</marquee>", doc("x"), subset],
    ["<svg onload=a>x</svg>", doc("x"), subset],
    ["<img src=x onerror=y alt='a pic'>", doc("a pic"), subset],
    ["<img title=t>x", doc("tx"), subset],
    ["<textarea><b>x</b></textarea>y", doc("y"), inBody],
    ["x<b", doc("x"), inBody],
    ["<span data-mx-maths='x^2'>x²</span>", doc("x²"), subset],
  ]);
});

describe("html read: links, pills, colours, spoilers", () => {
  reads("links", [
    ['<a href="https://e.org/?a=1&amp;b=2">x</a>', doc(p(link("https://e.org/?a=1&b=2", "x"))), subset],
    ["<a href=mailto:a@e.org>m</a>", doc(p(link("mailto:a@e.org", "m"))), subset],
    ['<a href="https://e.org"><b>x</b></a>', doc(p(link("https://e.org", b("x")))), subset],
    ['<a href="javascript:alert(1)">x</a>', doc("x"), subset],
    ['<a href=" java&#10;script:alert(1)">x</a>', doc("x"), source.urlStripping],
    ['<a href="data:text/html,x">x</a>', doc("x"), subset],
    ['<a href="/relative">x</a>', doc("x"), subset],
    ['<a href="//e.org/x">x</a>', doc("x"), subset],
    ["<a>x</a>", doc("x"), subset],
    ['<a href="HTTPS://E.org/">x</a>', doc(p(link("HTTPS://E.org/", "x"))), subset],
    ['<a href="https://a.org"><a href="https://b.org">x</a></a>', doc(p(link("https://b.org", "x"))), inBody],
    [`<a href="https://e.org/${"x".repeat(5000)}">x</a>`, doc("x"), source.sizeLimit],
    ["<a href=https://a.org href=https://b.org>x</a>", doc(p(link("https://a.org", "x"))), source.attributes],
  ]);
  reads("mentions", [
    ['<a href="https://matrix.to/#/@alice:example.org">Al</a>', doc(p(pill(alice, "Al"))), source.matrixTo],
    ['<a href="https://matrix.to/#/%40alice%3Aexample.org">Al</a>', doc(p(pill(alice, "Al"))), source.matrixTo],
    ['<a href="matrix:u/alice:example.org">Al</a>', doc(p(pill(alice, "Al"))), source.matrixUri],
    ['<a href="https://matrix.to/#/%23trestle:example.org">t</a>', doc(p(pill(room, "t"))), source.matrixTo],
    ['<a href="matrix:r/trestle:example.org?action=join">t</a>', doc(p(pill(room, "t"))), source.matrixUri],
    ['<a href="matrix:roomid/id:example.org?via=e.org">t</a>', doc(p(pill(roomById, "t"))), source.matrixUri],
    ['<a href="https://matrix.to/#/!id:example.org/$event?via=e.org">t</a>', doc(p(pill(event, "t"))), source.matrixTo],
    ['<a href="matrix:roomid/id:example.org/e/event">t</a>', doc(p(pill(event, "t"))), source.matrixUri],
    [
      '<a href="https://matrix.to/#/@alice:example.org">A<b>l</b>\n<i>i</i></a>!',
      doc(p(pill(alice, "Al i"), "!")),
      source.matrixTo,
    ],
    [
      '<a href="https://matrix.to/#/@alice:example.org">a</a><a href="https://matrix.to/#/@alice:example.org">a</a>',
      doc(p(pill(alice, "a"), pill(alice, "a"))),
      source.matrixTo,
    ],
    [
      '<a href="https://matrix.to/#/@alice:example.org">\u202eecila\u2066</a>',
      doc(p(pill(alice, "ecila"))),
      source.bidi,
    ],
    [
      '<a href="https://matrix.to/#/@alice:example.org"> </a>',
      doc(p(pill(alice, "@alice:example.org"))),
      source.matrixTo,
    ],
  ]);
  reads("mentions of nobody as what they else are", [
    [
      '<a href="https://matrix.to/#/@a%00b:e.org">x</a>',
      doc(p(link("https://matrix.to/#/@a%00b:e.org", "x"))),
      source.identifiers,
    ],
    ['<a href="https://matrix.to/#/%ZZ">x</a>', doc(p(link("https://matrix.to/#/%ZZ", "x"))), source.matrixTo],
    ['<a href="https://matrix.to/#/@alice">x</a>', doc(p(link("https://matrix.to/#/@alice", "x"))), source.identifiers],
    ['<a href="https://matrix.to/#/@a b:e.org">x</a>', doc("x"), source.identifiers],
    [
      '<a href="https://matrix.to.evil.org/#/@a:e.org">x</a>',
      doc(p(link("https://matrix.to.evil.org/#/@a:e.org", "x"))),
      source.matrixTo,
    ],
    ['<a href="matrix:u/">x</a>', doc("x"), source.matrixUri],
    ['<a href="matrix:constructor/x:e.org">x</a>', doc("x"), source.matrixUri],
    [`<a href="matrix:u/${"a".repeat(300)}:e.org">x</a>`, doc("x"), source.identifiers],
    [
      '<a href="https://matrix.to/#/@a:e.org/$e">x</a>',
      doc(p(link("https://matrix.to/#/@a:e.org/$e", "x"))),
      source.matrixTo,
    ],
  ]);
  reads("colours", [
    ['<span data-mx-color="#ff0000">x</span>', doc(p(color({ foreground: "#ff0000" }, "x"))), subset],
    ['<span data-mx-bg-color="#00FF00">x</span>', doc(p(color({ background: "#00ff00" }, "x"))), subset],
    [
      '<font data-mx-color="#112233" data-mx-bg-color="#445566">x</font>',
      doc(p(color({ foreground: "#112233", background: "#445566" }, "x"))),
      subset,
    ],
    ['<font color="red">x</font>', doc(p(color({ foreground: "#ff0000" }, "x"))), source.cssNames],
    ['<font color="#0f0">x</font>', doc(p(color({ foreground: "#00ff00" }, "x"))), source.cssHex],
    ['<font color="expression(alert(1))">x</font>', doc("x"), subset],
    ['<font color="constructor">x</font>', doc("x"), source.cssNames],
    ['<span style="color: red">x</span>', doc("x"), subset],
    [
      '<font color="red">a<font color="blue">b</font></font>',
      doc(p(color({ foreground: "#ff0000" }, "a"), color({ foreground: "#0000ff" }, "b"))),
      subset,
    ],
    ['<font color="red"><b>a</b></font>b', doc(p(color({ foreground: "#ff0000" }, b("a")), "b")), subset],
  ]);
  reads("spoilers", [
    ["<span data-mx-spoiler>x</span>", doc(p(spoiler("x"))), source.spoilers],
    ['<span data-mx-spoiler="why">x</span>', doc(p(hidden("why", "x"))), source.spoilers],
    ['<span data-mx-spoiler="">x</span>', doc(p(spoiler("x"))), source.spoilers],
    ["a<span data-mx-spoiler><b>x</b></span>c", doc(p("a", spoiler(b("x")), "c")), source.spoilers],
    ["<b>a<span data-mx-spoiler>x</span></b>", doc(p(b("a", spoiler("x")))), source.spoilers],
    [
      '<span data-mx-spoiler="a">x</span><span data-mx-spoiler="b">y</span>',
      doc(p(hidden("a", "x"), hidden("b", "y"))),
      source.spoilers,
    ],
    ['<span data-mx-spoiler="&lt;b&gt;&#10;">x</span>', doc(p(hidden("<b>", "x"))), entities],
    [
      '<span data-mx-spoiler data-mx-color="#ff0000">x</span>',
      doc(p(spoiler(color({ foreground: "#ff0000" }, "x")))),
      source.spoilers,
    ],
  ]);
});
