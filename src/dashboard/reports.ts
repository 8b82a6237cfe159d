/**
 * The reports of actions, each in a few words (pure).
 */
import { formatBytes, formatCount, formatMilliseconds } from "./format.ts";

export interface CleanReport {
  readonly files: number;
  readonly bytes: number;
}

/** Whatever an action gives: figures, lists, and what else there is. */
export type Report = Readonly<Record<string, unknown>>;

function figureWords([key, value]: readonly [string, unknown]): string[] {
  const name = key.replaceAll("_", " ");
  if (Array.isArray(value)) return value.length === 0 ? [] : [`${formatCount(value.length)}\u00a0${name}`];
  if (typeof value !== "number") return [];
  if (key.endsWith("_ms")) return [`${name.replace(/ ms$/, "")} ${formatMilliseconds(value)}`];
  return [
    key.endsWith("bytes")
      ? `${formatBytes(value)}${name.replace(/ ?bytes$/, "")}`
      : `${formatCount(value)}\u00a0${name}`,
  ];
}

/** Its figures with their names: `214 files, 3.00 GiB, took 1.2 s`. */
export function reportWords(report: object): string {
  const words = Object.entries(report).flatMap(figureWords).join(", ");
  return words === "" ? "done" : words;
}
