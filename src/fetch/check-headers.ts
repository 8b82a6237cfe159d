/**
 * Checks by its headers alone whether a response can be the wanted file, before a byte is read (pure).
 */
import type { Digests } from "../distfile/digests.ts";
import { SourceError } from "../distfile/errors.ts";
import { shown } from "../lib/text.ts";

export interface ResponseHeaders {
  readonly total: number | undefined;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/**
 * Content-Encodings that file servers send by a suffix of the name, although they send the file as it is on disk. Apache goes by any
 * suffix, also in `a.tar.gz.asc` (mod_mime).
 */
const SUFFIX_ENCODINGS: readonly (readonly [RegExp, RegExp])[] = [
  [/^(?:x-)?gzip$/, /\.(?:t?gz|taz|tz|svgz|crate)(?:\.|$)/i],
  [/^(?:x-)?compress$/, /\.(?:t?z|taz)(?:\.|$)/i],
  [/^(?:x-)?bzip2$/, /\.t?bz2?(?:\.|$)/i],
  [/^(?:x-)?xz$/, /\.t?xz(?:\.|$)/i],
  [/^(?:x-)?lzma$/, /\.(?:lzma|tlz)(?:\.|$)/i],
  [/^zstd$/, /\.t?zst(?:\.|$)/i],
  [/^br$/, /\.t?br(?:\.|$)/i],
];
/** Content-Encodings that change the bytes; others, such as "none", "binary" or a character set, are mistakes that say nothing. */
const CODINGS = new Set([
  ...["gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"],
  ...["bzip2", "x-bzip2", "xz", "x-xz", "lzma", "x-lzma", "exi", "pack200-gzip", "aes128gcm"],
]);

/** Returns whether the body is another than the file, by its Content-Encoding. */
function isEncoded(name: string, contentEncoding: string): boolean {
  const codings = contentEncoding.split(",").map((coding) => coding.trim().toLowerCase());
  const [coding, ...more] = codings.filter((one) => CODINGS.has(one));
  if (coding === undefined) return false;
  return more.length > 0 || !SUFFIX_ENCODINGS.some(([said, suffix]) => said.test(coding) && suffix.test(name));
}

/** Dying mirrors and captive portals answer everything with a page and status 200. */
function isPage(name: string, contentType: string): boolean {
  return /^text\/html\b/i.test(contentType) && !/\.x?html?$/i.test(name);
}

/**
 * @param expected what the Manifest says; undefined where no package wants the name
 * @param knownTotal size of the file by an earlier response
 * @throws {SourceError} "bad" or "failed"
 */
export function checkHeaders(
  name: string,
  { total, contentType, contentEncoding }: ResponseHeaders,
  expected: Digests | undefined,
  knownTotal: number | undefined,
): void {
  if (expected) {
    // A wrong Content-Encoding on a .gz is common and harmless here: size and hash decide.
    if (total !== undefined && total !== expected.size) {
      const what = `${total} bytes, the Manifest says ${expected.size}`;
      if (isPage(name, contentType)) throw new SourceError("bad", `answers with an HTML page of ${what}`);
      throw new SourceError("bad", `has ${what}`);
    }
    return;
  }
  if (knownTotal !== undefined && total !== undefined && total !== knownTotal) {
    throw new SourceError("failed", `now has ${total} bytes instead of ${knownTotal}`);
  }
  if (isEncoded(name, contentEncoding)) {
    throw new SourceError("bad", `answers with Content-Encoding ${shown(contentEncoding)} although none was accepted`);
  }
  if (isPage(name, contentType)) throw new SourceError("failed", "answers with an HTML page");
}
