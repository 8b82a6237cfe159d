/**
 * Parses and formats sizes and durations: "10GiB", "10G", "1.5 TB", "90s", "20 seconds", "6 months", "0".
 * KiB MiB GiB TiB and K M G T are powers of 1024, as Gentoo writes CCACHE_SIZE; KB MB GB TB powers of 1000, B may be left out.
 * A month has 30 days and a year 365.
 */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  tib: 1024 ** 4,
  gib: 1024 ** 3,
  mib: 1024 ** 2,
  kib: 1024,
  t: 1024 ** 4,
  g: 1024 ** 3,
  m: 1024 ** 2,
  k: 1024,
  tb: 1000 ** 4,
  gb: 1000 ** 3,
  mb: 1000 ** 2,
  kb: 1000,
  b: 1,
  "": 1,
};
const SIZE_NAMES = ["TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB", "KB"] as const;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SHORT_DURATIONS = { d: DAY_MS, h: HOUR_MS, m: MINUTE_MS, s: SECOND_MS, ms: 1 } as const;
/** Each also in the plural. */
const DURATION_WORDS = {
  millisecond: 1,
  sec: SECOND_MS,
  second: SECOND_MS,
  min: MINUTE_MS,
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  year: 365 * DAY_MS,
} as const;

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ...SHORT_DURATIONS,
  w: 7 * DAY_MS,
  y: 365 * DAY_MS,
  ...DURATION_WORDS,
  ...Object.fromEntries(Object.entries(DURATION_WORDS).map(([word, ms]) => [`${word}s`, ms])),
};

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parts = /^(\d{1,20}(?:\.\d{1,20})?)\s{0,20}([a-z]*)$/i.exec(text.trim());
  const unit = parts?.[2]?.toLowerCase() ?? "";
  if (!parts || !Object.hasOwn(units, unit)) return undefined;
  const quantity = Math.round(Number(parts[1]) * (units[unit] ?? 0));
  return Number.isSafeInteger(quantity) ? quantity : undefined;
}

/** Returns bytes; undefined where the text is no size. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZE_UNITS);
}

/** Returns milliseconds; undefined where the text is no duration. Only zero needs no unit; "6M" may mean months or minutes. */
export function parseDuration(text: string): number | undefined {
  if (/M\s*$/.test(text)) return undefined;
  return /^\s*0\s*$/.test(text) ? 0 : parseQuantity(text, DURATION_UNITS);
}

/** Returns the shortest text that parseSize() reads as exactly these bytes. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0";
  let shortest = `${bytes}B`;
  for (const name of SIZE_NAMES) {
    const count = bytes / (SIZE_UNITS[name.toLowerCase()] ?? 1);
    if (Number.isInteger(count) && `${count}${name}`.length < shortest.length) shortest = `${count}${name}`;
  }
  return shortest;
}

/** Returns the size in whole MiB, rounded down, as of a disk. */
export function formatMib(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)}MiB`;
}

/** Returns the text in the largest unit that parseDuration() reads as exactly these milliseconds. */
export function formatDuration(ms: number): string {
  const exact = Object.entries(SHORT_DURATIONS).find(([, length]) => ms % length === 0);
  return ms === 0 || exact === undefined ? String(ms) : `${ms / exact[1]}${exact[0]}`;
}
