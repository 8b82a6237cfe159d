/**
 * Last-Modified as mirrors send it (RFC 9110, section 5.6.7): the preferred form only, as it becomes a file's mtime.
 */

const PREFERRED = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Milliseconds since the epoch; undefined where it is no such date, or one before 1970.
 * @param now what a date in the future is taken for, as section 8.8.2.1 asks
 */
export function parseHttpDate(text: string | null, now: number): number | undefined {
  if (text === null || !PREFERRED.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) || at < 0 ? undefined : Math.min(at, now);
}
