/**
 * Prometheus metrics behind the core's Meter port. Metrics whose help and buckets matter are declared here; one that is counted
 * under a name not known here appears all the same. Counting can never fail or grow without bound.
 */
import type { Meter } from "@trestle/core";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

/** Help texts of the metrics that other packages count, by name. */
export const declaredMetrics: Readonly<Record<string, { readonly help: string; readonly labels?: readonly string[] }>> =
  {
    trestle_events_taken_total: { help: "Events taken into the journal", labels: ["direction"] },
    trestle_messages_delivered_total: { help: "Messages delivered", labels: ["direction"] },
    trestle_messages_failed_total: { help: "Messages given up, by reason" },
    trestle_messages_delayed_total: { help: "Tries that failed and are repeated, by reason" },
    trestle_delivery_seconds: { help: "From taking a message to its confirmed delivery", labels: ["direction"] },
    trestle_transaction_seconds: { help: "From a homeserver's transaction to its answer, which is after the commit" },
    trestle_homeserver_failures_total: { help: "Requests to the homeserver that failed, by reason", labels: ["code"] },
    trestle_appservice_denied_total: { help: "Requests to the appservice port without our token", labels: ["status"] },
    trestle_events_malformed_total: { help: "Events of the homeserver that are no events, left out one by one" },
    trestle_recoveries_total: {
      help: "Times it was made sure that nothing was missed: at a start, after the homeserver was away",
    },
    trestle_events_repaired_total: { help: "Events that the homeserver never pushed, found by gap repair" },
    trestle_patrol_finds_total: { help: "Rooms in which the patrol found something that nothing had announced" },
    trestle_irc_connection_failures_total: { help: "Connections to IRC that failed", labels: ["network", "kind"] },
    trestle_homeserver_up: { help: "1 when the homeserver is reachable" },
    trestle_jobs: { help: "Jobs in the journal that are not finished, by state", labels: ["state"] },
    trestle_oldest_job_seconds: { help: "Age of the oldest job that waits; 0 when none does" },
    trestle_dead_letters: { help: "Messages given up and kept for a retry" },
    trestle_links: { help: "Links, by state", labels: ["state"] },
    trestle_ready: { help: "1 when the bridge takes and delivers, 0 when not" },
    trestle_network_up: { help: "1 when the connection to this network is up", labels: ["network"] },
    trestle_network_queued_lines: { help: "Lines that wait for the network's pace", labels: ["network"] },
    trestle_canary_age_seconds: { help: "Age of the last canary that the homeserver brought back" },
    trestle_canary_overdue: { help: "1 when a canary has been out for too long: the homeserver holds events back" },
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

/** All metrics of one kind, each made when first used. */
class Family<M> {
  readonly #make: (config: { name: string; help: string; labelNames: string[] }) => M;
  readonly #metrics = new Map<
    string,
    { readonly metric: M; readonly labels: readonly string[]; readonly sets: Set<string> }
  >();

  constructor(make: (config: { name: string; help: string; labelNames: string[] }) => M) {
    this.#make = make;
  }

  with(name: string, labels: Labels, use: (metric: M, labels: Record<string, string>) => void): void {
    let entry = this.#metrics.get(name);
    if (entry === undefined) {
      const names = declaredMetrics[name]?.labels ?? Object.keys(labels);
      const metric = this.#make({
        name,
        help: declaredMetrics[name]?.help ?? name.replaceAll("_", " "),
        labelNames: [...names],
      });
      entry = { metric, labels: names, sets: new Set() };
      this.#metrics.set(name, entry);
    }
    let fit = Object.fromEntries(entry.labels.map((label) => [label, labels[label] ?? ""]));
    const key = Object.values(fit).join("\u001f");
    if (!entry.sets.has(key) && entry.sets.size >= labelSetsMax) {
      fit = Object.fromEntries(entry.labels.map((label) => [label, "other"]));
    } else entry.sets.add(key);
    use(entry.metric, fit);
  }
}
