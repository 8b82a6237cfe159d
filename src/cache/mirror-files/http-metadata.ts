/**
 * What is kept of a mirror's answer to judge by later (RFC 9111, sections 3 and 4.2.3): pure functions of its header fields.
 */
import type { Freshened } from "../../index/mirror-files.ts";
import { parseCacheControl } from "./cache-control.ts";

/** Milliseconds since the epoch; undefined where it is not there or no date. */
function dateOf(fields: Headers, name: string): number | undefined {
  const at = Date.parse(fields.get(name) ?? "");
  return Number.isNaN(at) ? undefined : at;
}

/**
 * Whether a shared cache may store what came with these. Requests are alike but for the path, so that a Vary by any of their
 * fields changes nothing.
 */
export function isStorable(fields: Headers): boolean {
  const directives = parseCacheControl(fields.get("cache-control"));
  const varies = (fields.get("vary") ?? "").split(",").some((field) => field.trim() === "*");
  return !directives.has("no-store") && !directives.has("private") && !varies;
}

/** @param askedAt when the request was sent @param now when its answer came */
export function freshFields(fields: Headers, askedAt: number, now: number): Omit<Freshened, "etag" | "lastModified"> {
  const dateAt = dateOf(fields, "date") ?? now;
  const age = fields.get("age") ?? "";
  const told = /^\d+$/.test(age) ? 1000 * Number(age) : 0;
  const expires = fields.get("expires");
  return {
    cacheControl: fields.get("cache-control") ?? "",
    expiresAt: expires === null ? null : (dateOf(fields, "expires") ?? 0),
    dateAt,
    answeredAt: now,
    // A mirror's clock that is behind ours makes its files look old: that costs a revalidation, no more.
    initialAgeMs: Math.max(0, now - dateAt, told + Math.max(0, now - askedAt)),
    outdated: false,
  };
}

/** Validators as they have to be given back, byte by byte. */
export function validatorsOf(fields: Headers): Pick<Freshened, "etag" | "lastModified"> {
  return { etag: fields.get("etag"), lastModified: fields.get("last-modified") };
}

/** What a 304 leaves of these: validators that it does not repeat still hold (section 4.3.4). */
export function freshenedBy(
  fields: Headers,
  before: Pick<Freshened, "etag" | "lastModified" | "cacheControl" | "expiresAt">,
  askedAt: number,
  now: number,
): Freshened {
  const { etag, lastModified } = validatorsOf(fields);
  const fresh = freshFields(fields, askedAt, now);
  return {
    ...fresh,
    etag: etag ?? before.etag,
    lastModified: lastModified ?? before.lastModified,
    cacheControl: fields.has("cache-control") ? fresh.cacheControl : before.cacheControl,
    expiresAt: fields.has("expires") ? fresh.expiresAt : before.expiresAt,
  };
}
