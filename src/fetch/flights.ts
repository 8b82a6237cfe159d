/**
 * The downloads under way, one per wanted content: whoever asks for the same joins, as long as all of it can be had.
 * join() and start() must be called with no await in between; that is the lock.
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Logger } from "../lib/log.ts";
import type { Download } from "./download.ts";

export interface Flights {
  join(key: string): Download | undefined;
  start(key: string, begin: () => Download): Download;
  /**
   * Waits for a file that is whole and right to be put into the store, if there is such a one. Resolves with whether it is
   * there now: who asks while it is being synced is but a moment early for it.
   */
  landed(key: string): Promise<boolean>;
  /** In the order in which they began. */
  all(): readonly Download[];
  /** Asks all to stop and resolves when they have, or when they should have long ago: the end must not hang on one of them. */
  stop(reason: Error): Promise<void>;
}

export interface FlightsDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is asked to stop waits for no peer any more, only for the disk. */
const STOP_MS = 5_000;
/** A disk that takes longer to sync is not waited for: the file is given out as it is. */
const MOST_SYNC_MS = 5_000;

export function createFlights({ clock, log }: FlightsDeps): Flights {
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
    async landed(key) {
      const download = flights.get(key);
      if (!download?.computed || !download.keeps) return false;
      await within(clock, MOST_SYNC_MS, download.ended);
      return download.stored;
    },
    all: () => [...all],
    async stop(reason) {
      const under = [...all];
      for (const download of under) download.stop(reason);
      const left = new Set(under);
      const ended = under.map((download) => download.ended.then(() => left.delete(download)));
      await within(clock, STOP_MS, Promise.all(ended));
      for (const { name, phase, hereBytes, size } of left) {
        const has = `${hereBytes} of ${size ?? "?"} bytes`;
        log.error("{file} does not stop ({phase}, has {has}): it is left behind", { file: name, phase, has });
      }
    },
  };
}
