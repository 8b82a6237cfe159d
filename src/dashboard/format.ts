/**
 * Formats sizes, speeds, percentages, durations and times for people (pure). Numbers and their units never break apart.
 */

const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Characters that nobody sees, or that change the direction of the text around them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu;

/** A name as others made it, with every character visible. */
export function formatName(name: string): string {
  return name.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** Three significant digits: `1.25 GiB`, `12.5 MiB`, `125 KiB`, `12 B`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [Math.max(0, bytes), 0];
  // From here on rounding would give four digits.
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}\u00a0${SIZE_UNITS[unit]}`;
}

export function formatSpeed(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? "–" : `${formatBytes(bytesPerSecond)}/s`;
}

/** @param ratio 0 to 1; only exactly 0 and 1 are shown as 0% and 100% */
export function formatPercent(ratio: number | null): string {
  if (ratio === null) return "–";
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return "<0.1%";
  if (percent < 100 && percent > 99.9) return ">99.9%";
  const digits = Number.isInteger(percent) || (percent >= 10 && percent < 99) ? 0 : 1;
  return `${percent.toFixed(digits)}%`;
}

export function formatMilliseconds(milliseconds: number | null): string {
  if (milliseconds === null) return "–";
  if (milliseconds < 1) return "<1\u00a0ms";
  if (milliseconds < 1000) return `${Math.round(milliseconds)}\u00a0ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)}\u00a0s`;
}

/** The two largest units: `3 d 4 h`, `2 min 5 s`, `8 s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / SECOND_MS));
  const units = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor((seconds % 86_400) / 3600)],
    ["min", Math.floor((seconds % 3600) / 60)],
    ["s", seconds % 60],
  ] as const;
  const first = units.findIndex(([, amount]) => amount > 0);
  if (first < 0) return "0\u00a0s";
  return units
    .slice(first, first + 2)
    .filter(([, amount]) => amount > 0)
    .map(([unit, amount]) => `${amount}\u00a0${unit}`)
    .join(" ");
}

/** `just now`, `5 min ago`, `3 d ago`, or `in 5 min`. */
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
  const text = `${Math.floor(amount)}\u00a0${unit}`;
  return passed < 0 ? `in ${text}` : `${text} ago`;
}

/** `1 file`, `2 files`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)}\u00a0${count === 1 ? one : many}`;
}
