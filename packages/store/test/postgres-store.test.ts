/** PostgreSQL passes the contract of the store, where TEST_DATABASE_URL names a server; without one, it says so clearly. */
import { describeStore } from "@trestle/testing";
import { openStore } from "../src/index.ts";
import { keptStore } from "./kept-store.ts";
import { createTestSchema, serverUrl } from "./postgres-database.ts";
import { tables } from "./sqlite-file.ts";

if (serverUrl !== undefined) {
  describeStore(
    "PostgreSQL",
    keptStore(async () => {
      const schema = await createTestSchema();
      return {
        url: schema.url,
        empty: async () => {
          const [row] = await schema.query("select to_regclass('jobs') is not null as there");
          if (row?.["there"] === true) await schema.query(`truncate ${tables.join(", ")}`);
        },
        remove: schema.drop,
      };
    }),
  );
}

describe("PostgreSQL that is not there", () => {
  test("[S1] is a database failure that does not show the password", async () => {
    const url = "postgres://trestle:hunter2@127.0.0.1:9/trestle";
    const error = (await openStore({ url }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ name: "BridgeError", code: "database-failed" });
    expect(error.message).not.toContain("hunter2");
  });
});
