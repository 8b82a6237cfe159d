/** Tells by which address a client reached this server, from its Host header. */
import { isOwnName } from "./api/guard.ts";

type Asked = Pick<Request, "url" | "headers">;

/** A name or an address with its port (RFC 9110, section 7.2); it becomes a line of a script or of a page. */
const HOST = /^(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** Returns the address as it was asked for; undefined where that is not plain. */
export function askedOrigin({ url, headers }: Asked): string | undefined {
  const host = headers.get("host") ?? "";
  return HOST.test(host) ? `${new URL(url).protocol}//${host}` : undefined;
}

/**
 * Returns the same if no stranger can have pointed the name here: who follows a link must not copy lines that name another server
 * tomorrow.
 */
export function trustedOrigin(request: Asked, hostnames: readonly string[]): string | undefined {
  return isOwnName(request.headers.get("host"), hostnames) ? askedOrigin(request) : undefined;
}
