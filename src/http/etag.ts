/**
 * The strong validator of a distfile: made from its BLAKE2B alone, so it is the same while the file comes in, when it
 * is stored, and after the index was rebuilt (RFC 9110, section 8.8.3).
 */

/** 128 bits tell any two distfiles apart. */
const DIGITS = 32;

/** Undefined where the BLAKE2B is not known yet. */
export function etagOf(blake2b: string | undefined): string | undefined {
  return blake2b === undefined ? undefined : `"${blake2b.slice(0, DIGITS)}"`;
}
