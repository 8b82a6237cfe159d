/**
 * Keeps the downloads under way, one for each wanted content (single flight): a request for the same content joins, as long as all
 * of it can be had. join() and start() must be called with no await in between; that is the lock.
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Logger } from "../lib/log.ts";
import type { Download } from "./download.ts";

export interface Flights {
  join(key: string): Download | undefined;
  start(key: string, begin: () => Download): Download;
  /**
   * Waits until a complete and right file is stored, if there is one under this key. Resolves with whether it is stored now: a
   * request that comes while the disk syncs it is but a moment early.
   */
  waitUntilStored(key: string): Promise<boolean>;
  /** Returns the downloads in the order in which they began. */
  all(): readonly Download[];
  /** Stops all downloads; resolves when they have stopped or should have long ago: the end must not hang on one of them. */
  stop(reason: Error): Promise<void>;
}

export interface FlightsDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** A stopped download waits for no peer any more, only for the disk. */
const STOP_MS = 5_000;
/** A disk that takes longer to sync is not waited for: the file is sent as it is. */
const MAX_SYNC_MS = 5_000;

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
        // A download that can't be stored may have another beside it, for a client that came too late to join.
        if (flights.get(key) === download) flights.delete(key);
      });
      return download;
    },
    async waitUntilStored(key) {
      const download = flights.get(key);
      if (!download?.computed || !download.willStore) return false;
      await within(clock, MAX_SYNC_MS, download.ended);
      return download.stored;
    },
    all: () => [...all],
    async stop(reason) {
      const running = [...all];
      for (const download of running) download.stop(reason);
      const left = new Set(running);
      const ended = running.map((download) => download.ended.then(() => left.delete(download)));
      await within(clock, STOP_MS, Promise.all(ended));
      for (const { name, phase, hereBytes, size } of left) {
        const has = `${hereBytes} of ${size ?? "?"} bytes`;
        log.error("The download of {file} does not stop ({phase}, has {has}): continuing without it", {
          file: name,
          phase,
          has,
        });
      }
    },
  };
}
