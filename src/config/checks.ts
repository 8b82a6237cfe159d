/**
 * What makes a text a URL, an address, a path, a layout for the configuration (pure).
 */
import { isIP } from "node:net";
import { resolve } from "node:path";

/** Of the hashes that layouts cut into folders. */
const HASH_BITS = 512;

/** A base URL to which paths are added; a list that was separated by commas is none. */
export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/i.test(text) || !URL.canParse(text)) return false;
  return /^(?:[a-z0-9._-]+|\[.*\])$/i.test(new URL(text).hostname);
}

export function isListenAddress(text: string): boolean {
  return text === "localhost" || isIP(text) !== 0;
}

/** An address, or a range of them: ADDRESS/BITS. */
export function isCidr(text: string): boolean {
  const parts = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const family = isIP(parts?.[1] ?? "");
  return family !== 0 && Number(parts?.[2] ?? 0) <= (family === 6 ? 128 : 32);
}

export function isPath(text: string): boolean {
  return text !== "" && !text.startsWith("~") && !text.includes("\0");
}

/** Absolute, from the working directory; nothing stays nothing. */
export function toPath(text: string): string {
  return text === "" ? "" : resolve(text);
}

/** What `[repo] repos` may name: a folder of this machine, or where to sync from. */
export function isRepositorySource(text: string): boolean {
  if (text.startsWith("/")) return isPath(text);
  return isRepositoryUrl(text);
}

export function isRepositoryUrl(text: string): boolean {
  return (
    (/^(?:https?|git|ssh|rsync|file):\/\/\S+$/i.test(text) && URL.canParse(text)) || /^[\w.-]+@[\w.-]+:\S+$/.test(text)
  );
}

/** As GLEP 75 spells layouts; the same texts that distfile/layout.ts reads, which this room may not import. */
export function isLayout(text: string): boolean {
  if (text.trim() === "flat") return true;
  const cutoffs = /^\s*(?:filename|content)-hash\s+(?:BLAKE2B|SHA512)\s+(\d{1,3}(?::\d{1,3})*)\s*$/.exec(text)?.[1];
  const bits = cutoffs?.split(":").map(Number) ?? [];
  if (bits.length === 0 || bits.some((count) => count === 0 || count % 4 !== 0)) return false;
  return bits.reduce((sum, count) => sum + count, 0) <= HASH_BITS;
}
