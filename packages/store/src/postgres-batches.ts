/**
 * Turns the steps of a group into few statements of many rows, because each statement costs PostgreSQL a round trip. The order
 * of steps that touch the same row is kept; steps without a many-row form stand where they stood.
 */
import type { Param, Statement, Step } from "./engine.ts";

/** One statement to send, and which steps its rows are. */
export interface Sending {
  readonly statement: Statement;
  readonly params: readonly Param[];
  readonly steps: readonly number[];
  /** See Batch.returned: compare with the first column of what comes back. */
  readonly returned?: number;
}

interface Wave {
  readonly rows: Map<Statement, number[]>;
  readonly keys: Set<string>;
}

/** Most rows of one statement. */
const rowsMax = 128;

export function batchSteps(steps: readonly Step[]): Sending[] {
  const sendings: Sending[] = [];
  let wave: Wave = { rows: new Map(), keys: new Set() };
  const close = () => {
    for (const [statement, places] of wave.rows) sendings.push(...sendingsOf(statement, places, steps));
    wave = { rows: new Map(), keys: new Set() };
  };
  steps.forEach(({ statement, params }, place) => {
    if (!statement.batch) {
      close();
      sendings.push({ statement, params, steps: [place] });
      return;
    }
    const key = statement.batch.keyOf(params);
    if (wave.keys.has(key)) close();
    wave.keys.add(key);
    const places = wave.rows.get(statement);
    if (places) places.push(place);
    else wave.rows.set(statement, [place]);
  });
  close();
  return sendings;
}

/** Powers of two, so that a handful of prepared statements serves every number of rows. */
function sendingsOf(statement: Statement, places: readonly number[], steps: readonly Step[]): Sending[] {
  const { batch } = statement;
  if (!batch) return [];
  const sendings: Sending[] = [];
  for (let start = 0; start < places.length; ) {
    const left = places.length - start;
    const size = Math.min(rowsMax, 2 ** Math.floor(Math.log2(left)));
    const chunk = places.slice(start, start + size);
    sendings.push({
      statement: size === 1 ? statement : batch.of(size),
      params: chunk.flatMap((place) => steps[place]?.params ?? []),
      steps: chunk,
      ...(batch.returned === undefined ? {} : { returned: batch.returned }),
    });
    start += size;
  }
  return sendings;
}
