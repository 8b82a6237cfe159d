/**
 * Parses and formats hours of the day, such as "08:00-23:00" or over midnight "22:00-06:00", and tells whether a time is within
 * (pure).
 */

/** In minutes since midnight, local time; `end` is the first minute after, and lies before `start` where midnight is between. */
export interface DayHours {
  readonly start: number;
  readonly end: number;
}

const DAY_MINUTES = 24 * 60;

function minutesOf(hours: string, minutes: string): number | undefined {
  const sum = 60 * Number(hours) + Number(minutes);
  return Number(minutes) < 60 && sum <= DAY_MINUTES ? sum : undefined;
}

/** Returns undefined where the text is no such thing. Hours that end when they begin could mean all or nothing: they are neither. */
export function parseDayHours(text: string): DayHours | undefined {
  const parts = /^\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*$/.exec(text);
  const [, startHours = "", startMinutes = "", endHours = "", endMinutes = ""] = parts ?? [];
  const start = minutesOf(startHours, startMinutes);
  const end = minutesOf(endHours, endMinutes);
  if (!parts || start === undefined || end === undefined || start === DAY_MINUTES || start === end) return undefined;
  return { start, end };
}

/** Returns whether the time of day, on the clock of this machine, is within. */
export function includesTime({ start, end }: DayHours, at: Date): boolean {
  const minute = 60 * at.getHours() + at.getMinutes();
  return start < end ? start <= minute && minute < end : start <= minute || minute < end;
}

function clockTime(minutes: number): string {
  const two = (count: number) => String(count).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function formatDayHours({ start, end }: DayHours): string {
  return `${clockTime(start)}-${clockTime(end)}`;
}
