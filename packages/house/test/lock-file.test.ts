import { missingFrom, platformOf } from "../src/lock-file.ts";

describe("the lock file", () => {
  test.each([
    ["@biomejs/cli-darwin-arm64", { os: ["darwin"], cpu: ["arm64"] }],
    ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
    ["@swc/core-win32-ia32-msvc", { os: ["win32"], cpu: ["ia32"] }],
    ["@swc/core-linux-arm-gnueabihf", { os: ["linux"], cpu: ["arm"], libc: ["glibc"] }],
    ["@turbo/windows-64", { os: ["win32"], cpu: ["x64"] }],
    ["@unrs/resolver-binding-openharmony-arm64", { os: ["openharmony"], cpu: ["arm64"] }],
  ])("reads the platform of %s from its name", (name, expected) => {
    expect(platformOf(name)).toEqual(expected);
  });

  test("a name without a platform is refused rather than installed everywhere", () => {
    expect(() => platformOf("@swc/core")).toThrow("tells no platform");
    expect(() => platformOf("@evil/constructor-toString")).toThrow("tells no platform");
  });

  test("misses what is named as optional and is not there, at the top or beside its parent", () => {
    const packages = {
      "node_modules/a": {
        optionalDependencies: { "a-linux-x64": "1.0.0", "a-darwin-x64": "1.0.0", "a-win32-x64": "1.0.0" },
      },
      "node_modules/a-linux-x64": { version: "1.0.0" },
      "node_modules/a/node_modules/a-win32-x64": { version: "1.0.0" },
    };
    expect(missingFrom(packages)).toEqual([{ name: "a-darwin-x64", version: "1.0.0", dev: false }]);
  });
});
