/**
 * Parses what is known of an ebuild before it is sourced: the EAPI from its text (PMS 7.3.1), and the parts of its name and
 * version (PMS 3.1.2, 3.2). Pure.
 */
import { MAX_NAME_BYTES } from "../../distfile/name.ts";

const BLANK_OR_COMMENT = /^[ \t]*(?:#.*)?$/;
const ASSIGNMENT = /^[ \t]*EAPI=(['"]?)([A-Za-z0-9+_.-]*)\1[ \t]*(?:[ \t]#.*)?$/;

/** Returns the EAPI from the first line that is neither blank nor a comment; "0" where that assigns none. */
export function readEapi(text: string): string {
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const line = text.slice(start, newline === -1 ? undefined : newline);
    if (!BLANK_OR_COMMENT.test(line)) return ASSIGNMENT.exec(line)?.[2] || "0";
    if (newline === -1) break;
    start = newline + 1;
  }
  return "0";
}

/** Returns whether PMS defines the EAPI, and ebuild-env.bash implements it. */
export function isKnownEapi(eapi: string): boolean {
  return /^[0-9]$/.test(eapi);
}

export interface EbuildName {
  /** Package name. */
  readonly pn: string;
  /** Version without revision. */
  readonly pv: string;
  /** Revision; "r0" where the name has none. */
  readonly pr: string;
}

const NAME = /^([A-Za-z0-9_][A-Za-z0-9+_-]*)-(\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)\d*)*)(?:-(r\d+))?$/;

/**
 * Splits package name, version and revision, as in the ebuild's file name.
 * @returns undefined where `pf` is not a valid one
 */
export function splitPf(pf: string): EbuildName | undefined {
  const [, pn, pv, pr = "r0"] = (pf.length <= MAX_NAME_BYTES && NAME.exec(pf)) || [];
  return pn === undefined || pv === undefined ? undefined : { pn, pv, pr };
}
