/**
 * Brings a file into the store that nobody waits for yet.
 */
import { contentKey, type DistEntry, hasHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { MissDeps } from "./miss.ts";
import { keyOf, startDistfileDownload } from "./start-download.ts";

/**
 * Resolves with whether it was fetched now: false where it is there, is coming in, or can't be had.
 * @param onArrived told when its bytes are here, which the disk has yet to take for good
 */
export async function prefetch(
  entry: DistEntry,
  upstream: UpstreamClient,
  deps: MissDeps & { readonly wantedBy: (name: DistfileName) => readonly WantedBy[] },
  onArrived: () => void = () => undefined,
): Promise<boolean> {
  const { name } = entry;
  // Nothing but a hash tells that it is the file; and by name the first tree's content counts.
  const [first] = contentsOf(deps.wantedBy(name));
  if (!hasHash(entry) || contentKey(first) !== contentKey(entry)) return false;
  const target = { name, expected: entry, keep: true };
  const key = keyOf(target);
  if (deps.store.stat(name) || deps.negativeCache.get(key) || deps.flights.join(key)) return false;
  const download = deps.flights.start(key, () => startDistfileDownload(target, upstream, deps, false));
  void download.arrived.then(onArrived);
  await download.ended;
  return download.stored;
}
