/**
 * Checks whether a text is a URL, an address, a path or a layout (pure).
 */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { isRepositoryUrl, maskCredentials } from "../lib/url.ts";

/** Length of the hashes that layouts cut into folder names. */
const HASH_BITS = 512;

/** Returns whether it is a base URL to which paths can be appended; a list separated by commas is not. */
export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/i.test(text) || !URL.canParse(text)) return false;
  const { hostname, port } = new URL(text);
  return port !== "0" && /^(?:[a-z0-9._-]+|\[.*\])$/i.test(hostname);
}

const DISTFILES = /\/distfiles\/*$/;

/** Says of mirrors what cannot be meant, one sentence part each: `distfiles` at the end, which is added, and one that is listed twice. */
export function mirrorDoubts(mirrors: readonly string[]): readonly string[] {
  const bases = mirrors.map((mirror) => new URL(mirror).href.replace(/\/+$/, ""));
  return mirrors.flatMap((mirror, i) => {
    const shown = maskCredentials(mirror);
    const first = bases.indexOf(bases[i] ?? "");
    const base = shown.replace(DISTFILES, "");
    return [
      ...(DISTFILES.test(mirror) ? [`expected ${base}, to which distfiles/ is added, got ${shown}`] : []),
      ...(first < i ? [`expected each mirror once, got ${shown} again`] : []),
    ];
  });
}

export function isListenAddress(text: string): boolean {
  return text === "localhost" || isIP(text) !== 0;
}

/** Returns whether it is an address or a range, ADDRESS/BITS. */
export function isCidr(text: string): boolean {
  const parts = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const family = isIP(parts?.[1] ?? "");
  return family !== 0 && Number(parts?.[2] ?? 0) <= (family === 6 ? 128 : 32);
}

/** Returns whether it names a client: `ADDRESS=NAME`. */
export function isClientName(text: string): boolean {
  const equals = text.indexOf("=");
  return (
    equals > 0 &&
    isIP(text.slice(0, equals)) !== 0 &&
    /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u.test(text.slice(equals + 1))
  );
}

export function isPath(text: string): boolean {
  return text !== "" && !text.startsWith("~") && !text.includes("\0");
}

/** Makes a path absolute, from the working directory; an empty one stays empty. */
export function toPath(text: string): string {
  return text === "" ? "" : resolve(text);
}

/** Returns whether `[repo] repos` may name it: a folder, or a URL to sync from. */
export function isRepositorySource(text: string): boolean {
  if (text.startsWith("/")) return isPath(text);
  return isRepositoryUrl(text);
}

/** Returns whether it is a layout in the syntax of GLEP 75, as distfile/layout.ts reads it, which this room may not import. */
export function isLayout(text: string): boolean {
  if (text.trim() === "flat") return true;
  const cutoffs = /^\s*(?:filename|content)-hash\s+(?:BLAKE2B|SHA512)\s+(\d{1,3}(?::\d{1,3})*)\s*$/.exec(text)?.[1];
  const bits = cutoffs?.split(":").map(Number) ?? [];
  if (bits.length === 0 || bits.some((count) => count === 0 || count % 4 !== 0)) return false;
  return bits.reduce((sum, count) => sum + count, 0) <= HASH_BITS;
}
