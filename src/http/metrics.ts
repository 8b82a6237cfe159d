/**
 * `GET /metrics`: the state in Prometheus' text format, by prom-client. Everything is counted elsewhere and read when it is
 * asked for, so that nothing of it lies on the path of a request. Labels are few: outcomes, kinds, configured mirrors and
 * repositories, never files or clients.
 */
import { Counter, Gauge, type Metric, Registry } from "prom-client";
import type { Buckets } from "../lib/histogram.ts";

export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface Series {
  readonly labels?: Labels;
  readonly buckets: Buckets;
}

interface Described {
  /** With its unit, and `_total` where it only grows. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** One metric and how its values are come by. */
export type MetricSource =
  | (Described & { readonly type: "counter" | "gauge"; readonly read: () => readonly Sample[] })
  | (Described & { readonly type: "histogram"; readonly read: () => readonly Series[] });

export interface Metrics {
  readonly contentType: string;
  render(): Promise<string>;
}

function addNumber(registry: Registry, source: Extract<MetricSource, { type: "counter" | "gauge" }>): void {
  const { name, help, labels = [], read } = source;
  const settings = { name, help, labelNames: [...labels], registers: [registry] };
  if (source.type === "gauge") {
    new Gauge({
      ...settings,
      collect() {
        this.reset();
        for (const { labels: given = {}, value } of read()) this.set(given, value);
      },
    });
    return;
  }
  new Counter({
    ...settings,
    collect() {
      this.reset();
      for (const { labels: given = {}, value } of read()) this.inc(given, value);
    },
  });
}

/** prom-client's own histogram takes a third of a microsecond for each value; the registry takes any metric of its shape. */
function addHistogram(registry: Registry, { name, help, read }: Extract<MetricSource, { type: "histogram" }>): void {
  const get = () => {
    const values = read().flatMap(({ labels = {}, buckets }) => {
      const below = buckets.cumulated();
      return [
        ...buckets.bounds.map((le, i) => ({
          metricName: `${name}_bucket`,
          labels: { ...labels, le },
          value: below[i],
        })),
        { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: buckets.count },
        { metricName: `${name}_sum`, labels, value: buckets.sum },
        { metricName: `${name}_count`, labels, value: buckets.count },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", values });
  };
  registry.registerMetric({ name, get } as unknown as Metric);
}

export function createMetrics(sources: readonly MetricSource[]): Metrics {
  const registry = new Registry();
  for (const source of sources) {
    if (source.type === "histogram") addHistogram(registry, source);
    else addNumber(registry, source);
  }
  return { contentType: registry.contentType, render: () => registry.metrics() };
}
