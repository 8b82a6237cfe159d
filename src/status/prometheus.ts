/**
 * Renders the metrics in Prometheus' text format, by prom-client. Values are counted elsewhere and read when they are asked
 * for, so that nothing of it lies on the path of a request.
 */
import { Counter, Gauge, type Metric as PrometheusMetric, Registry } from "prom-client";
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

/** prom-client's own histogram takes a third of a microsecond for each value; the registry takes any metric of its shape. */
function addHistogram(registry: Registry, { name, help, read }: HistogramMetric): void {
  const get = () => {
    const values = read().flatMap(({ labels = {}, buckets }) => {
      const below = buckets.cumulative();
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
  registry.registerMetric({ name, get } as unknown as PrometheusMetric);
}

export function createRegistry(metrics: readonly Metric[]): Registry {
  const registry = new Registry();
  for (const metric of metrics) {
    if (metric.type === "histogram") addHistogram(registry, metric);
    else addNumber(registry, metric);
  }
  return registry;
}
