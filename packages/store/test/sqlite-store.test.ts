/** The embedded database passes the contract of the store. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStore } from "@trestle/testing";
import { openStore } from "../src/index.ts";

describeStore("SQLite", async () => {
  const directory = await mkdtemp(join(tmpdir(), "trestle-store-"));
  const url = `sqlite:${join(directory, "store.db")}`;
  let current = await openStore({ url });
  return {
    store: current,
    reopen: async () => {
      await current.close();
      current = await openStore({ url });
      return current;
    },
    destroy: async () => {
      await current.close();
      await rm(directory, { recursive: true });
    },
  };
});
