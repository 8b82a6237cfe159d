/**
 * What metrics are made from, and short ways to describe them.
 */
import type { ApiState } from "../api/state.ts";
import type { MetricSource, Sample } from "../http/metrics.ts";
import type { Clock } from "../lib/clock.ts";
import type { Account } from "./request-stats.ts";

export interface MetricsParts {
  readonly account: Account;
  readonly state: Pick<ApiState, "status" | "mirrors" | "repositories">;
  /** Open event streams. */
  readonly watchers: () => number;
  readonly memory: () => { readonly files: number; readonly bytes: number };
  /** Path of the index. */
  readonly indexPath: string;
  readonly clock: Clock;
}

type Read = () => readonly Sample[] | number;

function number(type: "counter" | "gauge") {
  return (name: string, help: string, read: Read, labels: readonly string[] = []): MetricSource => ({
    type,
    name: `portcache_${name}`,
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

/** One sample for each key. */
export function by<K extends string>(
  label: string,
  keys: Readonly<Record<K, string>>,
  of: (key: K) => number,
): Sample[] {
  return (Object.keys(keys) as K[]).map((key) => ({ labels: { [label]: keys[key] }, value: of(key) }));
}

export function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(record) as [K, V][];
}
