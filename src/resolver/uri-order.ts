/**
 * Decides the order of SRC_URI's hosts by their statistics: plain URIs in Portage's order, hosts with an open circuit last;
 * the hosts of a `mirror://` list in random order, with better chances for fast ones.
 */
import { expectedMs, isLastResort } from "../mirrors/host-stats.ts";
import type { Host, Hosts } from "../mirrors/hosts.ts";
import { priorOf } from "../mirrors/selection.ts";
import type { ExpandedUri } from "./expand.ts";

export interface UriOrder {
  /** Moves the URIs of hosts with an open circuit to the end. */
  order(uris: readonly ExpandedUri[]): readonly ExpandedUri[];
  /** Shuffles base URLs of third-party mirrors, so that each mirror's load is in proportion to its speed. */
  spread(urls: readonly string[]): readonly string[];
  hostOf(url: string): Host;
}

/** Third-party mirrors are compared by the time for a file of this size. */
const TYPICAL_BYTES = 1024 * 1024;

/** @param random from 0 up to but not including 1 */
export function createUriOrder(hosts: Hosts, random: () => number): UriOrder {
  const hostOf = (url: string) => hosts.at(new URL(url).origin);
  const isLast = (one: ExpandedUri) => one.kind === "url" && isLastResort(hostOf(one.url).circuit);
  return {
    hostOf,
    order: (uris) => [...uris.filter((one) => !isLast(one)), ...uris.filter(isLast)],
    spread(urls) {
      const known = urls.map((url) => (URL.canParse(url) ? hostOf(url).stats : undefined));
      const prior = priorOf(known.flatMap((one) => one ?? []));
      // Weighted sampling without replacement (Efraimidis and Spirakis): the logarithm of random ** (1 / weight).
      return urls
        .map((url, i) => {
          const one = known[i];
          return { url, rank: Math.log(1 - random()) * (one ? expectedMs(one, prior, TYPICAL_BYTES) : 1) };
        })
        .toSorted((a, b) => b.rank - a.rank)
        .map(({ url }) => url);
    },
  };
}
