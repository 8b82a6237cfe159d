/**
 * Formats points in time for people (pure), all in one way: a clock of 24 hours in the browser's time zone, and days in its language.
 */

const DAY = { day: "numeric", month: "short" } as const;
const WEEKDAY = { weekday: "short", ...DAY } as const;
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** `13:05` */
export function formatTime(at: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, TIME).format(at);
}

/** `27 Nov` */
export function formatDay(at: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, DAY).format(at);
}

/** `Fri, 27 Nov` */
export function formatWeekday(at: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, WEEKDAY).format(at);
}

/** `Fri, 27 Nov, 13:05` */
export function formatMoment(at: number, locale?: string): string {
  return `${formatWeekday(at, locale)}, ${formatTime(at, locale)}`;
}
