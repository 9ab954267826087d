import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../src/index.ts";

test("a new database and its side files are readable by their owner alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trestle-mode-"));
  const file = join(folder, "bridge.db");
  const store = await openStore({ url: `sqlite:${file}` });
  await store.kv.put("a", "b");
  const modes = [file, `${file}-wal`].map((path) => (statSync(path).mode & 0o777).toString(8));
  await store.close();
  rmSync(folder, { recursive: true });
  expect(modes).toEqual(["600", "600"]);
});
