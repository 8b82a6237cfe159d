/**
 * Describes a metric: its name, help text and labels, and how its values are read when Prometheus asks for them.
 */
import type { Histogram } from "../lib/histogram.ts";

export type Labels = Readonly<Record<string, string>>;

/** One value of a counter or gauge. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: Labels;
  readonly buckets: Histogram;
}

interface MetricInfo {
  /** With its unit, and `_total` where it only grows. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export type NumberMetric = MetricInfo & {
  readonly type: "counter" | "gauge";
  readonly read: () => readonly Sample[];
};

export type HistogramMetric = MetricInfo & {
  readonly type: "histogram";
  readonly read: () => readonly HistogramSample[];
};

export type Metric = NumberMetric | HistogramMetric;

type Read = () => readonly Sample[] | number;

function number(type: NumberMetric["type"]) {
  return (name: string, help: string, read: Read, labels: readonly string[] = []): Metric => ({
    type,
    name,
    help,
    labels,
    read() {
      const values = read();
      return typeof values === "number" ? [{ value: values }] : values;
    },
  });
}

export const counter = number("counter");
export const gauge = number("gauge");

export function histogram(name: string, help: string, read: () => readonly HistogramSample[]): Metric {
  return { type: "histogram", name, help, read };
}

/** Makes one sample for each key of a table, which is the label's value. */
export function samplesOf<T>(
  label: string,
  table: Readonly<Record<string, T>>,
  read: (entry: T) => number,
): readonly Sample[] {
  return Object.entries(table).map(([key, entry]) => ({ labels: { [label]: key }, value: read(entry) }));
}
