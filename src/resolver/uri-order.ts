/**
 * In which order the hosts of SRC_URI are asked, by what is known of them: plain URIs in Portage's order, but for those out
 * of order now; the hosts of a `mirror://` list by lot, in which the fast ones have more chances.
 */
import { expectedMs } from "../mirrors/host-stats.ts";
import type { Place, Places } from "../mirrors/hosts.ts";
import { priorOf } from "../mirrors/selection.ts";
import type { ExpandedUri } from "./expand.ts";

export interface UriOrder {
  /** Those out of order last, else as they are. */
  order(candidates: readonly ExpandedUri[]): readonly ExpandedUri[];
  /** Base URLs of third-party mirrors, in random order: the load is spread by what each can take. */
  spread(urls: readonly string[]): readonly string[];
  hostOf(url: string): Place;
}

/** By a file of this size third-party mirrors are compared. */
const USUAL_BYTES = 1024 * 1024;

/** @param random from 0 up to but not including 1 */
export function createUriOrder(places: Places, random: () => number): UriOrder {
  const at = (url: string) => places.at(new URL(url).origin);
  const isOpen = (candidate: ExpandedUri) => candidate.kind === "url" && at(candidate.url).circuit === "open";
  return {
    hostOf: at,
    order: (candidates) => [...candidates.filter((one) => !isOpen(one)), ...candidates.filter(isOpen)],
    spread(urls) {
      const known = urls.map((url) => (URL.canParse(url) ? at(url).known : undefined));
      const prior = priorOf(known.flatMap((one) => one ?? []));
      // Sampling by weight without replacement (Efraimidis and Spirakis): the logarithm of random ** (1 / weight).
      return urls
        .map((url, i) => {
          const one = known[i];
          return { url, rank: Math.log(1 - random()) * (one ? expectedMs(one, prior, USUAL_BYTES) : 1) };
        })
        .toSorted((a, b) => b.rank - a.rank)
        .map(({ url }) => url);
    },
  };
}
