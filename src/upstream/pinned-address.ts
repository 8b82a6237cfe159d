/**
 * Chooses the address to connect to for a URL that nobody configured: resolves its host, checks every address, and connects to one
 * of these very addresses, so that a name can't change its addresses in between. Of several the first that accepts a connection
 * (RFC 8305, without sorting), which is cached for a minute: many machines have no route to half of the internet.
 */
import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { SourceError } from "../distfile/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { isPublicAddress } from "./address-policy.ts";

/** A URL with the checked address in place of the host name, which goes into Host and into TLS. */
export interface PinnedUrl {
  readonly url: string;
  readonly host: string;
  readonly serverName: string;
}

/** @throws {SourceError} "bad" when an address is not public, "failed" when the name does not resolve */
export type PinAddress = (url: URL) => Promise<PinnedUrl>;

export interface PinAddressDeps {
  readonly clock: Clock;
  /** Returns all addresses of a host name. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  readonly tryConnect?: (url: string, timeoutMs: number) => Promise<ConnectResult>;
}

/** "silent" when nothing has answered in time. */
export type ConnectResult = "connected" | "refused" | "silent";

/** Opens a TCP connection to where the URL points, and closes it without sending anything. */
export function tryConnect(url: string, timeoutMs: number): Promise<ConnectResult> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    });
    const settle = (connection: ConnectResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connection);
    };
    const timer = setTimeout(settle, timeoutMs, "silent");
    socket.once("connect", () => settle("connected"));
    socket.once("error", () => settle("refused"));
  });
}

async function resolveHost(hostname: string): Promise<readonly string[]> {
  const addresses = await lookup(hostname, { all: true });
  return addresses.map(({ address }) => address);
}

/** RFC 8305, section 5: the delay between one attempt and the next. */
const ATTEMPT_DELAY_MS = 250;
const ATTEMPT_TIMEOUT_MS = 5_000;
/** A name server may return any number of addresses, or not answer at all. */
const MAX_ATTEMPTS = 8;
const RESOLVE_TIMEOUT_MS = 10_000;
const CACHE_TTL_MS = 60_000;
const MAX_CACHED = 1000;

async function publicAddresses(
  url: URL,
  name: string,
  { resolve, clock }: Required<Pick<PinAddressDeps, "resolve" | "clock">>,
): Promise<readonly string[]> {
  let addresses: readonly string[] | "late";
  try {
    addresses = isIP(name) === 0 ? await within(clock, RESOLVE_TIMEOUT_MS, resolve(name)) : [name];
  } catch (cause) {
    throw new SourceError("failed", `cannot resolve ${url.host}: ${reasonOf(cause)}`, { cause });
  }
  if (addresses === "late") {
    throw new SourceError("timeout", `cannot resolve ${url.host} within ${RESOLVE_TIMEOUT_MS / 1000} s`);
  }
  if (addresses.length === 0) throw new SourceError("failed", `cannot resolve ${url.host}: host has no address`);
  const refused = addresses.find((address) => !isPublicAddress(address));
  if (refused === undefined) return addresses;
  const isAddress = url.hostname === refused || url.hostname === `[${refused}]`;
  const which = isAddress ? `${refused} is` : `${url.host} has the address ${refused},`;
  const reason = `${which} not a public address (allow it with fetcher.private_networks = true)`;
  throw new SourceError("bad", reason);
}

function withAddress(url: URL, address: string): string {
  const pinned = new URL(url);
  pinned.hostname = isIP(address) === 6 ? `[${address}]` : address;
  return pinned.href;
}

export function createPinAddress({
  clock,
  resolve = resolveHost,
  tryConnect: tryAddress = tryConnect,
}: PinAddressDeps): PinAddress {
  const cache = new Map<string, { readonly address: string; readonly at: number }>();

  function cached(host: string, addresses: readonly string[]): string | undefined {
    const choice = cache.get(host);
    const age = clock.now() - (choice?.at ?? 0);
    return choice && age >= 0 && age < CACHE_TTL_MS && addresses.includes(choice.address) ? choice.address : undefined;
  }

  /** Returns the first that accepts a connection; undefined when none does. */
  async function choose(url: URL, addresses: readonly string[]): Promise<string | undefined> {
    const won = Promise.withResolvers<string | undefined>();
    const attempts: Promise<void>[] = [];
    const attempt = async (address: string, before: Promise<void> | undefined) => {
      // Starts when the attempt before has failed, or takes long.
      if (before !== undefined)
        await Promise.race([won.promise, before, clock.sleep(attempts.length * ATTEMPT_DELAY_MS)]);
      // Another attempt has succeeded meanwhile.
      if (Bun.peek.status(won.promise) === "fulfilled") return;
      if ((await tryAddress(withAddress(url, address), ATTEMPT_TIMEOUT_MS)) === "connected") won.resolve(address);
    };
    for (const address of addresses.slice(0, MAX_ATTEMPTS)) attempts.push(attempt(address, attempts.at(-1)));
    void Promise.all(attempts).then(() => won.resolve(undefined));
    return await won.promise;
  }

  function remember(host: string, address: string): void {
    cache.delete(host);
    cache.set(host, { address, at: clock.now() });
    const [oldest] = cache.keys();
    if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
  }

  return async (url) => {
    const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = await publicAddresses(url, name, { resolve, clock });
    const [only] = addresses;
    let address = addresses.length === 1 ? only : cached(url.host, addresses);
    if (address === undefined) {
      address = await choose(url, addresses);
      // That nothing answers now is not remembered; fetch() reports what is wrong with the first.
      if (address === undefined) address = addresses[0] ?? name;
      else remember(url.host, address);
    }
    return { url: withAddress(url, address), host: url.host, serverName: name };
  };
}
