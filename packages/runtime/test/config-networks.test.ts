import { matrixNetwork } from "@trestle/core";
import { networkProblems } from "../src/config-networks.ts";
import { pathText } from "../src/config-problems.ts";

const link = (network: string) => ({ room: "!r:x", network, chat: "#a" });

function said(
  networks: readonly string[],
  shared: Partial<Parameters<typeof networkProblems>[2]> = {},
): readonly string[] {
  return networkProblems("irc", networks, { links: [], permissions: {}, ...shared }).map(
    ({ path, message }) => `${pathText(path)} ${message}`,
  );
}

describe("[A3] names of networks", () => {
  test("a link of a network that is there is no mistake", () => {
    expect(said(["libera", "oftc-2"], { links: [link("libera"), link("oftc-2")] })).toEqual([]);
  });

  test("a link of an unknown one is named with its place, the nearest name and all that there are", () => {
    expect(said(["libera", "oftc"], { links: [link("oftc"), link("libra")] })).toEqual([
      'links[1].network names "libra", a network that this config does not have. Did you mean "libera"? It has: libera, oftc',
    ]);
  });

  test("where nothing is near, nothing is guessed", () => {
    expect(said(["libera"], { links: [link("nowhere")] })).toEqual([
      'links[0].network names "nowhere", a network that this config does not have. It has: libera',
    ]);
  });

  test("a permission for an unknown one would permit or forbid nothing: it is a mistake too", () => {
    const permissions = { "*": "relay", "@eve:x": { ofct: "block", libera: "relay" } } as const;
    expect(said(["libera", "oftc"], { permissions })).toEqual([
      expect.stringMatching(/^permissions\.@eve:x\.ofct names "ofct".*Did you mean "oftc"\?/),
    ]);
  });

  test("the name that core keeps for people of Matrix is refused with the reason", () => {
    expect(said([matrixNetwork])).toEqual([
      `irc.networks.m cannot be called "m": a network's name becomes part of its ghosts' ids, and there "m" stands for Matrix itself. Choose another`,
    ]);
  });

  test.each(["m", "Libera", "a_b", "a b", "a.b", "ü", "", "a\nb", "a/b"])("no network can be called %j", (name) => {
    expect(said([name])).toEqual([expect.stringMatching(/^irc\.networks\..* a network's name becomes part of its/s)]);
  });

  test("a name that belongs to every object is still unknown", () => {
    expect(said(["libera"], { links: [link("constructor"), link("__proto__")] })).toHaveLength(2);
  });
});
