/**
 * Makes the metadata that is kept of a mirror's response (RFC 9111, sections 3 and 4.2.3): pure functions of its header fields.
 */
import type { HttpMetadata } from "../../index/files.ts";
import { lastModifiedOf, parseHttpDate } from "../../lib/http-date.ts";
import { MAX_SECONDS, parseCacheControl } from "./freshness.ts";

/**
 * Returns whether a shared cache may store what came with these. Requests are alike but for the path, so that a Vary by any of their
 * fields changes nothing.
 */
export function isStorable(fields: Headers): boolean {
  const directives = parseCacheControl(fields.get("cache-control"));
  const varies = (fields.get("vary") ?? "").split(",").some((field) => field.trim() === "*");
  return !directives.has("no-store") && !directives.has("private") && !varies;
}

/** @param askedAt when the request was sent @param now when its response came */
export function metadataOf(fields: Headers, askedAt: number, now: number): HttpMetadata {
  const dateAt = parseHttpDate(fields.get("date"), now) ?? now;
  const age = fields.get("age") ?? "";
  const ageMs = /^\d+$/.test(age) ? 1000 * Math.min(Number(age), MAX_SECONDS) : 0;
  const expires = fields.get("expires");
  return {
    // Validators as they have to be given back, byte by byte.
    etag: fields.get("etag"),
    lastModified: lastModifiedOf(fields, now) === undefined ? null : fields.get("last-modified"),
    cacheControl: fields.get("cache-control") ?? "",
    expiresAt: expires === null ? null : (parseHttpDate(expires, now) ?? 0),
    dateAt,
    answeredAt: now,
    // A mirror's clock that is behind ours makes its files look old: that costs a revalidation, no more.
    initialAgeMs: Math.max(0, now - dateAt, ageMs + Math.max(0, now - askedAt)),
    outdated: false,
  };
}

/**
 * Returns the time of the last change, as far as it may be compared with what other mirrors say; undefined also for one that was
 * later than its response, as an earlier version kept them.
 */
export function modifiedAt({
  lastModified,
  dateAt,
  answeredAt,
}: Pick<HttpMetadata, "lastModified" | "dateAt" | "answeredAt">): number | undefined {
  const at = parseHttpDate(lastModified, answeredAt);
  return at === undefined || at > Math.min(dateAt, answeredAt) ? undefined : at;
}

/** Returns what a 304 leaves of the metadata: validators that it does not repeat still hold (section 4.3.4). */
export function freshenedBy(fields: Headers, before: HttpMetadata, askedAt: number, now: number): HttpMetadata {
  const after = metadataOf(fields, askedAt, now);
  return {
    ...after,
    etag: after.etag ?? before.etag,
    lastModified: after.lastModified ?? (modifiedAt(before) === undefined ? null : before.lastModified),
    cacheControl: fields.has("cache-control") ? after.cacheControl : before.cacheControl,
    expiresAt: fields.has("expires") ? after.expiresAt : before.expiresAt,
  };
}

/** Returns what is known of a file found on disk: its mtime is upstream's time of the last change, as far as nobody set it. */
export function metadataOfFound(modifiedAt: number, now: number): HttpMetadata {
  return {
    etag: null,
    lastModified: new Date(modifiedAt).toUTCString(),
    cacheControl: "",
    expiresAt: null,
    dateAt: modifiedAt,
    answeredAt: now,
    initialAgeMs: 0,
    outdated: true,
  };
}
