/**
 * Decides whether a request may read the API or run an action (pure). Actions need the store's Unix socket, whose file mode
 * controls access, or the token. Pages of other origins can neither run actions (CSRF) nor read the API (DNS rebinding).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { cut, MAX_SHOWN } from "../../lib/text.ts";

/** The error response to a request that is refused. */
export interface Refusal {
  readonly status: 401 | 403 | 415 | 421;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a token was given, and was wrong. */
  readonly isGuess?: boolean;
}

export interface GuardSettings {
  /** `[server] admin_token`; empty: no actions over TCP. */
  readonly token: string;
  /** `[server] hostnames` and the name of this machine. */
  readonly hostnames: readonly string[];
}

/** Suffixes that nobody can register (RFC 6761, 6762, 8375; ICANN's .internal), or that LANs use by convention. */
const LOCAL_SUFFIXES = [
  ".localhost",
  ".local",
  ".internal",
  ".home.arpa",
  ".lan",
  ".localdomain",
  ".home",
  ".intranet",
];

/** Returns the name in a Host header without port and brackets, in lower case. */
function nameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1).replace(/\](:\d*)?$/, "") : host.replace(/:\d*$/, "");
  return name.toLowerCase().replace(/\.$/, "");
}

/**
 * Returns whether a Host header is safe from DNS rebinding: an attacker can point a public name at this server, but not an
 * address, a name without a dot, or a local one.
 */
export function isOwnName(host: string | null, hostnames: readonly string[]): boolean {
  // Browsers always send Host.
  if (host === null) return true;
  const name = nameOf(host);
  if (isIP(name) !== 0 || !name.includes(".")) return true;
  return LOCAL_SUFFIXES.some((suffix) => name.endsWith(suffix)) || hostnames.some((own) => own.toLowerCase() === name);
}

function unknownName(host: string | null): Refusal {
  const detail = `The host name ${JSON.stringify(cut(host ?? "", MAX_SHOWN))} is not configured. If it belongs to this server, add it to [server] hostnames.`;
  return { status: 421, detail };
}

/** @returns undefined if the request may read the API */
export function refuseRead(headers: Headers, { hostnames }: Pick<GuardSettings, "hostnames">): Refusal | undefined {
  const host = headers.get("host");
  return isOwnName(host, hostnames) ? undefined : unknownName(host);
}

/** Returns whether the request comes from the dashboard, or from no page at all. */
function isSameOrigin(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = headers.get("origin");
  if (origin === null) return true;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  const host = headers.get("host");
  if (!url || host === null || !/^https?:$/.test(url.protocol)) return false;
  // The URL parser removes default ports.
  return URL.canParse(`${url.protocol}//${host}`) && new URL(`${url.protocol}//${host}`).host === url.host;
}

/** Compares hashes, so that the time taken reveals neither length nor content. */
function isToken(given: string, token: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

function refuseToken(headers: Headers, token: string): Refusal | undefined {
  if (token === "") {
    const detail =
      "Actions over TCP are disabled: set [server] admin_token, or run the portcache command on the server.";
    return { status: 403, detail };
  }
  const given = /^bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isToken(given, token)) return undefined;
  const detail =
    given === undefined
      ? "Actions need the header `Authorization: Bearer TOKEN` with the token in [server] admin_token."
      : "Wrong token: it differs from [server] admin_token.";
  return {
    status: 401,
    detail,
    headers: { "www-authenticate": 'Bearer realm="portcache"' },
    ...(given === undefined ? {} : { isGuess: true }),
  };
}

function refuseOrigin(headers: Headers, settings: GuardSettings): Refusal | undefined {
  const refusal = refuseRead(headers, settings);
  if (refusal) return refusal;
  return isSameOrigin(headers) ? undefined : { status: 403, detail: "Pages of other origins cannot run actions." };
}

/**
 * The method PUT is none that forms have, and scripts of other origins need a preflight request for it, which is refused.
 * @param overSocket whether the request came over the store's Unix socket
 * @returns undefined if the request may upload a file
 */
export function refuseUpload(headers: Headers, overSocket: boolean, settings: GuardSettings): Refusal | undefined {
  return refuseOrigin(headers, settings) ?? (overSocket ? undefined : refuseToken(headers, settings.token));
}

/**
 * @param overSocket whether the request came over the store's Unix socket
 * @returns undefined if the request may run an action
 */
export function refuseAction(headers: Headers, overSocket: boolean, settings: GuardSettings): Refusal | undefined {
  const refusal = refuseOrigin(headers, settings);
  if (refusal) return refusal;
  // Forms cannot send this type, and scripts of other origins need a preflight request, which is refused.
  const type = headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return { status: 415, detail: "Send the body as JSON, with `Content-Type: application/json`." };
  }
  // The socket's file mode replaces the token, but not the other checks: with a forwarded port (ssh -L), browsers reach it.
  return overSocket ? undefined : refuseToken(headers, settings.token);
}
