/**
 * Text out of other people's files, as it may be shown: one line, of bounded length, without control characters.
 */

/** More than this of one text nobody reads. */
const MOST = 1000;

/** What is longer than 1000 characters ends in … */
export function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * MOST)
    .replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}
