/**
 * Declares a group's results and formats them for people: figures of portcache beside those of a peer, round by round, and the
 * goal.
 */
import { median, type Ratio, ratioOf } from "./statistics.ts";

/** A bound on the ratio to the peer, or on the figure itself if there is no peer. */
export interface Goal {
  readonly kind: "at least" | "at most";
  readonly value: number;
}

export interface Measurement {
  /** What was measured, such as "4 KiB, 64 connections". */
  readonly what: string;
  /** Unit of the figures: "requests/s", "GiB/s", "ms", "MiB", … */
  readonly unit: string;
  /** Our figures by round, measured in turn with the peer's. */
  readonly ours: readonly number[];
  /** The peer's figures; empty if there is no peer. */
  readonly theirs: readonly number[];
  /** Name of the peer, such as "nginx, one worker". */
  readonly peer: string;
  readonly goal?: Goal;
  readonly note?: string;
}

/** A measurement as it is kept in JSON. */
export interface Result extends Measurement {
  readonly group: string;
  /** Time of the measurement, ISO 8601. */
  readonly at: string;
  /** Load average when the group started: other work makes all figures worse, ratios less so. */
  readonly load: number;
  readonly ratio?: Ratio;
  /** Whether the goal is reached, by the ratio of medians; undefined if there is no goal. */
  readonly reached?: boolean;
}

export function toResult(measurement: Measurement, group: string, at: string, load: number): Result {
  const { ours, theirs, goal } = measurement;
  const ratio = theirs.length > 0 ? ratioOf(ours, theirs) : undefined;
  const figure = ratio?.median ?? median(ours);
  const reached = goal && (goal.kind === "at least" ? figure >= goal.value : figure <= goal.value);
  return {
    group,
    at,
    load,
    ...measurement,
    ...(ratio ? { ratio } : {}),
    ...(reached === undefined ? {} : { reached }),
  };
}

/** Formats a number with three significant digits. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return digits > 3 ? value.toPrecision(2) : value.toFixed(digits);
}

/** Formats one line for a terminal. */
export function resultLine({ what, unit, ours, theirs, peer, ratio, goal, reached, note }: Result): string {
  const parts = [`  ${what}: ${figure(median(ours))} ${unit}`];
  if (ratio) {
    parts.push(`, ${peer} ${figure(median(theirs))}`);
    parts.push(`, ratio ${figure(ratio.median)} (${figure(ratio.min)} to ${figure(ratio.max)})`);
  }
  if (goal) parts.push(`, ${reached ? "reaches" : "MISSES"} ${goal.kind} ${goal.value}`);
  if (note !== undefined) parts.push(` [${note}]`);
  return parts.join("");
}

function goalText({ goal, reached, ratio, unit }: Result): string {
  if (!goal) return "";
  return `${goal.kind === "at least" ? "≥" : "≤"} ${Number(goal.value.toFixed(2))}${ratio ? "" : ` ${unit}`}${reached ? "" : " **missed**"}`;
}

/** Formats the table of docs/benchmarks.md. */
export function resultTable(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const { group, what, unit, ours, theirs, peer, ratio } = result;
    const other = ratio ? `${figure(median(theirs))} (${peer})` : "";
    const ratioText = ratio ? `${figure(ratio.median)} (${figure(ratio.min)}–${figure(ratio.max)})` : "";
    return `| ${group} | ${what}, ${unit} | ${figure(median(ours))} | ${other} | ${ratioText} | ${goalText(result)} |`;
  });
  const header = "| Group | What | portcache | Peer | Ratio (min–max) | Goal |\n|---|---|---|---|---|---|";
  return `${header}\n${rows.join("\n")}`;
}
