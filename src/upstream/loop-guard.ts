/**
 * Detects requests that loop: each request upstream names this store in Via (RFC 9110, section 7.6.3) and CDN-Loop (RFC 8586), and
 * a request that names it already has been here before.
 */

export interface LoopGuard {
  /** Returns whether the request has passed through this store. */
  isLoop(headers: Headers): boolean;
  /** Returns the loop headers of upstream requests on behalf of a request: the portcaches that it came through, and this store. */
  headersFor(headers: Headers | undefined): Readonly<Record<string, string>>;
}

/** A longer chain loses its oldest entries, so that clients cannot make upstream requests of any size. */
export const MAX_CHAIN = 64;

/** The name of a portcache's store. Names of other proxies are not passed on: a mirror refuses a request that names its own. */
const STORE = /^portcache-[0-9a-f]{1,32}$/;
const PREFIX = "portcache-";

/** That many portcaches, and other proxies between them, have room in it. */
const MAX_CHAIN_CHARACTERS = 4 * 1024;

/**
 * Returns the names in a header field, without versions, comments and parameters; none where no name contains `part`, as in most
 * requests: a field of nothing but commas has thousands.
 */
function namesIn(header: string | null | undefined, column: number, part: string): readonly string[] {
  if (!header?.includes(part)) return [];
  const entries = header.slice(-MAX_CHAIN_CHARACTERS).split(",");
  return entries.map((entry) => entry.trim().split(/[\s;]+/, column + 1)[column] ?? "");
}

export function createLoopGuard(id: string): LoopGuard {
  const inVia = (headers: Headers | undefined, part: string) => namesIn(headers?.get("via"), 1, part);
  const inLoop = (headers: Headers | undefined, part: string) => namesIn(headers?.get("cdn-loop"), 0, part);

  const chain = (names: readonly string[]) => [...names.filter((name) => STORE.test(name)).slice(-MAX_CHAIN), id];

  return {
    isLoop: (headers) => inVia(headers, id).includes(id) || inLoop(headers, id).includes(id),
    headersFor: (headers) => ({
      via: chain(inVia(headers, PREFIX))
        .map((name) => `1.1 ${name}`)
        .join(", "),
      "cdn-loop": chain(inLoop(headers, PREFIX)).join(", "),
    }),
  };
}
