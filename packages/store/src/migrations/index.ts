/** Every migration, in order, listed by hand. */
import { firstSchema } from "./0001-first-schema.ts";
import { peopleAndSecrets } from "./0002-people-and-secrets.ts";
import type { Migration } from "./migration.ts";

export const migrations: readonly Migration[] = [firstSchema, peopleAndSecrets];
