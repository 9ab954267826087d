/**
 * Prometheus metrics behind the core's Meter port. All that this repository counts is declared here; one that is
 * counted under a name not known here appears all the same. Counting can never fail or grow without bound.
 */
import type { Meter } from "@trestle/core";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

interface Declared {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
}

const counter = (help: string, ...labels: string[]): Declared => declared("counter", help, labels);
const gauge = (help: string, ...labels: string[]): Declared => declared("gauge", help, labels);
const histogram = (help: string, ...labels: string[]): Declared => declared("histogram", help, labels);

function declared(kind: Declared["kind"], help: string, labels: readonly string[]): Declared {
  return { kind, help, ...(labels.length === 0 ? {} : { labels }) };
}

/** All that the packages count, by name: it is on the page from the start, though one with labels has no value before its first. */
export const declaredMetrics: Readonly<Record<string, Declared>> = {
  trestle_ready: gauge("1 when the bridge takes and delivers, 0 when not"),
  trestle_homeserver_up: gauge("1 when the homeserver is reachable"),
  trestle_network_up: gauge("1 when the connection to this network is up", "network"),
  trestle_network_queued_lines: gauge("Lines that wait for the network's pace", "network"),
  trestle_links: gauge("Links, by state", "state"),
  trestle_jobs: gauge("Jobs in the journal that are not finished, by state", "state"),
  trestle_oldest_job_seconds: gauge("Age of the oldest job that waits; 0 when none does"),
  trestle_dead_letters: gauge("Messages given up and kept for a retry"),
  trestle_canary_age_seconds: gauge("Age of the last canary that the homeserver brought back; NaN before the first"),
  trestle_canary_overdue: gauge("1 when a canary has been out for too long: the homeserver holds events back"),
  trestle_canary_overdue_total: counter("Times that a canary was out for too long, each absence once"),
  trestle_canary_seconds: histogram("How long canaries were out"),
  trestle_events_taken_total: counter("Events taken into the journal", "direction"),
  trestle_messages_delivered_total: counter("Messages delivered", "direction"),
  trestle_messages_failed_total: counter("Messages given up, by reason", "direction", "code"),
  trestle_messages_delayed_total: counter("Tries that failed and are repeated, by reason", "direction", "code"),
  trestle_delivery_seconds: histogram("From taking a message to its confirmed delivery", "direction"),
  trestle_transaction_seconds: histogram("From a homeserver's transaction to its answer, which is after the commit"),
  trestle_homeserver_failures_total: counter("Requests to the homeserver that failed, by reason", "code"),
  trestle_appservice_denied_total: counter("Requests to the appservice port without our token", "status"),
  trestle_events_malformed_total: counter("Events of the homeserver that are no events, left out one by one"),
  trestle_recoveries_total: counter(
    "Times it was made sure that nothing was missed: at a start, after the homeserver was away",
  ),
  trestle_events_repaired_total: counter("Events that the homeserver never pushed, found by gap repair"),
  trestle_patrol_finds_total: counter("Rooms in which the patrol found something that nothing had announced"),
  trestle_events_opted_out_total: counter("What was not carried because its author said so", "direction"),
  trestle_ephemeral_dropped_total: counter("Typing and read marks left out because a newer one came"),
  trestle_media_in_flight_bytes: gauge("Memory promised to transfers of files"),
  trestle_public_media_requests_total: counter("Requests to the public addresses of files", "status"),
  trestle_public_media_bytes_total: counter("Bytes of files given out at public addresses"),
  trestle_irc_connection_failures_total: counter("Connections to IRC that failed", "network", "kind"),
};

/** From a local hop (sub-millisecond) to a rate limit (minutes). */
const latencyBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const labelSetsMax = 500;

export interface Metrics extends Meter {
  /** The text that Prometheus scrapes. */
  print(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "trestle_" });
  const counters = new Family((config) => new Counter({ ...config, registers: [registry] }));
  const gauges = new Family((config) => new Gauge({ ...config, registers: [registry] }));
  const histograms = new Family(
    (config) => new Histogram({ ...config, buckets: latencyBuckets, registers: [registry] }),
  );
  const taken = new Map<string, unknown>();
  /** One name is one kind of metric: what comes second under it is dropped rather than thrown. */
  const isOurs = (name: string, family: unknown): boolean => {
    if (!/^[a-z_][a-z0-9_]*$/.test(name)) return false;
    const owner = taken.get(name);
    if (owner === undefined) taken.set(name, family);
    return owner === undefined ? registry.getSingleMetric(name) === undefined : owner === family;
  };
  const families = { counter: counters, gauge: gauges, histogram: histograms };
  for (const [name, { kind }] of Object.entries(declaredMetrics)) {
    if (isOurs(name, families[kind])) families[kind].entry(name, {});
  }
  return {
    contentType: registry.contentType,
    print: () => registry.metrics(),
    count(name, labels = {}, by = 1) {
      if (isOurs(name, counters) && by > 0) counters.with(name, labels, (metric, fit) => metric.inc(fit, by));
    },
    observe(name, valueSeconds, labels = {}) {
      if (!isOurs(name, histograms) || !Number.isFinite(valueSeconds)) return;
      histograms.with(name, labels, (metric, fit) => metric.observe(fit, valueSeconds));
    },
    gauge(name, value, labels = {}) {
      if (isOurs(name, gauges)) gauges.with(name, labels, (metric, fit) => metric.set(fit, value));
    },
  };
}

interface Entry<M> {
  readonly metric: M;
  readonly labels: readonly string[];
  /** Values of the labels seen so far. */
  readonly sets: Set<string>;
}

/** All metrics of one kind, by name. */
class Family<M> {
  readonly #make: (config: { name: string; help: string; labelNames: string[] }) => M;
  readonly #metrics = new Map<string, Entry<M>>();

  constructor(make: (config: { name: string; help: string; labelNames: string[] }) => M) {
    this.#make = make;
  }

  with(name: string, labels: Labels, use: (metric: M, labels: Record<string, string>) => void): void {
    const entry = this.entry(name, labels);
    let fit = Object.fromEntries(entry.labels.map((label) => [label, labels[label] ?? ""]));
    const key = Object.values(fit).join("\u001f");
    if (!entry.sets.has(key) && entry.sets.size >= labelSetsMax) {
      fit = Object.fromEntries(entry.labels.map((label) => [label, "other"]));
    } else entry.sets.add(key);
    use(entry.metric, fit);
  }

  /** Makes it when it is not there; `labels`: those of the first value, for a name that is not declared. */
  entry(name: string, labels: Labels): Entry<M> {
    const there = this.#metrics.get(name);
    if (there !== undefined) return there;
    const known = declaredMetrics[name];
    const names = known === undefined ? Object.keys(labels) : (known.labels ?? []);
    const metric = this.#make({ name, help: known?.help ?? name.replaceAll("_", " "), labelNames: [...names] });
    const entry = { metric, labels: names, sets: new Set<string>() };
    this.#metrics.set(name, entry);
    return entry;
  }
}
