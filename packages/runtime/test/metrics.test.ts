import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createMetrics, declaredMetrics } from "../src/metrics.ts";
import { aFolder } from "./a-span.ts";

const packages = fileURLToPath(new URL("../../", import.meta.url));
const kinds: Readonly<Record<string, string>> = { count: "counter", observe: "histogram", gauge: "gauge" };

/** Everything that the sources count, observe and gauge, with its kind and the labels they give: `counter a_total{b,c}`. */
function countedInSources(): string[] {
  const found = new Set<string>();
  for (const file of globSync("*/src/**/*.ts", { cwd: packages })) {
    const text = readFileSync(packages + file, "utf8");
    for (const { 1: method = "", 2: call = "" } of text.matchAll(
      /\bmet(?:er|rics)\.(count|observe|gauge)\((.*?)\);?\n/gs,
    )) {
      const names = call.match(/"trestle_\w+"/g) ?? [`"${file}: ${call}"`];
      const given = /\{([^}]*)\}/s.exec(call)?.[1] ?? "";
      const labels = given.split(",").flatMap((one) => /\w+/.exec(one)?.[0] ?? []);
      for (const name of names) found.add(`${kinds[method]} ${name.slice(1, -1)}{${labels.join()}}`);
    }
  }
  return [...found].sort();
}

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

  test("all that the sources count is declared with its kind and labels, and nothing else is", () => {
    const declared = Object.entries(declaredMetrics).map(
      ([name, { kind, labels = [] }]) => `${kind} ${name}{${labels.join()}}`,
    );
    expect(countedInSources()).toEqual(declared.sort());
  });

  test("each declared one is there with its help before anything happened", async () => {
    const text = await createMetrics().print();
    for (const [name, { kind, help, labels }] of Object.entries(declaredMetrics)) {
      expect(help).not.toBe("");
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`);
      if (labels === undefined) expect(text).toMatch(new RegExp(`^${name}(_count)? 0$`, "m"));
    }
  });

  test("one of another kind than declared is dropped", async () => {
    const metrics = createMetrics();
    metrics.gauge("trestle_recoveries_total", 5);
    expect(await metrics.print()).toContain("trestle_recoveries_total 0");
  });

  test("a canary that never came back has no age, rather than none at all or 0", async () => {
    const folder = await aFolder();
    await folder.command("register", "--server", "synapse", "--config", folder.config);
    const [, base = ""] = /listen: (127\S+)\n(?=log)/.exec(readFileSync(folder.config, "utf8")) ?? [];
    const running = folder.command("run", "--config", folder.config);
    const page = () => fetch(`http://${base}/metrics`).then((answer) => answer.text());
    const deadline = Date.now() + 5_000;
    while ((await page().catch(() => "")) === "" && Date.now() < deadline)
      await new Promise((go) => setTimeout(go, 20));
    expect(await page()).toMatch(/^trestle_canary_age_seconds nan$/im);
    process.emit("SIGTERM");
    expect((await running).code).toBe(0);
    folder.remove();
  });

  test("docs/operate/metrics.md names every declared one", () => {
    const page = readFileSync(new URL("../../../docs/operate/metrics.md", import.meta.url), "utf8");
    const isNamed = (name: string) => new RegExp(`^\\| .*\`${name}[\`{]`, "m").test(page);
    expect(Object.keys(declaredMetrics).filter((name) => !isNamed(name))).toEqual([]);
  });
});
