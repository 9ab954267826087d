import { readFileSync } from "node:fs";
import { createMetrics, declaredMetrics } from "../src/metrics.ts";

describe("[A7] metrics", () => {
  test("what is counted, observed and gauged is printed for Prometheus", async () => {
    const metrics = createMetrics();
    metrics.count("trestle_messages_delivered_total", { direction: "inward" });
    metrics.count("trestle_messages_delivered_total", { direction: "inward" }, 2);
    metrics.observe("trestle_delivery_seconds", 0.004, { direction: "inward" });
    metrics.gauge("trestle_ready", 1);
    const text = await metrics.print();
    expect(text).toContain('trestle_messages_delivered_total{direction="inward"} 3');
    expect(text).toContain('trestle_delivery_seconds_bucket{le="0.005",direction="inward"} 1');
    expect(text).toContain('trestle_delivery_seconds_bucket{le="0.002",direction="inward"} 0');
    expect(text).toContain("trestle_ready 1");
    expect(text).toContain("trestle_process_resident_memory_bytes");
  });

  test("a name that nobody declared is printed all the same", async () => {
    const metrics = createMetrics();
    metrics.count("trestle_new_total", { kind: "a" });
    expect(await metrics.print()).toContain('trestle_new_total{kind="a"} 1');
  });

  test("counting wrongly never throws: other labels, another kind, an odd name or value", async () => {
    const metrics = createMetrics();
    metrics.count("trestle_x_total", { a: "1" });
    metrics.count("trestle_x_total", { b: "2" });
    metrics.count("trestle_x_total", {});
    metrics.gauge("trestle_x_total", 5);
    metrics.observe("trestle_x_total", 5);
    metrics.gauge("trestle process cpu", 1);
    metrics.gauge("trestle_process_resident_memory_bytes", 1);
    metrics.count("trestle_x_total", { a: "1" }, -1);
    metrics.observe("trestle_y_seconds", Number.NaN);
    const text = await metrics.print();
    expect(text).toContain('trestle_x_total{a="1"} 1');
    expect(text).toContain('trestle_x_total{a=""} 2');
  });

  test("[S1] a hostile label value neither breaks the page nor grows it without bound", async () => {
    const metrics = createMetrics();
    for (let i = 0; i < 2_000; i++) metrics.count("trestle_z_total", { who: `"} 1\n${i}` });
    const text = await metrics.print();
    const lines = text.split("\n").filter((line) => line.startsWith("trestle_z_total"));
    expect(lines.length).toBeLessThan(600);
    expect(lines.some((line) => line.startsWith('trestle_z_total{who="other"}'))).toBe(true);
    expect(text).not.toMatch(/^\d+"\}/m);
  });

  test("docs/operate/metrics.md names every declared one", () => {
    const page = readFileSync(new URL("../../../docs/operate/metrics.md", import.meta.url), "utf8");
    expect(Object.keys(declaredMetrics).filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  });
});
