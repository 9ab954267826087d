import { isReserved, isVisible, latinLook, nameOver, shownAs, skeleton, withoutMark } from "../src/names.ts";

const bots = ["fakebot", "Fake bridge"];
const nobody = () => false;
const taken = (name: string) => (look: string) => look === skeleton(name);

describe("[P6] names that a reader would take for the same", () => {
  test.each([
    ["Alice", "alice"],
    ["Alice", "АlIсе"],
    ["Alice", "Ａｌｉｃｅ"],
    ["Alice", "Al\u200bice\u2060"],
    ["Alice", "Álícé"],
    ["Alice", "𝒜𝓁𝒾𝒸ℯ"],
    ["Alice", "A l i c e"],
    ["Alice", "\u202eAlice"],
    ["Bob", "В0b"],
    ["paypal", "раураl"],
    ["modern", "rnodern"],
    ["ΒΟΒ", "bob"],
    ["ΗENRY", "henry"],
    ["Trestle", "Tresт1e"],
    ["system", "ѕуѕtеm"],
    ["admin", "аdmіn\u00ad"],
  ])("%j and %j", (one, other) => {
    expect(skeleton(other)).toBe(skeleton(one));
  });

  test.each([
    ["Alice", "Alicia"],
    ["Bob", "Rob"],
    ["太郎", "次郎"],
    ["Alice", ""],
  ])("not %j and %j", (one, other) => {
    expect(skeleton(other)).not.toBe(skeleton(one));
  });

  test("the Latin look is what an ASCII name could be taken for", () => {
    expect(latinLook("Вób\u200b")).toBe("bob");
  });
});

describe("[P6] what can be seen of a name", () => {
  test.each(["", "   ", "\u200b\u200d", "\u2800", "\u202e", "\u0301", "\u3164", "\u0000"])("nothing of %j", (name) => {
    expect(isVisible(name)).toBe(false);
    expect(shownAs(name)).toBeUndefined();
    expect(isReserved(name, bots)).toBe(true);
    expect(nameOver({ userId: "@bob:test", name }, bots, nobody)).toBe("bob");
  });

  test("nothing turns the line or hides what stands behind it", () => {
    const shown = nameOver({ userId: "@mallory:evil", name: "Ali\u202ece\u0007" }, bots, taken("alice"));
    expect(shown).toBe("Alice (@mallory:evil)");
  });

  test("a name of any length and any number of accents ends", () => {
    const long = nameOver({ userId: "@m:evil", name: "x".repeat(5_000) }, bots, () => true);
    expect(long).toBe(`${"x".repeat(48)} (@m:evil)`);
    expect(shownAs(`a${"\u0301".repeat(5_000)}`)?.length).toBeLessThan(20);
    expect(shownAs("👩‍👩‍👧‍👦 family")).toBe("👩‍👩‍👧‍👦 family");
  });
});

describe("[P6] what a person is called over there", () => {
  const mallory = { userId: "@mallory:evil" };
  test.each([
    ["his own name", "Mallory", nobody, "Mallory"],
    ["somebody else's", "Аlice", taken("alice"), "Аlice (@mallory:evil)"],
    ["the bot's", "FakeBot", nobody, "FakeBot (@mallory:evil)"],
    ["the bot's shown name", "fake  brіdge", nobody, "fake  brіdge (@mallory:evil)"],
    ["the bridge's", "Ѕystem", nobody, "Ѕystem (@mallory:evil)"],
    ["one that carries another's mark", "Alice (@alice:test)", nobody, "Alice (@alice:test) (@mallory:evil)"],
    ["one that hides another's mark", "Alice (@\u200balice:test)", nobody, "Alice (@\u200balice:test) (@mallory:evil)"],
    ["one that reads like a persona", "Alice [via alice]", nobody, "Alice [via alice] (@mallory:evil)"],
    ["his own address", "@mallory:evil", nobody, "@mallory:evil"],
  ])("%s", (_what, name, isTaken, shown) => {
    expect(nameOver({ ...mallory, name }, bots, isTaken)).toBe(shown);
  });

  test.each([
    ["that is nobody's is a persona", "Seraph", nobody, "Seraph"],
    ["of somebody else shows who speaks", "alice", taken("Alice"), "alice [via @mallory:evil]"],
    ["of the bot shows who speaks", "fakebot", nobody, "fakebot [via @mallory:evil]"],
    ["with a mark in it shows who speaks", "Al [via @alice:test]", nobody, "Al [via @alice:test] [via @mallory:evil]"],
    ["that cannot be seen is none", "\u200b", nobody, "Mallory"],
  ])("a name for one message %s", (_what, persona, isTaken, shown) => {
    expect(nameOver({ ...mallory, name: "Mallory", persona }, bots, isTaken)).toBe(shown);
  });

  test("a mark comes off again, and only its own", () => {
    expect(withoutMark("Alice (@mallory:evil)", "@mallory:evil")).toBe("Alice");
    expect(withoutMark("Alice (@mallory:evil)", "@alice:test")).toBe("Alice (@mallory:evil)");
  });
});
