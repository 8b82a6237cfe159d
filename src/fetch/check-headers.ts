/**
 * Whether an answer can be the file that is wanted, judged by its headers alone, before a byte is read (pure).
 */
import type { Digests } from "../distfile/digests.ts";
import { SourceError } from "../distfile/errors.ts";

export interface Answer {
  readonly total: number | undefined;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/** By the name's suffix, as servers of files tell it although the file is sent as it lies there. */
const PACKINGS: readonly (readonly [RegExp, RegExp])[] = [
  [/^(?:x-)?gzip$/i, /\.t?gz$/],
  [/^(?:x-)?bzip2$/i, /\.t?bz2$/],
  [/^(?:x-)?xz$/i, /\.t?xz$/],
];

/** Of what else than distfiles a mirror has: no tree will ever tell whether it is the file. */
function isOwnPacking(name: string, encoding: string): boolean {
  return name.includes("/") && PACKINGS.some(([said, suffix]) => said.test(encoding) && suffix.test(name));
}

/**
 * @param expected what a Manifest says, undefined where no tree knows the name
 * @param knownTotal size that an earlier answer for the same bytes gave
 * @throws {SourceError} "bad" or "failed"
 */
export function vet(name: string, answer: Answer, expected: Digests | undefined, knownTotal: number | undefined): void {
  if (expected) {
    // A wrong Content-Encoding on a .gz is common and harmless here: size and hash decide.
    if (answer.total !== undefined && answer.total !== expected.size) {
      throw new SourceError("bad", `has ${answer.total} bytes, the Manifest says ${expected.size}`);
    }
    return;
  }
  if (knownTotal !== undefined && answer.total !== undefined && answer.total !== knownTotal) {
    throw new SourceError("failed", `now has ${answer.total} bytes instead of ${knownTotal}`);
  }
  if (!["", "identity"].includes(answer.contentEncoding) && !isOwnPacking(name, answer.contentEncoding)) {
    throw new SourceError("bad", `answers with Content-Encoding ${answer.contentEncoding} although none was accepted`);
  }
  // Dying mirrors and captive portals answer everything with a page and status 200.
  if (/^text\/html\b/i.test(answer.contentType) && !/\.x?html?$/i.test(name)) {
    throw new SourceError("failed", "answers with an HTML page");
  }
}
