/**
 * Where to connect for a URL that nobody configured: its host is resolved, every address checked, and one of these very
 * addresses connected to, so that a name can't change its mind in between. Of several the first that takes a connection
 * (RFC 8305, without sorting), which is remembered for a while: many machines have no route to half of the internet.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { SourceError } from "../distfile/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { isPublicAddress } from "./address-policy.ts";
import type { Connection } from "./probe.ts";

/** The URL with a checked address in it, and the name to ask for there. */
export interface PinnedUrl {
  readonly url: string;
  readonly host: string;
  readonly serverName: string;
}

/** @throws {SourceError} "bad" where an address is not public, "failed" where the name does not resolve */
export type Pin = (url: URL) => Promise<PinnedUrl>;

export interface PinDeps {
  /** All addresses of a host name. */
  readonly resolve: (hostname: string) => Promise<readonly string[]>;
  readonly tryConnect: (url: string, timeoutMs: number) => Promise<Connection>;
  readonly clock: Clock;
}

export async function systemResolve(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}

/** RFC 8305, section 5: so long one attempt is alone before the next begins. */
const ATTEMPT_DELAY_MS = 250;
const ATTEMPT_TIMEOUT_MS = 5_000;
/** Whoever answers for a name may answer with any number of addresses, or not at all. */
const MAX_ATTEMPTS = 8;
const RESOLVE_TIMEOUT_MS = 10_000;
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 1000;

async function publicAddresses(url: URL, name: string, { resolve, clock }: PinDeps): Promise<readonly string[]> {
  let addresses: readonly string[] | "late";
  try {
    addresses = isIP(name) === 0 ? await within(clock, RESOLVE_TIMEOUT_MS, resolve(name)) : [name];
  } catch (cause) {
    throw new SourceError("failed", `${url.host} does not resolve`, { cause });
  }
  if (addresses === "late") {
    throw new SourceError("timeout", `${url.host} does not resolve within ${RESOLVE_TIMEOUT_MS / 1000} s`);
  }
  if (addresses.length === 0) throw new SourceError("failed", `${url.host} does not resolve`);
  const refused = addresses.find((address) => !isPublicAddress(address));
  if (refused === undefined) return addresses;
  const why = `${url.host} is ${refused}, not a public address (fetcher.private_networks would allow it)`;
  throw new SourceError("bad", why);
}

function at(url: URL, address: string): string {
  const pinned = new URL(url);
  pinned.hostname = isIP(address) === 6 ? `[${address}]` : address;
  return pinned.href;
}

export function createPin(deps: PinDeps): Pin {
  const { tryConnect, clock } = deps;
  const chosen = new Map<string, { readonly address: string; readonly at: number }>();

  function remembered(host: string, addresses: readonly string[]): string | undefined {
    const choice = chosen.get(host);
    const age = clock.now() - (choice?.at ?? 0);
    return choice && age >= 0 && age < REMEMBERED_MS && addresses.includes(choice.address) ? choice.address : undefined;
  }

  /** The first one that takes a connection; the very first where none does, and fetch() will tell what is wrong. */
  async function choose(url: URL, addresses: readonly string[]): Promise<string> {
    const won = Promise.withResolvers<string>();
    const attempts: Promise<void>[] = [];
    const attempt = async (address: string, before: Promise<void> | undefined) => {
      // The next one begins when the one before has failed, or takes long.
      if (before !== undefined)
        await Promise.race([won.promise, before, clock.sleep(attempts.length * ATTEMPT_DELAY_MS)]);
      // Once one has won there is no need for the others.
      if (Bun.peek.status(won.promise) === "fulfilled") return;
      if ((await tryConnect(at(url, address), ATTEMPT_TIMEOUT_MS)) === "connected") won.resolve(address);
    };
    for (const address of addresses.slice(0, MAX_ATTEMPTS)) attempts.push(attempt(address, attempts.at(-1)));
    void Promise.all(attempts).then(() => won.resolve(addresses[0] ?? ""));
    return await won.promise;
  }

  function remember(host: string, address: string): void {
    chosen.delete(host);
    chosen.set(host, { address, at: clock.now() });
    const [oldest] = chosen.keys();
    if (chosen.size > MAX_REMEMBERED && oldest !== undefined) chosen.delete(oldest);
  }

  return async (url) => {
    const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = await publicAddresses(url, name, deps);
    const [only] = addresses;
    let address = addresses.length === 1 ? only : remembered(url.host, addresses);
    if (address === undefined) {
      address = await choose(url, addresses);
      remember(url.host, address);
    }
    return { url: at(url, address), host: url.host, serverName: name };
  };
}
