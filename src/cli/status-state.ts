/**
 * How a store does: asked of the server that runs on it, else read from the index that the last one left. Changes nothing.
 */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import type { Downloads, Status } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { createFileList, type FileTotals } from "../index/file-list.ts";
import { createMirrorFileRows, type MirrorFileRows } from "../index/mirror-files.ts";
import { readIndex } from "../index/read.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { createStatistics, MEASURES, type Measures } from "../index/statistics.ts";
import { systemClock } from "../lib/clock.ts";
import { totalsOf } from "../status/server-status.ts";
import { isStoreLocked } from "../store/lock.ts";
import { readFromServer } from "./server-client.ts";

/** As --json prints it; null stands for what only a running server knows. */
export interface StatusReport extends Pick<Status, "version" | "store" | "all_time" | "repositories"> {
  readonly running: boolean;
  /** Somebody holds the store: a command, or a server that does not answer yet. */
  readonly locked: boolean;
  readonly uptime_seconds: number | null;
  readonly health: Status["health"] | null;
  readonly since_start: Status["since_start"] | null;
  readonly in_flight: number | null;
  readonly read_ahead: Status["read_ahead"] | null;
  readonly mirrors: Status["mirrors"] | null;
  readonly downloads: Downloads["downloads"];
  readonly downloads_active: number;
  readonly downloads_waiting: number;
}

const NOTHING = Object.fromEntries(MEASURES.map((measure) => [measure, 0])) as Measures;

/** Of the file system in which the folder is, or will be. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    const parent = dirname(folder);
    return parent === folder ? 0 : freeBytes(parent);
  }
}

/** With what else is stored. */
function sumOf({ files, bytes }: FileTotals, others: Pick<MirrorFileRows, "count" | "bytes">): FileTotals {
  return { files: files + others.count(), bytes: bytes + others.bytes() };
}

function fromIndex({ config }: LoadedConfig): StatusReport {
  const { location, max_size, min_free } = config.storage;
  const read = readIndex(`${location}/index.sqlite`, (db) => ({
    totals: sumOf(createFileList(db).totals(""), createMirrorFileRows(db)),
    measures: createStatistics(db, systemClock).allTime(),
    counts: createRepositoryRows(db).counts(),
    trees: db.query.repositories.findMany().sync().length,
  }));
  return {
    running: false,
    locked: isStoreLocked(location),
    version,
    store: {
      location,
      ...(read?.totals ?? { files: 0, bytes: 0 }),
      max_bytes: max_size === 0 ? null : max_size,
      free_bytes: freeBytes(location),
      min_free_bytes: min_free,
    },
    all_time: totalsOf(read?.measures ?? NOTHING),
    repositories: { trees: read?.trees ?? 0, ...(read?.counts ?? { packages: 0, distfiles: 0 }), scanned: false },
    uptime_seconds: null,
    health: null,
    since_start: null,
    in_flight: null,
    read_ahead: null,
    mirrors: null,
    downloads: [],
    downloads_active: 0,
    downloads_waiting: 0,
  };
}

/** @throws {ServerUnreachableError} where a server runs that can't be asked */
export async function readStatus(loaded: LoadedConfig, signal: AbortSignal): Promise<StatusReport> {
  const { location } = loaded.config.storage;
  // The server is of this very program, so its answers are as the schemas have them.
  const status = (await readFromServer(location, "/api/v1/status", signal)) as Status | undefined;
  const under = (await readFromServer(location, "/api/v1/downloads", signal)) as Downloads | undefined;
  if (!status || !under) return fromIndex(loaded);
  const { store, all_time, since_start, uptime_seconds, health, repositories, in_flight, read_ahead, mirrors } = status;
  const known = { store, all_time, since_start, uptime_seconds, health, repositories, in_flight, read_ahead, mirrors };
  return {
    running: true,
    locked: true,
    version: status.version,
    ...known,
    downloads: under.downloads,
    downloads_active: status.downloads.active,
    downloads_waiting: status.downloads.waiting,
  };
}
