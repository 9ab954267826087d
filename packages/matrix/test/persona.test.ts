import { eventId, type MatrixEvent, roomId, userId } from "@trestle/core";
import { plainText } from "@trestle/richtext";
import { interpret } from "../src/inbound.ts";

const event = (content: Readonly<Record<string, unknown>>): MatrixEvent => ({
  event_id: eventId("$one"),
  room_id: roomId("!room:test"),
  sender: userId("@alice:test"),
  type: "m.room.message",
  origin_server_ts: 1,
  content,
});

const profile = (more: Readonly<Record<string, unknown>> = {}) => ({
  "com.beeper.per_message_profile": { id: "seraph", displayname: "Seraph", has_fallback: true, ...more },
});

const said = (content: Readonly<Record<string, unknown>>) => {
  const meaning = interpret(event(content));
  if (meaning?.kind !== "action") throw new Error("not an action");
  const { action, persona } = meaning;
  return { text: "content" in action ? plainText(action.content.text) : "", persona };
};

const html = (formatted: string) => ({ format: "org.matrix.custom.html", formatted_body: formatted });

describe("[P6 matrix] a profile for one message", () => {
  test("is who the sender says to be, and its name does not stand in the text twice", () => {
    const avatar = { avatar_url: "mxc://test/abc" };
    expect(said({ msgtype: "m.text", body: "Seraph: hi", ...profile(avatar) })).toEqual({
      text: "hi",
      persona: { id: "seraph", name: "Seraph", avatar: "mxc://test/abc" },
    });
    const fallback = "<strong data-mx-profile-fallback>Seraph: </strong>hi <b>you</b>";
    expect(said({ msgtype: "m.text", body: "Seraph: hi you", ...html(fallback), ...profile() }).text).toBe("hi you");
    expect(said({ msgtype: "m.text", body: "Seraph: hi", ...html(`<p>${fallback}</p>`), ...profile() }).text).toBe(
      "hi you",
    );
  });

  test("of an edit stands in its new content", () => {
    const relation = { "m.relates_to": { rel_type: "m.replace", event_id: "$old" } };
    const fresh = { msgtype: "m.text", body: "Seraph: better", ...profile() };
    expect(said({ msgtype: "m.text", body: "* Seraph: better", "m.new_content": fresh, ...relation })).toEqual({
      text: "better",
      persona: { id: "seraph", name: "Seraph" },
    });
  });

  test.each([
    ["no fallback is said to be there", profile({ has_fallback: false }), "Seraph: hi"],
    ["the fallback is another name", profile({ displayname: "Other" }), "Seraph: hi"],
    ["there is no profile", {}, "Seraph: hi"],
  ])("nothing is taken away when %s", (_when, more, text) => {
    expect(said({ msgtype: "m.text", body: "Seraph: hi", ...more }).text).toBe(text);
  });

  test("only a name in front is taken away, not what is written further on", () => {
    const trick = "hello <strong data-mx-profile-fallback>not this</strong>";
    expect(said({ msgtype: "m.text", body: "x", ...html(trick), ...profile() }).text).toBe("hello not this");
  });

  test.each([
    ["no id", { displayname: "Seraph" }],
    ["an id that is no text", { id: 7 }],
    ["a list", []],
    ["a text", "seraph"],
    ["nothing", null],
  ])("with %s is none", (_what, value) => {
    expect(said({ msgtype: "m.text", body: "hi", "com.beeper.per_message_profile": value }).persona).toBeUndefined();
  });

  test("an address that is none, and names without end, are left out or cut", () => {
    const hostile = profile({ displayname: "x".repeat(100_000), avatar_url: "https://evil.example/x" });
    const { persona } = said({ msgtype: "m.text", body: "hi", ...hostile });
    expect(persona?.avatar).toBeUndefined();
    expect(persona?.name?.length).toBe(256);
  });

  test("a document made to be slow is not", () => {
    const slow = `<strong ${"data-mx-profile-fallback ".repeat(2_500)}`;
    const started = performance.now();
    said({ msgtype: "m.text", body: "x", ...html(slow), ...profile() });
    expect(performance.now() - started).toBeLessThan(500);
  });
});
