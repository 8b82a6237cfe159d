/**
 * Who may change something, and under which names browsers may read (pure). Changes come over the store's own socket, whose
 * file mode says who may, or over TCP with the token. No page of another site can make one, whatever the browser adds to
 * its requests; nor can one that had its name rebound to this machine's address read what the API tells.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403 | 415 | 421;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GuardSettings {
  /** `[server] admin_token`; empty: no changes over TCP. */
  readonly token: string;
  /** `[server] hostnames`, and this machine's own name. */
  readonly hostnames: readonly string[];
}

/** Ends of names that nobody can register (RFC 6761, 6762, 8375; ICANN's .internal), or that stand for a LAN by custom. */
const LOCAL_ENDINGS = [".localhost", ".local", ".internal", ".home.arpa", ".lan", ".localdomain", ".home", ".intranet"];

/** The name in a Host header, without port and brackets, in lower case. */
function nameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1).replace(/\](:\d*)?$/, "") : host.replace(/:\d*$/, "");
  return name.toLowerCase().replace(/\.$/, "");
}

/**
 * Whether no stranger can have made a browser believe that this server is a page of his: a name that is on the internet may
 * be his, and lead here (DNS rebinding). An address is itself; a name without a dot is nobody's.
 */
export function isOwnName(host: string | null, hostnames: readonly string[]): boolean {
  // Without Host it is no browser.
  if (host === null) return true;
  const name = nameOf(host);
  if (isIP(name) !== 0 || !name.includes(".")) return true;
  return LOCAL_ENDINGS.some((ending) => name.endsWith(ending)) || hostnames.some((own) => own.toLowerCase() === name);
}

function foreignName(host: string | null): Refusal {
  const detail = `This server does not know itself as ${JSON.stringify(host)}. If it is its name, add it to [server] hostnames.`;
  return { status: 421, detail };
}

/** @returns undefined where it may be read */
export function refuseRead(headers: Headers, { hostnames }: Pick<GuardSettings, "hostnames">): Refusal | undefined {
  const host = headers.get("host");
  return isOwnName(host, hostnames) ? undefined : foreignName(host);
}

/** Whether the page that sends it, if one does, is our own. */
function isSameOrigin(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = headers.get("origin");
  if (origin === null) return true;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  const host = headers.get("host");
  if (!url || host === null || !/^https?:$/.test(url.protocol)) return false;
  // Default ports may be written or not.
  return URL.canParse(`${url.protocol}//${host}`) && new URL(`${url.protocol}//${host}`).host === url.host;
}

/** Compared by their hashes: neither length nor content can be told from the time it takes. */
function isToken(given: string, token: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

function refuseToken(headers: Headers, token: string): Refusal | undefined {
  if (token === "") {
    const detail =
      "Changes over TCP are off: set [server] admin_token, or use portcache's commands on the server's own machine.";
    return { status: 403, detail };
  }
  const given = /^bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isToken(given, token)) return undefined;
  const detail =
    given === undefined
      ? "Changes need the header `Authorization: Bearer TOKEN` with the token of [server] admin_token."
      : "That is not the token of [server] admin_token.";
  return { status: 401, detail, headers: { "www-authenticate": 'Bearer realm="portcache"' } };
}

/**
 * @param overSocket whether it came by the store's Unix socket
 * @returns undefined where it may change something
 */
export function refuseChange(headers: Headers, overSocket: boolean, settings: GuardSettings): Refusal | undefined {
  const foreign = refuseRead(headers, settings);
  if (foreign) return foreign;
  if (!isSameOrigin(headers)) return { status: 403, detail: "Pages of other sites can't make changes here." };
  // A form can't send this type, and a script of another site must ask first, which is refused.
  const type = headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return { status: 415, detail: "Send the body as JSON, with `Content-Type: application/json`." };
  }
  // The kernel has seen to it who may connect to the socket. All the rest counts there, too: somebody may have forwarded a
  // port of his own machine to it (ssh -L), and then browsers can.
  return overSocket ? undefined : refuseToken(headers, settings.token);
}
