/**
 * Checks names of distfiles: one path component, as PMS (SRC_URI, section 7.3.2) and Manifest DIST lines use it. Portage
 * percent-quotes it in URLs; a name itself may contain percent signs (`%2F` in Go modules), so a URL has to be decoded exactly
 * once before.
 */

declare const distfileName: unique symbol;

/** A checked name: safe as one component of a path below the store. */
export type DistfileName = string & { readonly [distfileName]: true };

/** NAME_MAX of every file system Gentoo runs on, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const FORBIDDEN = /[/\u0000-\u001f\u007f-\u009f]/;

function isDistfileName(text: string): text is DistfileName {
  if (text === "" || text === "." || text === "..") return false;
  return !FORBIDDEN.test(text) && text.isWellFormed() && Buffer.byteLength(text) <= MAX_NAME_BYTES;
}

/** Returns the name, or undefined where the text cannot name a file (empty, `.`, `..`, `/`, control characters, too long). */
export function parseDistfileName(text: string): DistfileName | undefined {
  return isDistfileName(text) ? text : undefined;
}
