/**
 * What ties the rest of a file to the bytes that are here, where no hash does (RFC 9110, section 13.1.5): the same URL under the
 * same strong ETag. Mirrors of one tree keep the times of its files, so for what else they carry the same size and the same
 * Last-Modified will do, at whichever of them.
 */
import { maskCredentials } from "../lib/url.ts";
import type { UpstreamResponse } from "../upstream/request.ts";
import type { Terms } from "./terms.ts";

export interface Validator {
  /** Without credentials. */
  readonly url: string;
  /** Strong. */
  readonly etag: string | undefined;
  /** As it was sent; only where it may stand for the content. */
  readonly lastModified: string | undefined;
  readonly total: number;
}

/** What is here, and whether it may change under its name. */
export interface Tied {
  readonly validator: Validator | undefined;
  readonly terms: Terms | undefined;
}

/** A file that changed twice in one second has one date for both (RFC 9110, section 8.8.2.2). */
const SETTLED_MS = 60_000;

function settledDate(fields: Headers): string | undefined {
  const lastModified = fields.get("last-modified");
  const ageMs = Date.parse(fields.get("date") ?? "") - Date.parse(lastModified ?? "");
  return lastModified !== null && ageMs >= SETTLED_MS ? lastModified : undefined;
}

/** The If-Range under which that URL may be asked for the rest; undefined where nothing ties it to what is here. */
export function tieTo({ validator, terms }: Tied, url: string): string | undefined {
  if (validator === undefined) return undefined;
  const etag = validator.url === maskCredentials(url) ? validator.etag : undefined;
  return etag ?? (terms ? validator.lastModified : undefined);
}

/** Whether an answer is of the file that the bytes here are of. */
export function isSameFile({ validator, terms }: Tied, url: string, response: UpstreamResponse): boolean {
  if (validator === undefined) return false;
  if (response.etag !== undefined && validator.url === url && response.etag === validator.etag) return true;
  const isOfThatTime = validator.lastModified !== undefined && settledDate(response.fields) === validator.lastModified;
  return terms !== undefined && isOfThatTime && response.total === validator.total;
}

/** What the rest of this answer's file may be asked for under; undefined where nothing will do. */
export function validatorOf({ terms }: Tied, url: string, response: UpstreamResponse): Validator | undefined {
  const { etag, total, fields } = response;
  const lastModified = terms ? settledDate(fields) : undefined;
  return total === undefined || (etag ?? lastModified) === undefined ? undefined : { url, etag, lastModified, total };
}
