import type { RemoteEvent } from "@trestle/core";
import { createTestClock } from "@trestle/testing";
import { createInbox, pauseMsMax, unstoredMax } from "../src/inbox.ts";
import { chatOf } from "./harness.ts";

function build() {
  const clock = createTestClock(100);
  const waiting: (() => void)[] = [];
  const stored: string[] = [];
  const pauses: boolean[] = [];
  const overloads: string[] = [];
  const inbox = createInbox({
    clock,
    emit: (event) =>
      new Promise((resolve) =>
        waiting.push(() => {
          stored.push("key" in event ? event.key : event.kind);
          resolve();
        }),
      ),
    onPause: (paused) => pauses.push(paused),
    onOverload: (reason) => overloads.push(reason),
    onStored: () => undefined,
  });
  const store = async (count = waiting.length) => {
    for (const go of waiting.splice(0, count)) go();
    await clock.settle();
  };
  return { clock, inbox, stored, pauses, overloads, store };
}
const chat = chatOf("#one");
const event = (key: string): RemoteEvent => ({ kind: "members-changed", key, chat });

describe("the inbox", () => {
  it("pauses reading at ten thousand unstored lines, goes on at half of it, and gives up after 5 s of pause", async () => {
    const { clock, inbox, pauses, overloads, store } = build();
    for (let at = 0; at < unstoredMax - 1; at += 1) inbox.push(event(String(at)), clock.now(), chat);
    expect(pauses).toEqual([]);
    inbox.push(event("last"), clock.now(), chat);
    expect(pauses).toEqual([true]);
    await store(unstoredMax / 2 + 1);
    expect(pauses).toEqual([true, false]);
    expect(overloads).toEqual([]);
    for (let at = 0; at < unstoredMax; at += 1) inbox.push(event(`b${at}`), clock.now(), chat);
    await clock.advance(pauseMsMax - 200);
    expect(overloads).toEqual([]);
    await clock.advance(400);
    expect(overloads).toHaveLength(1);
  });

  it("counts what is held too, and lets it go in order behind what was pushed past it", async () => {
    const { clock, inbox, pauses, stored, store } = build();
    inbox.hold(chat);
    inbox.hold(chat);
    for (let at = 0; at < unstoredMax; at += 1) inbox.push(event(String(at)), clock.now(), chat);
    expect(pauses).toEqual([true]);
    void inbox.pushNow(event("past"), clock.now());
    inbox.release(chat);
    await store();
    expect(stored).toEqual(["past"]);
    inbox.release(chat);
    await store();
    expect(stored.slice(0, 3)).toEqual(["past", "0", "1"]);
    expect(inbox.unstored()).toBe(0);
  });

  it("knows when the oldest not yet stored line was heard, held ones and lost ones included", async () => {
    const { clock, inbox, store } = build();
    expect(inbox.oldestAtMs()).toBeUndefined();
    inbox.push(event("a"), 100, chat);
    inbox.hold(chat);
    inbox.push(event("b"), 200, chat);
    expect(inbox.oldestAtMs()).toBe(100);
    await store();
    expect(inbox.oldestAtMs()).toBe(200);
    inbox.release(chat);
    await store();
    await clock.settle();
    expect(inbox.oldestAtMs()).toBeUndefined();
  });

  it("a line that could not be stored stays the oldest until it is accounted for", async () => {
    const failures: string[] = [];
    const clock = createTestClock(100);
    const inbox = createInbox({
      clock,
      emit: async () => {
        throw new Error("disk full");
      },
      onPause: () => undefined,
      onOverload: (reason) => failures.push(reason),
      onStored: () => undefined,
    });
    expect(await inbox.pushNow(event("a"), 100)).toBe(false);
    expect(failures[0]).toContain("disk full");
    expect(inbox.oldestAtMs()).toBe(100);
    inbox.forgetLost();
    expect(inbox.oldestAtMs()).toBeUndefined();
  });
});
