/** Each weak spot that docs/weak-spots.md lists has the test that it names. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "../../..");
const rows = [
  ...readFileSync(join(root, "docs/weak-spots.md"), "utf8").matchAll(/^\| (.+?) \| `(.+?)`: "(.+?)" \|$/gm),
];

test("[S1] the page of weak spots is read", () => {
  expect(rows.length).toBeGreaterThan(30);
});

test.each(rows.map(([, spot, file, name]) => [spot ?? "", file ?? "", name ?? ""] as const))(
  "[S1] %s: its test is there",
  (_spot, file, name) => {
    const path = join(root, file);
    expect(existsSync(path) && readFileSync(path, "utf8").includes(name)).toBe(true);
  },
);
