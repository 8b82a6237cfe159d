/**
 * Requests that come back: what is sent upstream names this store, and a request that names it already is a loop
 * (Via, RFC 9110 section 7.6.3; CDN-Loop, RFC 8586).
 */

export interface LoopGuard {
  /** Whether a request has been through this store. */
  isLoop(headers: Headers): boolean;
  /** What goes upstream on behalf of a request: its own path so far, and this store. */
  headersFor(headers: Headers | undefined): Readonly<Record<string, string>>;
}

/** A chain longer than this is cut at its old end: it is a chain of caches, not a place to carry data. */
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
