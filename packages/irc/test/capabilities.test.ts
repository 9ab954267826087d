import { ircCapabilities } from "../src/capabilities.ts";

describe("what an IRC network can do", () => {
  it("[C9 irc] [C12 irc] is messages and edits where the server offers nothing", () => {
    expect(ircCapabilities({})).toEqual({
      actions: new Set(["message", "edit"]),
      replies: false,
      threads: false,
      text: { max: 350, unit: "bytes", partsMax: 5 },
      attachments: "url",
      impersonation: "none",
      ageLimitMs: 3_600_000,
    });
  });

  it("[C9 irc] is deletion where messages can be redacted", () => {
    expect([...ircCapabilities({ redaction: true }).actions]).toEqual(["message", "edit", "delete"]);
  });

  it("[C12 irc] is reactions, both ways, where tags pass", () => {
    expect([...ircCapabilities({ react: true }).actions]).toEqual(["message", "edit", "react", "unreact"]);
  });

  it("[C16 irc] is typing where its tag passes, and never read marks", () => {
    expect([...ircCapabilities({ typing: true }).actions]).toEqual(["message", "edit", "typing"]);
  });

  it("[P2 irc] is a name per message with RELAYMSG", () => {
    expect(ircCapabilities({ relaymsg: true }).impersonation).toBe("per-message");
  });

  it("[C10 irc] is never replies without a quote: most readers would not see what is answered", () => {
    expect(ircCapabilities({ react: true, redaction: true, relaymsg: true }).replies).toBe(false);
  });

  it("follows the config", () => {
    const { text, ageLimitMs } = ircCapabilities({ textBytesMax: 412, partsMax: 9, ageLimitMs: 60_000 });
    expect(text).toEqual({ max: 412, unit: "bytes", partsMax: 9 });
    expect(ageLimitMs).toBe(60_000);
  });
});
