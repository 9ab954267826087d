import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parse } from "yaml";
import { aFolder, type TestFolder } from "./a-span.ts";

/** What the core answers, beside what it was asked. */
const asked: string[] = [];
let answer = "";
let folder: TestFolder;
let admin: Server;
beforeEach(async () => {
  folder = await aFolder();
  asked.length = 0;
  admin = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push((JSON.parse(body) as { line: string }).line);
    response.end(JSON.stringify({ answer }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => admin.once("listening", resolve));
  const listen = `127.0.0.1:${(admin.address() as AddressInfo).port}`;
  folder.write({ admin: { listen, token: "0123456789abcdef" } });
});
afterEach(() => {
  admin.close();
  admin.closeAllConnections();
  folder.remove();
});

const links = [
  {
    room: "!a:example.org",
    network: "fakenet",
    chat: "#two  blanks\u3000and \u001b[2J\u2028",
    origin: "plumbed",
    requestedBy: "@al:example.org",
    state: "active",
  },
  { room: "!b", network: "fakenet", chat: "007", owner: "@al:example.org", origin: "created", state: "paused" },
];
const document = { version: 1, span: "fake", links };
const file = () => join(folder.path, "links.yaml");
const restore = (text: string) => {
  writeFileSync(file(), text);
  return folder.command("restore", file(), "--config", folder.config);
};

describe("[R8] all links", () => {
  test("are exported as YAML that a person can read, and restored from it as they were", async () => {
    answer = JSON.stringify(document);
    const exported = await folder.command("export", "--config", folder.config);
    expect([exported.code, exported.err]).toEqual([0, ""]);
    expect(exported.out).toContain("# All links of the fake span");
    expect(exported.out).toContain("  - room: ");
    expect(parse(exported.out)).toEqual(document);
    // nothing that a terminal would take for an order
    expect(exported.out).not.toContain("\u001b");

    answer = "!a — #two on fakenet: made (link 3)\n!b — 007 on fakenet: there already";
    const restored = await restore(exported.out);
    expect([restored.code, restored.out]).toEqual([0, `${answer}\n`]);
    const line = asked[1] ?? "";
    // the core takes a line apart at its blanks and joins the words with single ones
    expect(line.split(/\s+/u)).toHaveLength(3);
    expect(JSON.parse(line.replace(/^links restore /, ""))).toEqual(document);
  });

  test("are restored from JSON as well, and one that could not be made shows in the exit code", async () => {
    answer = "!a — #a on fakenet: made (link 3)\n2: there is no network fakenet here";
    const restored = await restore(JSON.stringify(document));
    expect([restored.code, restored.out]).toEqual([1, `${answer}\n`]);
  });

  test.each([
    ["of another span", { ...document, span: "irc" }, "these are links of the irc span, and this is fake"],
    [
      "of another version",
      { ...document, version: 2 },
      "version must be 1: this is no export, or one of another Trestle",
    ],
    ["without a version", { links, span: "fake" }, "version must be 1"],
    ["without links", { ...document, links: undefined }, "links is missing"],
    ["with no link", { ...document, links: [] }, "there are no links in it"],
    ["with a link without a chat", { ...document, links: [{ room: "!a", network: "n" }] }, "links[0].chat is missing"],
    [
      "with a number for a room",
      { ...document, links: [{ room: 1, network: "n", chat: "c" }] },
      "links[0].room must be a text",
    ],
    ["that is a list", [], "it must be a section"],
    ["that is empty", null, "it must be a section"],
  ])("a file %s is refused before anything is asked", async (_what, given, words) => {
    const { code, err } = await restore(given === null ? "" : JSON.stringify(given));
    expect(code).toBe(65);
    expect(err).toContain(`${file()}: `);
    expect(err).toContain(words);
    expect(asked).toEqual([]);
  });

  test("a broken file is refused with the place", async () => {
    const { code, err } = await restore("version: 1\nspan: fake\nlinks: [ {\n");
    expect([code, err]).toEqual([65, expect.stringMatching(/links\.yaml: line 4, column 1: this is no valid YAML/)]);
    const bomb = `a: &a [x, x]\n${Array.from({ length: 20 }, (_, n) => `b${n}: &b${n} [*${n === 0 ? "a" : `b${n - 1}`}, *${n === 0 ? "a" : `b${n - 1}`}]\n`).join("")}`;
    expect((await restore(bomb)).err).toContain("its aliases cannot be followed");
    expect(asked).toEqual([]);
  });

  test("a file that is not there and a span that does not run are said as such", async () => {
    const none = await folder.command("restore", "nowhere.yaml", "--config", folder.config);
    expect([none.code, none.err]).toEqual([66, "nowhere.yaml is not there\n"]);
    admin.close();
    admin.closeAllConnections();
    const away = await folder.command("export", "--config", folder.config);
    expect([away.code, away.out, away.err]).toEqual([69, "", expect.stringContaining("Is it running?")]);
  });

  test("what the span says instead of its links is said, and nothing printed that could be kept for them", async () => {
    answer = "Only an admin of this bridge can export or restore all links.";
    const { code, out, err } = await folder.command("export", "--config", folder.config);
    expect([code, out]).toEqual([70, ""]);
    expect(err).toContain("Only an admin");
  });
});
