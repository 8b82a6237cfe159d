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

/** Control characters, C1 ones too, line and paragraph separators, and what turns the direction of writing (UAX 9). */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Whether there is nothing in it but what ASCII shows. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** The text with what is not seen but does something shown by its number: `\x1b`, `\u{202e}`; or as JSON escapes it. */
export function visible(text: string, form: "\\x" | "\\u" = "\\x"): string {
  // The common case, at a tenth of what a regular expression takes (measured): there is a line for every request.
  if (isPlain(text)) return text;
  return text.replace(UNSEEN, (char) => {
    const hex = char.charCodeAt(0).toString(16);
    if (form === "\\u") return `\\u${hex.padStart(4, "0")}`;
    return hex.length > 2 ? `\\u{${hex}}` : `\\x${hex.padStart(2, "0")}`;
  });
}
