/**
 * Parses the dates of HTTP header fields in the three forms that a recipient has to accept (RFC 9110, section 5.6.7): IMF-fixdate,
 * RFC 850 with two digits of the year, and asctime(). Pure.
 */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** Longer text is no date. */
const MAX_LENGTH = 64;

const IMF =
  /^[a-z]{3,9}, ?(?<day>\d{1,2})[ -](?<month>[a-z]{3})[ -](?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) (?:GMT|UTC|\+0000)$/i;
const RFC_850 = /^[a-z]{3,9}, ?(?<day>\d{1,2})-(?<month>[a-z]{3})-(?<year>\d{2}) (?<time>\d\d:\d\d:\d\d) (?:GMT|UTC)$/i;
const ASCTIME = /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]?\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/i;

/** Two digits mean the year closest to now that is not more than 50 years ahead. */
function fullYear(year: number, now: number): number {
  const current = new Date(now).getUTCFullYear();
  const inCentury = current - (current % 100) + year;
  return inCentury > current + 50 ? inCentury - 100 : inCentury;
}

/**
 * Returns milliseconds since the epoch; undefined where the text is no date.
 * @param now tells the century of a year of two digits
 */
export function parseHttpDate(text: string | null | undefined, now = Date.now()): number | undefined {
  const trimmed = text?.trim() ?? "";
  if (trimmed.length > MAX_LENGTH) return undefined;
  const match = IMF.exec(trimmed) ?? RFC_850.exec(trimmed) ?? ASCTIME.exec(trimmed);
  if (!match) return undefined;
  const { day = "", month = "", year = "", time = "" } = match.groups ?? {};
  const [hours = 0, minutes = 0, seconds = 0] = time.split(":").map(Number);
  const monthIndex = MONTHS.indexOf(month.toLowerCase());
  // A leap second is 60.
  if (monthIndex < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year.length === 2 ? fullYear(Number(year), now) : Number(year), monthIndex, Number(day));
  if (date.getUTCMonth() !== monthIndex || date.getUTCDate() !== Number(day)) return undefined;
  return date.setUTCHours(hours, minutes, seconds);
}

/**
 * Returns Last-Modified in milliseconds; undefined where it is before 1970, or later than the response's Date or than now: the clock
 * of such a mirror is wrong, or the mirror is, and what it says can't be compared with the dates of others (RFC 9110, 8.8.2.1).
 */
export function lastModifiedOf(fields: Headers, now: number): number | undefined {
  const at = parseHttpDate(fields.get("last-modified"), now);
  const sentAt = parseHttpDate(fields.get("date"), now) ?? now;
  return at === undefined || at < 0 || at > Math.min(sentAt, now) ? undefined : at;
}
