/**
 * Formats numbers, sizes and spans of time for people.
 */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

const count = new Intl.NumberFormat("en");

/** 1,234,567 */
export function formatCount(value: number): string {
  return count.format(value);
}

/** At least three digits and a unit: "999 B", "1.00 KiB", "12.3 MiB", "123 GiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would be rounded to 1000 or more of one unit is shown in the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** "850 ms", "12.3 s", "4 min 05 s", "3 h 20 min", "2 d 4 h". */
export function formatElapsed(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`;
}

/** The noun that follows a number: "file" after 1, else "files". */
export function noun(value: number, one: string, many = `${one}s`): string {
  return value === 1 ? one : many;
}

/** "1 file", "2 files". */
export function plural(value: number, one: string, many?: string): string {
  return `${formatCount(value)} ${noun(value, one, many)}`;
}
