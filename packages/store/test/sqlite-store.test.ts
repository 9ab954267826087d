/** The embedded database passes the contract of the store. */
import { describeStore } from "@trestle/testing";
import { keptStore } from "./kept-store.ts";
import { createSqliteFile, tables } from "./sqlite-file.ts";

describeStore(
  "SQLite",
  keptStore(async () => {
    const file = createSqliteFile();
    return {
      url: file.url,
      empty: async () =>
        file.outside((database) => {
          const exists = database.prepare("select 1 from sqlite_master where name = 'jobs'").get();
          if (exists) database.exec(tables.map((table) => `delete from ${table};`).join("\n"));
        }),
      remove: async () => file.remove(),
    };
  }),
);
