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
  if (answer.contentEncoding !== "" && answer.contentEncoding !== "identity") {
    throw new SourceError("bad", `answers with Content-Encoding ${answer.contentEncoding} although none was accepted`);
  }
  // Dying mirrors and captive portals answer everything with a page and status 200.
  if (/^text\/html\b/i.test(answer.contentType) && !/\.x?html?$/i.test(name)) {
    throw new SourceError("failed", "answers with an HTML page");
  }
}
