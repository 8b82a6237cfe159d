/**
 * Detects requests that loop: each request upstream names this store in Via (RFC 9110, section 7.6.3) and CDN-Loop (RFC 8586), and
 * a request that names it already has been here before.
 */

export interface LoopGuard {
  /** Returns whether the request has passed through this store. */
  isLoop(headers: Headers): boolean;
  /** Returns the loop headers of upstream requests on behalf of a request: its own, extended by this store. */
  headersFor(headers: Headers | undefined): Readonly<Record<string, string>>;
}

/** A longer chain loses its oldest entries, so that clients cannot make upstream requests of any size. */
const MAX_LENGTH = 2000;

export function createLoopGuard(id: string): LoopGuard {
  const hasId = (header: string | null, column: number) =>
    header?.split(",").some((entry) => entry.trim().split(/[\s;]+/)[column] === id) ?? false;

  function extended(before: string | null | undefined, own: string): string {
    return before ? `${before.slice(-MAX_LENGTH)}, ${own}` : own;
  }

  return {
    isLoop: (headers) => hasId(headers.get("via"), 1) || hasId(headers.get("cdn-loop"), 0),
    headersFor: (headers) => ({
      via: extended(headers?.get("via"), `1.1 ${id}`),
      "cdn-loop": extended(headers?.get("cdn-loop"), id),
    }),
  };
}
