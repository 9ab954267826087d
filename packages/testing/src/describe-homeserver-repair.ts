/// <reference types="jest" />
/** The contract's part on what a homeserver loses or holds back at its restarts: the canary and gap repair bring it in. */
import { bodyOf, freshName, type HomeserverContract, isLate, type Running, until } from "./homeserver-trial.ts";

const repairMs = 60_000;

export function describeRepair(get: () => Running, contract: HomeserverContract): void {
  if (!contract.restartsServer) return;
  describe("the homeserver restarts", () => {
    it.each(["TERM", "KILL"] as const)(
      "%s while we hold a transaction: what the server lost comes, once, in order, marked late",
      async (kind) => {
        const { alice, homeserver, host, room, trial } = get();
        const here = await room();
        await alice.say(here, "anchor");
        await until("the anchor was taken", () => host.bodies(here).includes("anchor"));
        const hold = host.hold();
        const lines = Array.from({ length: 25 }, (_, index) => `line ${index}`);
        for (const line of lines) await alice.say(here, line);
        await trial.restartServer?.(kind);
        hold.release();
        await until("every line was taken", () => host.bodies(here).length > lines.length, repairMs);
        await trial.settled(homeserver);
        expect([...host.bodies(here)].sort()).toEqual(["anchor", ...lines].sort());
        const messages = host.taken.filter((event) => event.room_id === here && event.type === "m.room.message");
        inOrder(messages.filter(isLate).map(bodyOf), lines);
        const pushed = messages.filter((event) => !isLate(event));
        inOrder(pushed.map(bodyOf), ["anchor", ...lines]);
      },
      repairMs + 30_000,
    );

    it(
      "while we are away: what waited comes in",
      async () => {
        const running = get();
        const { alice, host, room, trial } = running;
        const here = await room();
        await alice.say(here, "anchor");
        await until("the anchor was taken", () => host.bodies(here).includes("anchor"));
        await running.homeserver.stop(500);
        const lines = Array.from({ length: 12 }, (_, index) => `${freshName("away")} ${index}`);
        for (const line of lines) await alice.say(here, line);
        await trial.restartServer?.("KILL");
        await running.reopen();
        await until("every line was taken", () => host.bodies(here).length > lines.length, repairMs);
        expect([...host.bodies(here)].sort()).toEqual(["anchor", ...lines].sort());
      },
      repairMs + 30_000,
    );

    it(
      "with nothing under way: it is up again and life goes on",
      async () => {
        const { alice, homeserver, host, room, trial } = get();
        const here = await room();
        await trial.restartServer?.("TERM");
        await until("it is up again", () => homeserver.status().state === "up", repairMs);
        await trial.settled(homeserver);
        const body = freshName("after ");
        await alice.say(here, body);
        await until("life goes on", () => host.bodies(here).includes(body), repairMs);
        await until(
          "it says so",
          () => homeserver.status().state === "up" && !homeserver.status().canaryOverdue,
          repairMs,
        );
      },
      repairMs + 30_000,
    );
  });
}

/** Each of `some` stands in `all`, in the same order. */
function inOrder(some: readonly string[], all: readonly string[]): void {
  const places = some.map((line) => all.indexOf(line));
  expect(places).toEqual([...places].sort((left, right) => left - right));
  expect(places).not.toContain(-1);
}
