/**
 * The downloads under way, one per wanted content: whoever asks for the same joins, as long as all of it can be had.
 * join() and start() must be called with no await in between; that is the lock.
 */
import type { Download } from "./download.ts";

export interface Flights {
  join(key: string): Download | undefined;
  start(key: string, begin: () => Download): Download;
  /** In the order in which they began. */
  all(): readonly Download[];
  /** Asks all to stop and resolves when they have. */
  stop(reason: Error): Promise<void>;
}

export function createFlights(): Flights {
  const flights = new Map<string, Download>();
  const all = new Set<Download>();
  return {
    join(key) {
      const download = flights.get(key);
      return download?.joinable ? download : undefined;
    },
    start(key, begin) {
      const download = begin();
      flights.set(key, download);
      all.add(download);
      void download.ended.then(() => {
        all.delete(download);
        // One that can't be stored has another beside it, for who came too late to join.
        if (flights.get(key) === download) flights.delete(key);
      });
      return download;
    },
    all: () => [...all],
    async stop(reason) {
      const under = [...all];
      for (const download of under) download.stop(reason);
      await Promise.all(under.map((download) => download.ended));
    },
  };
}
