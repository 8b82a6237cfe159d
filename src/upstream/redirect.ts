/**
 * Follows redirects as wget does (pure): Location as raw bytes, and the cookies that are set on the way, which live for one chain of
 * redirects alone (RFC 6265).
 */
import { parseHttpDate } from "../lib/http-date.ts";

/** As many as wget follows. */
export const MAX_REDIRECTS = 20;
/** Requests for one URL with the same cookies: some servers redirect to themselves until they have the file. */
export const MAX_REPEATS = 3;

/** Redirects of one download together: each of its sources may lead to the same host, which must not be set upon. */
const MAX_DOWNLOAD_REDIRECTS = 64;
/** A long file comes in segments, and each of its requests may be redirected. */
const BYTES_PER_REDIRECT = 256 * 1024;

/**
 * Returns a function that counts a redirect of one download, and says whether it may be followed.
 * @param receivedBytes returns how many bytes have come so far
 */
export function createRedirectLimit(receivedBytes: () => number): () => boolean {
  let redirects = 0;
  return () => ++redirects <= MAX_DOWNLOAD_REDIRECTS + receivedBytes() / BYTES_PER_REDIRECT;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function isRedirect({ status, headers }: Response): boolean {
  return REDIRECTS.has(status) || (status === 300 && headers.has("location"));
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Characters that servers refuse, or that the URL parser of browsers takes for something else: wget quotes them. */
const QUOTED = /[\t\\|^`{}]/g;
/** A path segment of one or two dots, one of them quoted: wget asks for it as it is, and the URL parser would resolve it. */
const QUOTED_DOTS = /(?:^|\/)(?:%2e|\.%2e|%2e\.|%2e%2e)(?=[/?#]|$)/gi;
/** What the URL parser would change, and what stands for it until the request is sent: characters that nobody uses. */
const STAND_INS = [
  ["%2e", "%EE%80%AE"],
  ["%2E", "%EE%80%AF"],
  ["'", "%EE%80%A7"],
] as const;

function withStandIns(text: string): string {
  return STAND_INS.reduce((done, [written, standIn]) => done.replaceAll(written, standIn), text);
}

function withoutStandIns(text: string): string {
  return STAND_INS.reduce((done, [written, standIn]) => done.replaceAll(standIn, written), text);
}

function quote(text: string): string {
  return text
    .replace(QUOTED, percentEncoded)
    .replace(/%(?![0-9a-f]{2})/gi, "%25")
    .replace(QUOTED_DOTS, withStandIns)
    .replace(/\?[^#]*/, (query) => query.replaceAll("'", withStandIns));
}

/** Parses a URL as wget does. @throws {TypeError} where it is none */
export function parseUrl(text: string): URL {
  return new URL(quote(text));
}

/** Returns whether the platform's fetch() asks for the path as it was written. */
export function isFetchable(url: URL): boolean {
  return !url.pathname.startsWith("//") && withoutStandIns(url.href) === url.href;
}

/** Returns path and query as they were written. */
export function requestPath({ pathname, search, href }: URL): string {
  const query = search === "" && href.split("#", 1)[0]?.endsWith("?") ? "?" : search;
  return withoutStandIns(`${pathname}${query}`);
}

/**
 * Makes a URL from a reference as it stands in a header, one character per byte: bytes beyond ASCII are kept as they are, and what
 * the URL parser of browsers would take for something else (a backslash, a stray percent sign) is quoted.
 */
export function resolveReference(reference: string, base: URL): URL | undefined {
  const text = quote(reference.trim().replace(/[\x80-\xff]/g, percentEncoded));
  return URL.canParse(text, base.href) ? new URL(text, base.href) : undefined;
}

/** Returns the first Location where a response has several: the platform joins them by comma and space, which no URL has. */
export function firstLocation(location: string): string {
  return location.split(/, (?=\/|https?:)/i, 1)[0] ?? "";
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  /** Whether the cookie is sent to the domain alone, and not to hosts below it. */
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
}

/** Cookies of one chain of redirects. */
export interface CookieJar {
  /** Takes the cookies that a response sets. */
  store(url: URL, headers: Headers): void;
  /** Returns the Cookie header for a request; undefined where there is none. */
  headerFor(url: URL): string | undefined;
}

const MAX_COOKIES = 50;
const MAX_COOKIE_LENGTH = 4096;
/** Attributes of a cookie that are read. */
const MAX_ATTRIBUTES = 16;

/** A host below a domain of two labels or more; never an address. */
function isBelow(host: string, domain: string): boolean {
  return domain.includes(".") && host.endsWith(`.${domain}`) && !/^[\d.]+$|:/.test(host);
}

function defaultPath({ pathname }: URL): string {
  const end = pathname.lastIndexOf("/");
  return end <= 0 ? "/" : pathname.slice(0, end);
}

function isPathMatch(path: string, prefix: string): boolean {
  return path === prefix || (path.startsWith(prefix) && (prefix.endsWith("/") || path[prefix.length] === "/"));
}

function isExpired(attributes: ReadonlyMap<string, string>): boolean {
  const maxAge = attributes.get("max-age");
  if (maxAge !== undefined && /^-?\d{1,15}$/.test(maxAge)) return Number(maxAge) <= 0;
  const expiresAt = parseHttpDate(attributes.get("expires"));
  return expiresAt !== undefined && expiresAt <= Date.now();
}

function splitAtEquals(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text.trim(), ""] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, "$1");
}

/** Parses Set-Cookie; undefined where the cookie is not for this host. */
function parseCookie(text: string, url: URL): { readonly cookie: Cookie; readonly expired: boolean } | undefined {
  if (text.length > MAX_COOKIE_LENGTH) return undefined;
  const [pair = "", ...rest] = text.split(";", 1 + MAX_ATTRIBUTES);
  const [name, value] = splitAtEquals(pair);
  if (name === "" || !pair.includes("=")) return undefined;
  const attributes = new Map(
    rest.map((one) => {
      const [key, setting] = splitAtEquals(one);
      return [key.toLowerCase(), unquoted(setting)] as const;
    }),
  );
  const host = url.hostname;
  const domain = (attributes.get("domain") ?? "").replace(/^\./, "").toLowerCase();
  const hostOnly = domain === "";
  if (!hostOnly && domain !== host && !isBelow(host, domain)) return undefined;
  const path = attributes.get("path") ?? "";
  const cookie = {
    name,
    value,
    domain: hostOnly ? host : domain,
    hostOnly,
    path: path.startsWith("/") ? path : defaultPath(url),
    secure: attributes.has("secure"),
  };
  return { cookie, expired: isExpired(attributes) };
}

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, Cookie>();
  return {
    store(url, headers) {
      for (const text of headers.getSetCookie().slice(0, MAX_COOKIES)) {
        const parsed = parseCookie(text, url);
        if (!parsed) continue;
        const { name, domain, path } = parsed.cookie;
        const key = `${domain} ${path} ${name}`;
        cookies.delete(key);
        if (!parsed.expired && cookies.size < MAX_COOKIES) cookies.set(key, parsed.cookie);
      }
    },
    headerFor(url) {
      const sent = [...cookies.values()].filter(
        ({ domain, hostOnly, path, secure }) =>
          (url.hostname === domain || (!hostOnly && isBelow(url.hostname, domain))) &&
          isPathMatch(url.pathname, path) &&
          (!secure || url.protocol === "https:"),
      );
      return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join("; ");
    },
  };
}
