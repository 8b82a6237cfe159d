/**
 * Decides whether the bytes here may be continued where no hash is expected (RFC 9110, section 13.1.5): under the same strong ETag
 * at the same URL. Mirrors of one tree keep the modification times of its files, so for mirror files the same size and
 * Last-Modified will do, at any mirror.
 */
import type { ComputedDigests, HashAlgorithm } from "../distfile/digests.ts";
import type { NotModifiedError } from "../distfile/errors.ts";
import type { Source } from "../distfile/source.ts";
import { lastModifiedOf, parseHttpDate } from "../lib/http-date.ts";
import { maskCredentials } from "../lib/url.ts";
import type { UpstreamResponse } from "../upstream/request.ts";

export interface Validator {
  /** Without credentials. */
  readonly url: string;
  /** Strong. */
  readonly etag: string | undefined;
  /** As it was sent; only where it may stand for the content. */
  readonly lastModified: string | undefined;
  readonly total: number;
}

/** How a file that may change under its name is revalidated and stored (RFC 9111). */
export interface Revalidation {
  /** Returns the conditional header fields of a request to this source; it may answer 304 where there are any. */
  conditionalHeaders(source: Source): Readonly<Record<string, string>>;
  /** @throws {SourceError} when the response is not acceptable, such as an older file than the stored one */
  checkResponse(source: Source, response: UpstreamResponse): void;
  /** Whether all mirrors have the same file under this name, as far as anybody can tell. */
  readonly sameAtAllMirrors: boolean;
  /** Resolves with what is wrong with the complete file, in words; undefined where nothing is known against it. */
  checkDigest(file: CompleteFile): Promise<string | undefined>;
  /** Returns whether a response with these header fields may be stored. */
  isStorable(fields: Headers): boolean;
  /** Called when a source confirmed that the stored file is the current one. */
  confirmed(response: NotModifiedError): void;
}

/** A file of which all bytes are here, but no client has the last of them. */
export interface CompleteFile {
  readonly computed: ComputedDigests;
  /** URL of the newest bytes, without credentials. */
  readonly url: string;
  /** Resolves with undefined where the file can't be read again. */
  digestBy(algorithm: HashAlgorithm): Promise<string | undefined>;
}

interface ResumeState {
  readonly validator: Validator | undefined;
  readonly revalidation: Revalidation | undefined;
}

/** A Last-Modified this long before the response is a strong validator (RFC 9110, section 8.8.2.2). */
const STRONG_AFTER_MS = 60_000;

function strongDate(fields: Headers): string | undefined {
  const ageMs = (parseHttpDate(fields.get("date")) ?? Number.NaN) - (lastModifiedOf(fields, Date.now()) ?? Number.NaN);
  return ageMs >= STRONG_AFTER_MS ? (fields.get("last-modified") ?? undefined) : undefined;
}

/** Returns the If-Range under which that URL may be asked for the rest; undefined where it can't be resumed there. */
export function ifRangeFor({ validator, revalidation }: ResumeState, url: string): string | undefined {
  if (validator === undefined) return undefined;
  const etag = validator.url === maskCredentials(url) ? validator.etag : undefined;
  return etag ?? (revalidation ? validator.lastModified : undefined);
}

/** Returns whether a response is of the file whose bytes are here. */
export function isSameFile({ validator, revalidation }: ResumeState, url: string, response: UpstreamResponse): boolean {
  if (validator === undefined) return false;
  if (response.etag !== undefined && validator.url === url && response.etag === validator.etag) return true;
  const hasSameDate = validator.lastModified !== undefined && strongDate(response.fields) === validator.lastModified;
  return revalidation !== undefined && hasSameDate && response.total === validator.total;
}

/** Returns what the rest of this response's file may be requested under; undefined where it has no usable validator. */
export function validatorOf(
  { revalidation }: ResumeState,
  url: string,
  { etag, total, fields }: UpstreamResponse,
): Validator | undefined {
  const lastModified = revalidation ? strongDate(fields) : undefined;
  return total === undefined || (etag ?? lastModified) === undefined ? undefined : { url, etag, lastModified, total };
}
