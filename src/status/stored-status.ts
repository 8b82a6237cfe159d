/**
 * Reads the status of a store on which no server runs, from the index that the last server left. Changes nothing.
 */
import { version } from "../../package.json" with { type: "json" };
import type { DownloadsResponse, Status } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { createFileList } from "../index/file-list.ts";
import { createKindCounts } from "../index/kind-counts.ts";
import { createMirrorFileList } from "../index/mirror-file-list.ts";
import { readIndex } from "../index/open.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { createStatistics, ZEROS } from "../index/statistics.ts";
import { systemClock } from "../lib/clock.ts";
import { syncedBytes } from "../repos/sync/versions.ts";
import { isStoreLocked } from "../store/lock.ts";
import { storeVolumes } from "../store/partial-folders.ts";
import { requireStore } from "../store/require-store.ts";
import { spaceOf } from "./space.ts";
import { kindTotals, totalsOf } from "./totals.ts";

/** The status of a store, as `portcache status --json` prints it; null stands for what only a running server knows. */
export interface StoreStatus extends Pick<Status, "version" | "store" | "all_time" | "kinds" | "repositories"> {
  readonly running: boolean;
  /** Some process holds the store: a command, or a server that does not answer yet. */
  readonly locked: boolean;
  readonly uptime_seconds: number | null;
  readonly health: Status["health"] | null;
  readonly since_start: Status["since_start"] | null;
  readonly in_flight: number | null;
  readonly max_rate: Status["max_rate"] | null;
  readonly read_ahead: Status["read_ahead"] | null;
  readonly mirrors: Status["mirrors"] | null;
  readonly downloads: DownloadsResponse["downloads"];
  readonly downloads_active: number;
  readonly downloads_waiting: number;
}

/** @throws {NoStoreError} */
export function readStoredStatus({ config }: LoadedConfig): StoreStatus {
  const { location, max_size, min_free } = config.storage;
  requireStore(location);
  const index = readIndex(`${location}/index.sqlite`, (db) => ({
    totals: createFileList(db).totals(""),
    kinds: createKindCounts(db).allTime(),
    mirrorFiles: createMirrorFileList(db).totals(createFileList(db).totals("")),
    measures: createStatistics(db, systemClock, () => true).allTime(),
    counts: createRepositoryRows(db).counts(),
    locations: db.query.repositories
      .findMany()
      .sync()
      .map(({ location }) => location),
  }));
  return {
    running: false,
    locked: isStoreLocked(location),
    version,
    store: {
      location,
      ...(index?.totals ?? { files: 0, bytes: 0 }),
      max_bytes: max_size === 0 ? null : max_size,
      ...spaceOf(storeVolumes(location), min_free),
    },
    all_time: totalsOf(index?.measures ?? ZEROS),
    kinds: index ? kindTotals(index.kinds, index.mirrorFiles) : [],
    repositories: {
      total: index?.locations.length ?? 0,
      ...(index?.counts ?? { packages: 0, distfiles: 0 }),
      scanned: false,
      synced_bytes: (index?.locations ?? []).reduce((sum, location) => sum + (syncedBytes(location) ?? 0), 0),
    },
    uptime_seconds: null,
    health: null,
    since_start: null,
    in_flight: null,
    max_rate: null,
    read_ahead: null,
    mirrors: null,
    downloads: [],
    downloads_active: 0,
    downloads_waiting: 0,
  };
}
