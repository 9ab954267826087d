/** A log and a meter that keep what they were told, for tests to read. */
import type { Log, LogFields, Meter } from "@trestle/core";

export interface LogEntry {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

export interface TestLog extends Log {
  readonly entries: readonly LogEntry[];
  /** Everything written so far as one text, to look for what must not be in it. */
  text(): string;
}

const plain = (_key: string, value: unknown): unknown => {
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return typeof value === "bigint" ? String(value) : value;
};

/** A log whose entries (children's included) can be read back. */
export function createTestLog(): TestLog {
  const entries: LogEntry[] = [];
  const at = (inherited: LogFields): Log => {
    const write = (level: LogEntry["level"]) => (fields: LogFields, message: string) => {
      entries.push({ level, fields: { ...inherited, ...fields }, message });
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
      child: (fields) => at({ ...inherited, ...fields }),
    };
  };
  return { ...at({}), entries, text: () => entries.map((entry) => JSON.stringify(entry, plain)).join("\n") };
}

export interface TestMeter extends Meter {
  /** Sum of a counter over every label set that contains `labels`. */
  counted(name: string, labels?: Readonly<Record<string, string>>): number;
  /** Last value of a gauge under labels that contain `labels`. */
  gauged(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  observed(name: string): readonly number[];
  readonly names: ReadonlySet<string>;
}

interface Sample {
  readonly kind: "count" | "observe" | "gauge";
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A meter whose samples can be read back. */
export function createTestMeter(): TestMeter {
  const samples: Sample[] = [];
  const names = new Set<string>();
  const record = (kind: Sample["kind"], name: string, value: number, labels: Sample["labels"] = {}) => {
    names.add(name);
    samples.push({ kind, name, value, labels });
  };
  const matching = (kind: Sample["kind"], name: string, labels: Sample["labels"] = {}) =>
    samples.filter(
      (sample) =>
        sample.kind === kind &&
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  return {
    count: (name, labels, by = 1) => record("count", name, by, labels),
    observe: (name, valueSeconds, labels) => record("observe", name, valueSeconds, labels),
    gauge: (name, value, labels) => record("gauge", name, value, labels),
    counted: (name, labels) => matching("count", name, labels).reduce((sum, sample) => sum + sample.value, 0),
    gauged: (name, labels) => matching("gauge", name, labels).at(-1)?.value,
    observed: (name) => matching("observe", name).map((sample) => sample.value),
    names,
  };
}
