/**
 * Spares the contract suite an opening for each test: a store that a test left open is emptied from outside and used again.
 * Reopened and closed ones are really opened anew.
 */
import type { Store } from "@trestle/core";
import type { OpenStore } from "@trestle/testing";
import { type Key, openStore } from "../src/index.ts";

interface Database {
  readonly url: string;
  empty(): Promise<void>;
  remove(): Promise<void>;
}

/** The same key for the same number. */
export const aKey = (number = 1, from = `key-${number}`): Key => ({ secret: new Uint8Array(32).fill(number), from });

/** An opener for `describeStore`; the database goes after the last test of the file. */
export function keptStore(create: () => Promise<Database>): OpenStore {
  let database: Database | undefined;
  let current: Store | undefined;
  afterAll(async () => {
    await current?.close();
    await database?.remove();
  });
  return async () => {
    database ??= await create();
    const { url, empty } = database;
    await empty();
    const isUsable = await current?.kv.list("").then(
      () => true,
      () => false,
    );
    if (!current || isUsable !== true) current = await openStore({ url, keys: [aKey()] });
    return {
      store: current,
      reopen: async () => {
        await current?.close();
        current = await openStore({ url, keys: [aKey()] });
        return current;
      },
      destroy: async () => undefined,
    };
  };
}
