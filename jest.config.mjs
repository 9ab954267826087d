/** One jest for the whole house: tests read sibling packages' source through the `source` export condition, so none needs a build. */
export default {
  roots: ["<rootDir>/packages"],
  testMatch: ["<rootDir>/packages/*/test/**/*.test.ts"],
  testEnvironmentOptions: { customExportConditions: ["source", "node", "require", "default"] },
  extensionsToTreatAsEsm: [],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2024" },
        module: { type: "commonjs" },
        sourceMaps: "inline",
      },
    ],
  },
  transformIgnorePatterns: ["/node_modules/", "\\.c?js$"],
  testTimeout: 20_000,
  maxWorkers: "100%",
};
