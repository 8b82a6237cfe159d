/**
 * The downloads under way, one per wanted content: whoever asks for the same joins.
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
  return {
    join: (key) => flights.get(key),
    start(key, begin) {
      const download = begin();
      flights.set(key, download);
      void download.ended.then(() => flights.delete(key));
      return download;
    },
    all: () => [...flights.values()],
    async stop(reason) {
      const under = [...flights.values()];
      for (const download of under) download.stop(reason);
      await Promise.all(under.map((download) => download.ended));
    },
  };
}
