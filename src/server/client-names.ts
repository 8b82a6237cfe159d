/**
 * Names clients for people: as the admin does in `[clients]`, else as /etc/hosts does, else by reverse DNS where that asks nobody
 * outside. Nothing waits for a name: one that is not known yet is looked up, and is there the next time.
 */
import { promises as dns, getServers } from "node:dns";
import { isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { wordsOf } from "../lib/text.ts";
import type { ClientNames } from "../status/request-history.ts";
import { isPublicAddress } from "../upstream/address-policy.ts";

export interface ClientNamesDeps {
  readonly config: Pick<Config, "clients" | "server">;
  readonly clock: Clock;
  /** Looked up here in tests. */
  readonly hostsPath?: string;
  readonly nameServers?: () => readonly string[];
  readonly reverse?: (address: string) => Promise<readonly string[]>;
}

const HOSTS_MAX_AGE_MS = 30_000;
/** A larger /etc/hosts is a list of what to block. */
const MAX_HOSTS_BYTES = 256 * 1024;
const LOOK_UP_MS = 3_000;
const MAX_LOOK_UPS = 4;
/** Names, and that there is none, are remembered so long, and so many. */
const NAME_MAX_AGE_MS = 60 * 60_000;
const MAX_NAMES = 2_000;

/** The first name of each address. */
export function parseHosts(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [address = "", name] = wordsOf(line.split("#", 1)[0] ?? "");
    if (name !== undefined && isHostName(name) && isIP(address) !== 0 && !names.has(address)) names.set(address, name);
  }
  return names;
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_][a-z0-9_.-]*$/i.test(text);
}

/** The port of a name server is none of its address. */
function isPrivateServer(server: string): boolean {
  const address = /^\[(.*)\]/.exec(server)?.[1] ?? (isIP(server) === 6 ? server : server.replace(/:\d+$/, ""));
  return !isPublicAddress(address);
}

export function createClientNames(deps: ClientNamesDeps): ClientNames {
  const { config, clock, hostsPath = "/etc/hosts", nameServers = getServers, reverse = dns.reverse } = deps;
  const namesOf = memoizeLast(
    (pairs: readonly string[]): ReadonlyMap<string, string> =>
      new Map(pairs.map((pair) => pair.split("=", 2) as [string, string])),
  );
  const configured = () => namesOf(config.clients.names);
  let hosts: ReadonlyMap<string, string> = new Map();
  let hostsAt = Number.NEGATIVE_INFINITY;
  const found = new Map<string, { readonly name: string | undefined; readonly at: number }>();
  const lookingUp = new Set<string>();

  async function readHosts(): Promise<void> {
    const file = Bun.file(hostsPath);
    hosts = file.size > MAX_HOSTS_BYTES ? new Map() : parseHosts(await file.text());
  }

  function currentHosts(): ReadonlyMap<string, string> {
    const now = clock.now();
    if (now - hostsAt > HOSTS_MAX_AGE_MS || now < hostsAt) {
      hostsAt = now;
      // Without the file no client has a name by it.
      readHosts().catch(() => {
        hosts = new Map();
      });
    }
    return hosts;
  }

  function maySearch(address: string): boolean {
    const { reverse_dns: setting } = config.server;
    if (setting === "never" || isIP(address) === 0) return false;
    if (setting === "always") return true;
    const servers = nameServers();
    return !isPublicAddress(address) && servers.length > 0 && servers.every(isPrivateServer);
  }

  async function lookUp(address: string): Promise<void> {
    lookingUp.add(address);
    // Most addresses of a network have no name, which is an error of the resolver's.
    const names = await within(
      clock,
      LOOK_UP_MS,
      reverse(address).catch(() => []),
    );
    lookingUp.delete(address);
    const name = names === "late" ? undefined : names.find(isHostName);
    if (found.size >= MAX_NAMES) found.delete(found.keys().next().value ?? "");
    found.set(address, { name, at: clock.now() });
  }

  function nameByDns(address: string): string | undefined {
    if (!maySearch(address)) return undefined;
    const known = found.get(address);
    const isOld = known === undefined || Math.abs(clock.now() - known.at) > NAME_MAX_AGE_MS;
    if (isOld && lookingUp.size < MAX_LOOK_UPS && !lookingUp.has(address)) void lookUp(address);
    return known?.name;
  }

  return {
    nameOf: (address) => configured().get(address) ?? currentHosts().get(address) ?? nameByDns(address),
    addressOf(name) {
      const all = [
        ...configured(),
        ...currentHosts(),
        ...[...found].map(([address, one]) => [address, one.name] as const),
      ];
      return all.find(([, one]) => one === name)?.[0];
    },
  };
}
