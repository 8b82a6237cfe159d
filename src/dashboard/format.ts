/**
 * Formats as commands do (lib/format.ts), but so that a number and its unit never break apart, and with a dash for what is unknown
 * (pure).
 */
import * as plain from "../lib/format.ts";

/** Characters that nobody sees, or that change the direction of the text around them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu;

/** A name as others made it, with every character visible. */
export function formatName(name: string): string {
  return name.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

const UNKNOWN = "–";

/** The text with no break between a number and what follows it. */
export function unbroken(text: string): string {
  return text.replace(/(?<=\d) (?=[A-Za-z])/g, "\u00a0");
}

export const formatCount = plain.formatCount;

export function formatBytes(bytes: number): string {
  return unbroken(plain.formatBytes(bytes));
}

export function formatSpeed(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? UNKNOWN : unbroken(plain.formatSpeed(bytesPerSecond));
}

/** @param ratio 0 to 1 */
export function formatPercent(ratio: number | null): string {
  return ratio === null ? UNKNOWN : plain.formatPercent(ratio);
}

export function formatMilliseconds(milliseconds: number | null): string {
  return milliseconds === null ? UNKNOWN : unbroken(plain.formatMilliseconds(milliseconds));
}

export function formatDuration(milliseconds: number): string {
  return unbroken(plain.formatDuration(milliseconds));
}

export function formatAgo(instant: string, now: number): string {
  return unbroken(plain.formatAgo(instant, now));
}

export function plural(count: number, one: string, many?: string): string {
  return unbroken(plain.plural(count, one, many));
}
