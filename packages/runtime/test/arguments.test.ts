import { parseSpanArguments, UsageError } from "../src/arguments.ts";

const parse = (line: string) => parseSpanArguments(line === "" ? [] : line.split(" "), "irc");

describe("the command line of a span", () => {
  test.each([
    ["", { verb: "help" }],
    ["--help", { verb: "help" }],
    ["run --help", { verb: "help" }],
    ["example", { verb: "example" }],
    ["run", { verb: "run", config: "irc.yaml" }],
    ["run --config /etc/irc.yaml", { verb: "run", config: "/etc/irc.yaml" }],
    ["rotate-key -c x.yaml", { verb: "rotate-key", config: "x.yaml" }],
    ["export", { verb: "export", config: "irc.yaml" }],
    ["restore links.yaml -c x.yaml", { verb: "restore", config: "x.yaml", file: "links.yaml" }],
    ["restore -", { verb: "restore", config: "irc.yaml", file: "-" }],
    ["check -c x.yaml", { verb: "check", config: "x.yaml" }],
    [
      "register --server conduit",
      { verb: "register", config: "irc.yaml", what: "span", server: "conduit", force: false, placeholders: false },
    ],
    [
      "register --server synapse --out - --force",
      {
        verb: "register",
        config: "irc.yaml",
        what: "span",
        server: "synapse",
        out: "-",
        force: true,
        placeholders: false,
      },
    ],
    [
      "register double-puppet --server synapse",
      {
        verb: "register",
        config: "irc.yaml",
        what: "double-puppet",
        server: "synapse",
        force: false,
        placeholders: false,
      },
    ],
    ["ask --config x.yaml -- retry 17", { verb: "ask", config: "x.yaml", line: "retry 17" }],
    ["ask status", { verb: "ask", config: "irc.yaml", line: "status" }],
  ])("[A1] %j is understood", (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  test.each([
    ["chek", '"chek" is no command of the irc span. Did you mean "check"?'],
    ["fly", '"fly" is no command of the irc span.'],
    ["run --confg x", "Unknown option '--confg'"],
    ["run --config", "argument missing"],
    ["run extra", "Unexpected argument 'extra'"],
    ["register", "say which homeserver this is for: --server synapse | conduit"],
    ["register --server exchange", '("exchange" is none of them)'],
    ["register doublepuppet --server synapse", "register what?"],
    ["restore", "restore which file?"],
    ["restore a b", "restore which file?"],
    ["export extra", "Unexpected argument 'extra'"],
    ["ask", "ask what? For example: ask status"],
  ])("%j is refused with a sentence", (line, expected) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(expected);
  });
});
