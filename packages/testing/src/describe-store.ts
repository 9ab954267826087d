/// <reference types="jest" />
/**
 * The contract suite of the store port: whatever keeps the journal must pass it, the one in memory included. Call it at the top
 * level of a test file; each test opens an empty store.
 */
import { aJob } from "./builders.ts";
import { describeBounds, describeDead } from "./describe-store-dead.ts";
import {
  describeAppend,
  describeJournalUnderStress,
  describeSettle,
  describeUpdateAndLoad,
} from "./describe-store-journal.ts";
import { describeExpiring, describeSecrets } from "./describe-store-kept.ts";
import { describeAccounts, describeReactions, describeWords } from "./describe-store-people.ts";
import { describeGhosts, describeKeyValues, describeMessages, describePortals } from "./describe-store-tables.ts";
import { eachWithStore, type OpenStore } from "./store-trial.ts";

/** The suite for one store; `name` stands in the titles. */
export function describeStore(name: string, open: OpenStore): void {
  describe(`the store contract: ${name}`, () => {
    describeAppend(open);
    describeSettle(open);
    describeUpdateAndLoad(open);
    describeDead(open);
    describeBounds(open);
    describeJournalUnderStress(open);
    describeMessages(open);
    describePortals(open);
    describeGhosts(open);
    describeKeyValues(open);
    describeWords(open);
    describeAccounts(open);
    describeReactions(open);
    describeExpiring(open);
    describeSecrets(open);

    describe("close", () => {
      const trial = eachWithStore(open);

      test("[L1] waits for what was asked before it, and refuses what comes after", async () => {
        const { store } = trial;
        const asked = Array.from({ length: 100 }, () => store.journal.append([aJob()]));
        const closing = store.close();
        expect((await Promise.all(asked)).flat().filter((job) => job === undefined)).toEqual([]);
        await closing;
        await store.close();
        await expect(store.journal.append([aJob()])).rejects.toMatchObject({ code: "database-failed" });
        await expect(store.journal.counts()).rejects.toMatchObject({ code: "database-failed" });
        const again = await trial.reopen();
        expect(await again.journal.counts()).toMatchObject({ queued: 100 });
      });
    });
  });
}
