/**
 * Text out of other people's files, as it may be shown: one line, of bounded length, without control characters.
 */

/** @param most characters; what is longer ends in … */
export function oneLine(text: string, most: number): string {
  const line = text
    .slice(0, 4 * most)
    .replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
