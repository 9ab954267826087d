import { openStore } from "../src/index.ts";

for (let i = 0; i < 4; i++) {
  const t = performance.now();
  const s = await openStore({ url: "sqlite:/tmp/st/open.db" });
  const t2 = performance.now();
  await s.close();
  console.log("open", (t2 - t).toFixed(0), "close", (performance.now() - t2).toFixed(0));
}
