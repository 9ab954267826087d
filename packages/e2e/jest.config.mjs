/** The contract suites on real servers: `TRESTLE_SYNAPSE=1 npx jest -c packages/e2e/jest.config.mjs`. The ordinary jest run never finds them. */
import base from "../../jest.config.mjs";

// biome-ignore lint/style/noDefaultExport: jest reads its configuration so
export default {
  ...base,
  rootDir: "../..",
  roots: ["<rootDir>/packages/e2e"],
  testMatch: ["<rootDir>/packages/e2e/src/contracts/*.contract.ts"],
  testTimeout: 120_000,
};
