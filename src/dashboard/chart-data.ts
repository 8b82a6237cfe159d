/**
 * Turns the history from the API into chart data (pure): columns of numbers, totals of a range, and axis labels.
 */
import type { HistoryResponse } from "../api/schemas.ts";
import { formatBytes } from "./format.ts";

export interface ChartRange {
  readonly resolution: HistoryResponse["resolution"];
  readonly points: number;
  /** Name of one bucket. */
  readonly bucket: string;
  /** Name of the whole range. */
  readonly span: string;
}

export const RANGES = {
  hour: { span: "last hour", resolution: "minute", points: 60, bucket: "minute" },
  day: { span: "last 24 hours", resolution: "hour", points: 24, bucket: "hour" },
  week: { span: "last 7 days", resolution: "hour", points: 168, bucket: "hour" },
  month: { span: "last 30 days", resolution: "day", points: 30, bucket: "day" },
  year: { span: "last 365 days", resolution: "day", points: 365, bucket: "day" },
} as const satisfies Readonly<Record<string, ChartRange>>;

export type RangeName = keyof typeof RANGES;

/** Series as uPlot takes them, whose types are not readonly. */
export interface Columns {
  /** Starts of buckets in seconds since the epoch, as uPlot expects them. */
  readonly at: number[];
  /** Bytes. */
  readonly saved: number[];
  readonly fetched: number[];
  /** Sum of saved and fetched bytes: the upper edge of the stacked bars. */
  readonly stacked: number[];
  /** Hit ratio in percent; null if no file was sent. */
  readonly hitRatio: (number | null)[];
}

type Point = HistoryResponse["points"][number];

/** Computes it as the API computes `hit_ratio`. */
function hitRatioOf({ hits, joined, misses }: Point): number | null {
  const served = hits + joined + misses;
  return served === 0 ? null : (100 * (hits + joined)) / served;
}

export function columnsOf({ points }: HistoryResponse): Columns {
  return {
    at: points.map(({ at }) => Date.parse(at) / 1000),
    saved: points.map(({ bytes_saved }) => bytes_saved),
    fetched: points.map(({ bytes_fetched }) => bytes_fetched),
    stacked: points.map(({ bytes_saved, bytes_fetched }) => bytes_saved + bytes_fetched),
    hitRatio: points.map(hitRatioOf),
  };
}

export interface ChartTotals {
  readonly saved: number;
  readonly fetched: number;
  readonly requests: number;
  /** 0 to 1; null if no file was sent. */
  readonly hitRatio: number | null;
}

export function chartTotalsOf({ points }: HistoryResponse): ChartTotals {
  const sum = (of: (point: Point) => number) => points.reduce((total, point) => total + of(point), 0);
  const saved = sum(({ hits, joined }) => hits + joined);
  const served = saved + sum(({ misses }) => misses);
  return {
    saved: sum(({ bytes_saved }) => bytes_saved),
    fetched: sum(({ bytes_fetched }) => bytes_fetched),
    requests: sum(({ requests }) => requests),
    hitRatio: served === 0 ? null : saved / served,
  };
}

/** Returns the ticks of an axis of bytes, at powers of two so that their labels are round. */
export function byteTicks(max: number, count = 4): number[] {
  if (max <= 0) return [0];
  const step = 2 ** Math.ceil(Math.log2(Math.max(1, max / count)));
  const ticks: number[] = [];
  for (let at = 0; at <= max + step / 2; at += step) ticks.push(at);
  return ticks;
}

/** `4 MiB` instead of `4.00 MiB`. */
export function formatByteTick(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+(?=\D)/, "");
}

/** Length of a bucket. */
export const BUCKET_SECONDS = { minute: 60, hour: 3600, day: 86_400 } as const satisfies Record<
  ChartRange["resolution"],
  number
>;

/** Labels the time axis with the time of day, or with the day if the ticks are days apart. */
export function timeLabels(ticks: readonly number[], stepSeconds: number, locale?: string): string[] {
  const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  return ticks.map((at) => (stepSeconds < BUCKET_SECONDS.day ? time : day).format(at * 1000));
}

/** Formats the start of a bucket in the browser's time zone. */
export function bucketName(atSeconds: number, { resolution }: ChartRange, locale?: string): string {
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  const format = resolution === "day" ? day : ({ ...day, hour: "2-digit", minute: "2-digit" } as const);
  return new Intl.DateTimeFormat(locale, format).format(atSeconds * 1000);
}
