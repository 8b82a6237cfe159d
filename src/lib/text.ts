/**
 * Makes text that others sent safe to show to people: of bounded length, with every character visible.
 */

/** A longer line of a text file is passed over, or invalid: no parser reads more of it. */
export const MAX_LINE_CHARACTERS = 64 * 1024;

/** Text that others sent is cut after this many characters wherever a person reads it. */
export const MAX_SHOWN = 200;

/**
 * Characters that nobody sees, and characters that act on a terminal or on the text around them: control and format characters
 * (directions, zero width), separators of lines, halves of surrogate pairs, and what fonts leave out (UAX 9, UAX 44).
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu;

/** Returns whether the text is printable ASCII. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function escapeAsJson(char: string): string {
  let escaped = "";
  for (let i = 0; i < char.length; i++) escaped += `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}

/** Returns the text with invisible characters escaped: as `\x1b`, `\u{202e}`, or as in JSON. */
export function visible(text: string, form: "\\x" | "\\u" = "\\x"): string {
  // The common case takes a tenth of the time of the regular expression (measured): every request writes a line.
  if (isPlain(text)) return text;
  return text.replace(INVISIBLE, (char) => {
    if (form === "\\u") return escapeAsJson(char);
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    return hex.length > 2 ? `\\u{${hex}}` : `\\x${hex.padStart(2, "0")}`;
  });
}

/** Returns the text, cut after that many characters. */
export function cut(text: string, most: number): string {
  // A slice would keep all of the text in memory, and what is shown is remembered in many places.
  return text.length > most ? `${Buffer.from(text.slice(0, most)).toString()}…` : text;
}

/** Returns text that others sent as people may read it: cut after 200 characters, with invisible ones escaped. */
export function shown(text: string): string {
  return visible(cut(text, MAX_SHOWN));
}

/** Returns the text with a blank for each run of white space, so that text of several lines fits on one. */
export function unwrapped(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

/** Returns the text without the characters at its end that `isEnd` accepts, in linear time (`/x+$/` takes quadratic). */
export function withoutTrailing(text: string, char: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === char) end--;
  return text.slice(0, end);
}

/** Returns the words of a text, which white space separates. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
