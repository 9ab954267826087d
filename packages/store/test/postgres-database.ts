/** A schema of its own on the PostgreSQL that TEST_DATABASE_URL names, for one test. */
import { randomUUID } from "node:crypto";
import { Client } from "pg";

/** The server to test on, when there is one. */
export const serverUrl = process.env["TEST_DATABASE_URL"];

export interface TestSchema {
  /** Leads into the schema. */
  readonly url: string;
  drop(): Promise<void>;
  /** Runs a statement in the schema, on a connection of its own. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
}

async function once(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** Makes an empty schema. */
export async function createTestSchema(server = serverUrl ?? ""): Promise<TestSchema> {
  const name = `trestle_test_${randomUUID().replaceAll("-", "")}`;
  await once(server, `create schema ${name}`);
  const url = new URL(server);
  url.searchParams.set("options", `-csearch_path=${name}`);
  return {
    url: url.href,
    query: (sql) => once(url.href, sql),
    drop: async () => void (await once(server, `drop schema ${name} cascade`)),
  };
}
