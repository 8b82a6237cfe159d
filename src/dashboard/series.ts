/**
 * From the server's history to what charts draw (pure): columns of numbers, sums over the range, and the labels of axes.
 */
import type { History } from "../api/schemas.ts";
import { formatBytes } from "./format.ts";

export interface Range {
  readonly resolution: History["resolution"];
  readonly points: number;
  /** How its buckets are called. */
  readonly bucket: string;
  /** How all of it is called. */
  readonly span: string;
}

export const RANGES = {
  hour: { span: "last hour", resolution: "minute", points: 60, bucket: "minute" },
  day: { span: "last 24 hours", resolution: "hour", points: 24, bucket: "hour" },
  week: { span: "last 7 days", resolution: "hour", points: 168, bucket: "hour" },
  month: { span: "last 30 days", resolution: "day", points: 30, bucket: "day" },
  year: { span: "last 365 days", resolution: "day", points: 365, bucket: "day" },
} as const satisfies Readonly<Record<string, Range>>;

export type RangeName = keyof typeof RANGES;

export interface Columns {
  /** Begins of buckets, in seconds since the epoch, as uPlot wants them. */
  readonly at: readonly number[];
  /** Bytes. */
  readonly saved: readonly number[];
  readonly fetched: readonly number[];
  /** Upper edge of the second band: both together. */
  readonly both: readonly number[];
  /** Percent; null where nothing was asked. */
  readonly ratio: readonly (number | null)[];
}

type Point = History["points"][number];

/** Hits and joined of all that got a file, as the server counts it. */
function ratioOf({ hits, joined, misses }: Point): number | null {
  const got = hits + joined + misses;
  return got === 0 ? null : (100 * (hits + joined)) / got;
}

export function columnsOf({ points }: History): Columns {
  return {
    at: points.map(({ at }) => Date.parse(at) / 1000),
    saved: points.map(({ bytes_saved }) => bytes_saved),
    fetched: points.map(({ bytes_fetched }) => bytes_fetched),
    both: points.map(({ bytes_saved, bytes_fetched }) => bytes_saved + bytes_fetched),
    ratio: points.map(ratioOf),
  };
}

export interface Sums {
  readonly saved: number;
  readonly fetched: number;
  readonly requests: number;
  /** 0 to 1, or null where nothing was asked. */
  readonly ratio: number | null;
}

export function sumsOf({ points }: History): Sums {
  const sum = (of: (point: Point) => number) => points.reduce((total, point) => total + of(point), 0);
  const served = sum(({ hits, joined }) => hits + joined);
  const got = served + sum(({ misses }) => misses);
  return {
    saved: sum(({ bytes_saved }) => bytes_saved),
    fetched: sum(({ bytes_fetched }) => bytes_fetched),
    requests: sum(({ requests }) => requests),
    ratio: got === 0 ? null : served / got,
  };
}

/** Steps of an axis of bytes: 1, 2 or 4 times a power of two, so that its labels are round. */
export function byteSteps(most: number, wanted = 4): number[] {
  if (most <= 0) return [0];
  const step = 2 ** Math.ceil(Math.log2(Math.max(1, most / wanted)));
  const steps: number[] = [];
  for (let at = 0; at <= most + step / 2; at += step) steps.push(at);
  return steps;
}

/** `4 MiB` rather than `4.00 MiB`. */
export function formatByteStep(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+(?=\D)/, "");
}

/** Seconds between the begins of two buckets. */
export const BUCKET_SECONDS = { minute: 60, hour: 3600, day: 86_400 } as const satisfies Record<
  Range["resolution"],
  number
>;

/** What stands below the time axis: the time of day, or the day where days apart. */
export function axisLabels(splits: readonly number[], stepSeconds: number, locale?: string): string[] {
  const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  return splits.map((at) => (stepSeconds < BUCKET_SECONDS.day ? time : day).format(at * 1000));
}

/** When a bucket began, in the browser's own time zone. */
export function bucketName(atSeconds: number, { resolution }: Range, locale?: string): string {
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  const format = resolution === "day" ? day : ({ ...day, hour: "2-digit", minute: "2-digit" } as const);
  return new Intl.DateTimeFormat(locale, format).format(atSeconds * 1000);
}
