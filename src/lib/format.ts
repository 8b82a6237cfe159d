/**
 * Formats numbers, sizes, speeds, shares, spans of time and instants for people: the one way of writing them in commands, the log and
 * on the dashboard (pure).
 */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1,234,567 */
export function formatCount(value: number): string {
  return count.format(value);
}

/** At least three digits and a unit: "999 B", "1.00 KiB", "12.3 MiB", "123 GiB". */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // What would be rounded to 1000 or more of one unit is shown in the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** "12.3 MiB/s" */
export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** @param ratio 0 to 1; only exactly 0 and 1 are shown as 0% and 100% */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return "<0.1%";
  if (percent < 100 && percent > 99.9) return ">99.9%";
  const digits = Number.isInteger(percent) || (percent >= 10 && percent < 99) ? 0 : 1;
  return `${percent.toFixed(digits)}%`;
}

/** "<1 ms", "45 ms", "1.3 s", "13 s". */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 1) return "<1 ms";
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / SECOND_MS).toFixed(milliseconds < 9_950 ? 1 : 0)} s`;
}

/** The two largest units: "3 d 4 h", "2 min 5 s", "8 s". */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / SECOND_MS));
  const units = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor((seconds % 86_400) / 3600)],
    ["min", Math.floor((seconds % 3600) / 60)],
    ["s", seconds % 60],
  ] as const;
  const first = units.findIndex(([, amount]) => amount > 0);
  if (first < 0) return "0 s";
  return units
    .slice(first, first + 2)
    .filter(([, amount]) => amount > 0)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join(" ");
}

/** How long something took, however long: "850 ms", "12 s", "4 min 5 s", "3 h 20 min". */
export function formatElapsed(milliseconds: number): string {
  return milliseconds < 59_500 ? formatMilliseconds(milliseconds) : formatDuration(milliseconds);
}

/** "just now", "5 min ago", "3 d ago", or "in 5 min". */
export function formatAgo(instant: string, now: number): string {
  const passed = now - Date.parse(instant);
  const distance = Math.abs(passed);
  if (distance < 5 * SECOND_MS) return "just now";
  const [amount, unit] =
    distance < MINUTE_MS
      ? [distance / SECOND_MS, "s"]
      : distance < HOUR_MS
        ? [distance / MINUTE_MS, "min"]
        : distance < DAY_MS
          ? [distance / HOUR_MS, "h"]
          : [distance / DAY_MS, "d"];
  const text = `${Math.floor(amount)} ${unit}`;
  return passed < 0 ? `in ${text}` : `${text} ago`;
}

/** The noun that follows a number: "file" after 1, else "files". */
export function noun(value: number, one: string, many = `${one}s`): string {
  return value === 1 ? one : many;
}

/** "1 file", "2 files". */
export function plural(value: number, one: string, many?: string): string {
  return `${formatCount(value)} ${noun(value, one, many)}`;
}
