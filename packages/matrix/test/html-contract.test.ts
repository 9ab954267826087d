/** The codec's contract on Matrix HTML: a grammar of what clients send and what attackers would, a corpus, and both sanitised. */
import { describeCodec, hostileText, strayControls } from "@trestle/testing";
import fc from "fast-check";
import { htmlCodec, type MatrixText, matrixTextSize } from "../src/html/codec.ts";
import { corpus } from "./html-corpus.ts";
import { sanitised } from "./html-sanitiser.ts";

const inlineTags = "b strong i em u ins s del strike sup sub code tt span font a mx-reply unknown".split(" ");
const blockTags =
  "p div h1 h3 h6 blockquote ul ol li pre table tr td th caption details summary thead tbody dl dd".split(" ");
const attributes = fc.constantFrom(
  "",
  ' href="https://example.org/?a=1&amp;b=2"',
  " href='https://matrix.to/#/@bob:example.org'",
  ' href="https://matrix.to/#/%23room%3Aexample.org"',
  ' href="https://matrix.to/#/!id:example.org/$event?via=a"',
  ' href="matrix:u/alice:example.org"',
  " href=javascript:alert(1)",
  ' href="java&#10;script:x"',
  " data-mx-spoiler",
  ' data-mx-spoiler="a &lt;b&gt; &quot;why&quot;"',
  ' data-mx-color="#FF0000" data-mx-bg-color="#00f"',
  ' color="red"',
  ' class="language-js x"',
  ' start="7"',
  ' start="-99999999999999"',
  ' style="x" onclick="y" STYLE=z',
  ' alt="&#8238;img" src="mxc://a/b"',
);

const html: fc.Arbitrary<string> = fc.letrec<{ nodes: string; node: string }>((tie) => ({
  nodes: fc.array(tie("node"), { maxLength: 5, depthIdentifier: "html" }).map((nodes) => nodes.join("")),
  node: fc.oneof(
    { depthIdentifier: "html", depthSize: "small" },
    {
      weight: 3,
      arbitrary: fc.constantFrom("word", " two  words ", "\n", "&amp;", "&nbsp;", "\u00a0 ", "<br>", "<hr/>", "@room"),
    },
    { weight: 2, arbitrary: hostileText(4) },
    fc.constantFrom(
      "<img alt='x'>",
      "<!-- c -->",
      "<script>x</script>",
      "</b>",
      "</blockquote>",
      "<b",
      "</",
      "&#1;",
      "&#xD800;",
    ),
    fc
      .tuple(fc.constantFrom(...inlineTags, ...blockTags), attributes, tie("nodes"), fc.integer({ min: 0, max: 9 }))
      .map(([tag, attribute, inside, odd]) => {
        // One in ten is left open, one is closed by another tag.
        const close = odd === 0 ? "" : odd === 1 ? "</p>" : `</${tag}>`;
        return `<${odd === 2 ? tag.toUpperCase() : tag}${attribute}>${inside}${close}`;
      }),
  ),
})).nodes;

const mentions = fc.record({
  userIds: fc.array(fc.constantFrom("@bob:example.org", "@alice:example.org", "not an id", "@a:b", "@"), {
    maxLength: 3,
  }),
  room: fc.boolean(),
});

const wires: fc.Arbitrary<MatrixText> = fc.record(
  {
    body: fc.oneof(hostileText(), fc.constantFrom("hi bob", "@bob:example.org: @room")),
    formattedBody: html,
    mentions,
  },
  { requiredKeys: ["body"] },
);

describeCodec<MatrixText>({
  name: "matrix",
  codec: htmlCodec,
  lookup: {
    nameOf: ({ id }) => (id === "@bob:example.org" ? "bob" : id === "@a:b" ? "\u202e<b>\n@room" : undefined),
    findByName: () => undefined,
  },
  wires,
  corpus,
  textOf: (wire) => wire.formattedBody ?? wire.body,
  withText: (wire, text) =>
    wire.formattedBody === undefined ? { ...wire, body: text } : { ...wire, formattedBody: text },
  sizeOf: matrixTextSize,
  limits: [
    { max: 60_000, unit: "bytes", partsMax: 10 },
    { max: 500, unit: "bytes", partsMax: 8 },
    { max: 300, unit: "utf16", partsMax: 40 },
    { max: 300, unit: "code-points", partsMax: 2 },
  ],
  complaints(wire) {
    const found = [...strayControls(wire.body, "\n\t"), ...strayControls(wire.formattedBody ?? "", "\n\t")];
    if (wire.body.trim() === "") found.push("a body of nothing");
    if (wire.mentions === undefined) found.push("no m.mentions, so old push rules would read the body");
    if ((wire.mentions?.userIds.length ?? 0) > 20) found.push("pings too many");
    if (wire.formattedBody !== undefined && sanitised(wire.formattedBody) !== wire.formattedBody) {
      found.push(`a sanitiser changes it to ${JSON.stringify(sanitised(wire.formattedBody))}`);
    }
    return found;
  },
});
