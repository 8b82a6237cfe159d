/**
 * Renders the metrics in Prometheus' text format, by prom-client. Values are counted elsewhere and read when they are asked
 * for, so that nothing of it lies on the path of a request.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HistogramMetric, Metric, NumberMetric } from "./metric.ts";

function addNumber(registry: Registry, { type, name, help, labels = [], read }: NumberMetric): void {
  const settings = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === "gauge") {
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

/** A histogram that is counted elsewhere: prom-client's own counting takes a third of a microsecond for each value. */
class CountedHistogram extends Histogram {
  readonly #metric: HistogramMetric;

  constructor(registry: Registry, metric: HistogramMetric) {
    super({ name: metric.name, help: metric.help, registers: [registry] });
    this.#metric = metric;
  }

  /** The registry and get() take the values from here; the types of prom-client do not have it. */
  async getForPromString() {
    const { name, help, read } = this.#metric;
    const values = read().flatMap(({ labels = {}, buckets }) => {
      const below = buckets.cumulative();
      return [
        ...buckets.bounds.map((le, i) => ({
          metricName: `${name}_bucket`,
          labels: { ...labels, le },
          value: below[i] ?? 0,
        })),
        { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: buckets.count },
        { metricName: `${name}_sum`, labels, value: buckets.sum },
        { metricName: `${name}_count`, labels, value: buckets.count },
      ];
    });
    return { name, help, type: "histogram", aggregator: "sum", values };
  }
}

export function createRegistry(metrics: readonly Metric[]): Registry {
  const registry = new Registry();
  for (const metric of metrics) {
    if (metric.type === "histogram") new CountedHistogram(registry, metric);
    else addNumber(registry, metric);
  }
  return registry;
}
