import { judgeDelivery, judgeHoles, labels, labelsIn } from "../src/observers/judge-delivery.ts";

describe("judgeDelivery", () => {
  const said = ["a", "b", "c", "d"];
  it.each([
    [["a", "b", "c", "d"], {}],
    [["a", "c", "d"], { missing: ["b"] }],
    [[], { missing: said }],
    [["a", "b", "b", "c", "d"], { doubled: ["b"] }],
    [["a", "c", "b", "d"], { disordered: ["b"] }],
    [["d", "a", "b", "c"], { disordered: ["a", "b", "c"] }],
    [["a", "b", "c", "d", "b"], { doubled: ["b"] }],
    [["a", "x", "b", "c", "d"], { invented: ["x"] }],
  ])("judges %j", (seen, expected) => {
    const nothing = { missing: [], doubled: [], disordered: [], invented: [] };
    expect(judgeDelivery(said, seen)).toEqual({ ...nothing, ...expected });
  });
});

describe("judgeHoles", () => {
  const said = ["a", "b", "c", "d", "e"];
  const shown = (text: string) => [...text].map((one) => (one === "|" ? { gap: true as const } : { label: one }));

  it("finds every hole announced between its neighbours", () => {
    expect(judgeHoles(said, shown("a|d|"))).toEqual({
      holes: [
        { first: "b", last: "c", count: 2 },
        { first: "e", last: "e", count: 1 },
      ],
      unannounced: [],
    });
  });

  it.each([
    ["abcde", []],
    ["ade", ["b to c"]],
    ["ad|e", ["b to c"]],
    ["|ade", ["b to c"]],
    ["|cde", []],
    ["", ["a to e"]],
    ["a|bd|e", ["c"]],
    ["ab||de", []],
  ])("%j leaves unannounced %j", (room, unannounced) => {
    expect(judgeHoles(said, shown(room)).unannounced).toEqual(unannounced);
  });
});

it("finds its labels in texts and no others", () => {
  expect(labels("m2i", 2)).toEqual(["m2i 0001", "m2i 0002"]);
  const texts = ["<alice> m2i 0001", "[12:00:00 UTC] m2i 0002!", "m2i 3", "xm2i 0004", "m2i 10000"];
  expect(labelsIn(texts, "m2i")).toEqual(["m2i 0001", "m2i 0002", "m2i 10000"]);
});
