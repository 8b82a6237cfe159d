/**
 * Fetches a distfile into the store before a client waits for it.
 */
import { contentKey, type DistEntry, hasHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import type { Flights } from "../fetch/flights.ts";
import type { Store } from "../store/store.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import { type DistfileDownloads, keyOf } from "./miss.ts";
import type { NegativeCache } from "./negative-cache.ts";

export interface PrefetchDeps {
  readonly distfileDownloads: Pick<DistfileDownloads, "start">;
  readonly flights: Pick<Flights, "join">;
  readonly negativeCache: Pick<NegativeCache, "get">;
  readonly store: Pick<Store, "stat">;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  readonly upstream: UpstreamClient;
}

/** `skipped`: no source was asked, as the file is stored, is coming in, or was found to have no source. */
export type PrefetchOutcome = "fetched" | "failed" | "skipped";

/** @param onArrived called when its bytes are here, which the disk has yet to sync */
export type Prefetch = (entry: DistEntry, onArrived?: () => void) => Promise<PrefetchOutcome>;

export function createPrefetch(deps: PrefetchDeps): Prefetch {
  const { distfileDownloads, flights, negativeCache, store, wantedBy, upstream } = deps;
  return async (entry, onArrived = () => undefined) => {
    const { name } = entry;
    // Only a hash tells that it is the file; and by name the first repository's content counts.
    const [first] = contentsOf(wantedBy(name));
    if (!hasHash(entry) || contentKey(first) !== contentKey(entry)) return "skipped";
    const target = { name, expected: entry, keep: true };
    const key = keyOf(target);
    if (store.stat(name) || negativeCache.get(key) || flights.join(key)) return "skipped";
    const download = distfileDownloads.start(target, upstream);
    void download.arrived.then(onArrived);
    await download.ended;
    return download.stored ? "fetched" : "failed";
  };
}
