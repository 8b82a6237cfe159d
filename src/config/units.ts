/**
 * Parses and formats sizes and durations: "10GiB", "1.5 TB", "90s", "180d", "0".
 * KiB MiB GiB TiB are powers of 1024, KB MB GB TB powers of 1000, B may be left out; ms s m h d are exact.
 */

const SIZE_UNITS = {
  tib: 1024 ** 4,
  gib: 1024 ** 3,
  mib: 1024 ** 2,
  kib: 1024,
  tb: 1000 ** 4,
  gb: 1000 ** 3,
  mb: 1000 ** 2,
  kb: 1000,
  b: 1,
  "": 1,
} as const;
const SIZE_NAMES = { tib: "TiB", gib: "GiB", mib: "MiB", kib: "KiB", tb: "TB", gb: "GB", mb: "MB", kb: "KB" } as const;
const DURATION_UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = parts?.[2]?.toLowerCase() ?? "";
  if (!parts || !Object.hasOwn(units, unit)) return undefined;
  const quantity = Math.round(Number(parts[1]) * (units[unit] ?? 0));
  return Number.isSafeInteger(quantity) ? quantity : undefined;
}

/** Returns bytes; undefined where the text is no size. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZE_UNITS);
}

/** Returns milliseconds; undefined where the text is no duration. Only zero needs no unit. */
export function parseDuration(text: string): number | undefined {
  return /^\s*0\s*$/.test(text) ? 0 : parseQuantity(text, DURATION_UNITS);
}

/** Returns the shortest text that parseSize() reads as exactly these bytes. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0";
  let shortest = `${bytes}B`;
  for (const [unit, name] of Object.entries(SIZE_NAMES)) {
    const count = bytes / SIZE_UNITS[unit as keyof typeof SIZE_NAMES];
    if (Number.isInteger(count) && `${count}${name}`.length < shortest.length) shortest = `${count}${name}`;
  }
  return shortest;
}

/** Returns the text in the largest unit that parseDuration() reads as exactly these milliseconds. */
export function formatDuration(ms: number): string {
  const exact = Object.entries(DURATION_UNITS).find(([, length]) => ms % length === 0);
  return ms === 0 || exact === undefined ? String(ms) : `${ms / exact[1]}${exact[0]}`;
}
