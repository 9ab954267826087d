/** Ghosts: what the first words of a new one cost, and what it costs to know a hundred thousand of them. */
import { prepareBridge } from "./bridge-under-test.ts";
import type { FarProcess } from "./far-process.ts";
import type { Measure } from "./measures.ts";

const manyGhosts = 100_000;
const portals = 10;
const starts = 3;

export const ghosts: Measure = async (far, tell) => {
  tell("ghosts: the first words of a new one; a start that knows 100,000, against one that knows none");
  const bridge = await prepareBridge(far, { portals });
  const first = await far.firstWords("newcomer").finally(() => bridge.stop());
  tell(`  first words: ${first.join(", ")}`);
  const none = await starting(far, 0);
  const many = await starting(far, manyGhosts);
  tell(
    `  start: ${none.ms.toFixed(0)} ms and ${none.calls} calls, with ${manyGhosts} ghosts ${many.ms.toFixed(0)} ms and ${many.calls}`,
  );
  return [
    { name: "calls for the first message of a new ghost", value: first.length, unit: "", atMost: 3 },
    {
      name: "calls of a start with 100,000 ghosts, more than with none",
      value: many.calls - none.calls,
      unit: "",
      atMost: 0,
    },
    {
      name: "time of a start with 100,000 ghosts, against with none",
      value: many.ms / none.ms,
      unit: "",
      atMost: 1.25,
    },
  ];
};

/** The best of a few: what is asked is what it must cost, not what the machine does besides. */
async function starting(far: FarProcess, count: number): Promise<{ readonly ms: number; readonly calls: number }> {
  const bridge = await prepareBridge(far, { portals, ghosts: count, start: false });
  const times: number[] = [];
  let calls = 0;
  for (let turn = 0; turn < starts; turn++) {
    await far.callsSince();
    const [ms] = await Promise.all([far.firstTransaction(), bridge.span.start({ withinMs: 60_000 })]);
    times.push(ms);
    calls = await far.callsSince();
    await bridge.span.stop("TERM");
  }
  await bridge.stop();
  return { ms: Math.min(...times), calls };
}
