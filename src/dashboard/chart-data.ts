/**
 * Turns the history from the API into chart data (pure): columns of numbers, totals of a range, and axis labels.
 */
import type { HistoryResponse } from "../api/schemas.ts";
import { formatDay, formatMoment, formatTime, formatWeekday } from "./clock.ts";
import { formatBytes } from "./format.ts";

export interface ChartRange {
  readonly resolution: HistoryResponse["resolution"];
  /** How many the API is asked for. */
  readonly points: number;
  /** Seconds of one bar, which sums up the points in it: a whole number of them. */
  readonly barSeconds: number;
  /** Name of one bar. */
  readonly bar: string;
  /** Name of the whole range. */
  readonly span: string;
}

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const WEEK_SECONDS = 7 * DAY_SECONDS;

/** No range has more bars than a narrow screen can show apart. */
export const RANGES = {
  hour: { span: "last hour", resolution: "minute", points: 60, barSeconds: 60, bar: "Minute" },
  day: { span: "last 24 hours", resolution: "hour", points: 24, barSeconds: HOUR_SECONDS, bar: "Hour" },
  week: { span: "last 7 days", resolution: "hour", points: 168, barSeconds: 6 * HOUR_SECONDS, bar: "6 hours" },
  month: { span: "last 30 days", resolution: "day", points: 30, barSeconds: DAY_SECONDS, bar: "Day" },
  year: { span: "last 365 days", resolution: "day", points: 365, barSeconds: WEEK_SECONDS, bar: "Week" },
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

/** The epoch was a Thursday: what to add so that weeks begin on Monday. */
const MONDAY_SECONDS = 3 * DAY_SECONDS;

/** Returns when the bar that holds a point begins: bars of hours follow the day of the browser's time zone, as their labels do. */
function barStart(atMs: number, barSeconds: number): number {
  const zoneSeconds = barSeconds < DAY_SECONDS ? new Date(atMs).getTimezoneOffset() * -60 : 0;
  const shift = barSeconds === WEEK_SECONDS ? MONDAY_SECONDS : zoneSeconds;
  return (Math.floor((atMs / 1000 + shift) / barSeconds) * barSeconds - shift) * 1000;
}

function sumOf(a: Point, b: Point): Point {
  const sum = (name: Exclude<keyof Point, "at">) => a[name] + b[name];
  return {
    at: a.at,
    requests: sum("requests"),
    hits: sum("hits"),
    misses: sum("misses"),
    joined: sum("joined"),
    absent: sum("absent"),
    failed: sum("failed"),
    refused: sum("refused"),
    bytes_sent: sum("bytes_sent"),
    bytes_saved: sum("bytes_saved"),
    bytes_fetched: sum("bytes_fetched"),
  };
}

/** Sums up the points of each bar; the first and the last bar may hold fewer. */
export function barsOf({ resolution, points }: HistoryResponse, { barSeconds }: ChartRange): HistoryResponse {
  const bars = new Map<number, Point>();
  for (const point of points) {
    const start = barStart(Date.parse(point.at), barSeconds);
    const before = bars.get(start);
    bars.set(start, before ? sumOf(before, point) : { ...point, at: new Date(start).toISOString() });
  }
  return { resolution, points: [...bars.values()] };
}

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

/** Returns the ticks of an axis of bytes, at powers of two so that their labels are round; the last is not below the maximum. */
export function byteTicks(max: number, count = 4): number[] {
  if (max <= 0) return [0];
  const step = 2 ** Math.ceil(Math.log2(Math.max(1, max / count)));
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, i) => i * step);
}

/** `4 MiB` instead of `4.00 MiB`. */
export function formatByteTick(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+(?=\D)/, "");
}

/** Labels the time axis with the time of day, or with the day if the ticks are days apart. */
export function timeLabels(ticks: readonly number[], stepSeconds: number, locale?: string): string[] {
  return ticks.map((at) => (stepSeconds < DAY_SECONDS ? formatTime : formatDay)(at * 1000, locale));
}

/** Names a bar: `Fri, 27 Nov`, `Fri, 27 Nov, 13:05`, or from when to when it goes if it sums up points. */
export function barName(atSeconds: number, { barSeconds, resolution }: ChartRange, locale?: string): string {
  const [at, end] = [atSeconds * 1000, (atSeconds + barSeconds) * 1000];
  if (barSeconds === WEEK_SECONDS) return `${formatDay(at, locale)} – ${formatDay(end - 1000, locale)}`;
  if (resolution === "day") return formatWeekday(at, locale);
  return barSeconds > HOUR_SECONDS
    ? `${formatMoment(at, locale)}–${formatTime(end, locale)}`
    : formatMoment(at, locale);
}
