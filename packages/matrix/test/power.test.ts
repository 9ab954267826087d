import { creatorsAreInfinite, levelOf, neededFor, powerFrom } from "../src/rooms/power.ts";

test("[R5] version 11: the users map decides, the creator is in it", () => {
  const power = powerFrom({ room_version: "11" }, "@c:x", { users: { "@c:x": 100, "@m:x": 50 }, users_default: 5 });
  expect([levelOf(power, "@c:x"), levelOf(power, "@m:x"), levelOf(power, "@z:x")]).toEqual([100, 50, 5]);
});

test("[R5] version 12: creators, added ones too, stand above every number", () => {
  const power = powerFrom({ room_version: "12", additional_creators: ["@d:x", 7] }, "@c:x", { users: { "@m:x": 100 } });
  expect(levelOf(power, "@c:x")).toBe(Number.POSITIVE_INFINITY);
  expect(levelOf(power, "@d:x")).toBe(Number.POSITIVE_INFINITY);
  expect(levelOf(power, "@m:x")).toBe(100);
});

test("version 11 does not take additional creators for creators", () => {
  const power = powerFrom({ room_version: "11", additional_creators: ["@d:x"] }, "@c:x", {});
  expect(levelOf(power, "@d:x")).toBe(0);
});

test("without a power level event the creator has 100 and state asks for nothing", () => {
  const power = powerFrom({}, "@c:x", undefined);
  expect([levelOf(power, "@c:x"), levelOf(power, "@z:x"), power.stateDefault, power.redact]).toEqual([100, 0, 0, 50]);
});

test("levels as text of old rooms count, nonsense does not", () => {
  const power = powerFrom({}, "@c:x", {
    users: { "@a:x": "40", "@b:x": {}, "@n:x": Number.NaN },
    users_default: "x",
    state_default: null,
    events: { "m.room.topic": 30, bad: [] },
  });
  expect([levelOf(power, "@a:x"), levelOf(power, "@b:x"), levelOf(power, "@n:x")]).toEqual([40, 0, 0]);
  expect([neededFor(power, "m.room.topic"), neededFor(power, "bad")]).toEqual([30, 50]);
});

test.each([undefined, null, 3, "text", [], { users: 3, events: "x" }])("takes any content: %j", (levels) => {
  expect(() => powerFrom(levels as never, undefined, levels as never)).not.toThrow();
});

test("only version 12 and later know creators of endless power", () => {
  expect(["1", "11", "org.x", undefined, 12].some(creatorsAreInfinite)).toBe(false);
  expect(["12", "13", "100"].every(creatorsAreInfinite)).toBe(true);
});
