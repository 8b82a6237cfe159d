/**
 * Decides when one repository is scanned: at the start, on request, and on misses when its markers changed. On misses of names
 * that no repository has, and where there are no markers, it is also scanned for changes that these do not show (Manifests
 * edited by hand), at a bounded cost. Scans never overlap: a
 * request during a scan that may have missed its change gets the next scan. A location that is a symbolic link is resolved
 * once per scan, so that switching it never mixes two versions.
 */
import { realpathSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { reasonWithPath } from "../lib/error-reason.ts";
import { noun } from "../lib/format.ts";
import type { Logger } from "../lib/log.ts";
import type { Repository } from "./discover.ts";
import { readMarkers } from "./markers.ts";
import type { ScanReport, ScanRequest, UnreadablePath } from "./scan.ts";

/** State of one repository, for people and for clean-up. */
export interface RepositoryStatus {
  readonly name: string;
  readonly location: string;
  readonly packages: number;
  /** How many packages the scan under way has read by now; undefined where none is. */
  readonly reading: number | undefined;
  /** DIST entries. */
  readonly distfiles: number;
  /** End of the last successful scan; undefined before the first. */
  readonly scannedAt: number | undefined;
  /** Duration of the last scan. */
  readonly tookMs: number;
  /** How many Manifests and folders the last scan could not read. */
  readonly unreadable: number;
  /** The first of them, by its path below the location. */
  readonly firstUnreadable?: UnreadablePath;
  /** How many invalid DIST lines the Manifests have that the last scan read. */
  readonly skipped: number;
  /** Reason why the last scan failed; sentence part. */
  readonly problem?: string;
}

export interface ScanSchedule {
  /** See RepositoryScans.refresh. */
  refresh(unknown: boolean): Promise<void>;
  /** See RepositoryScans.rescan. */
  rescan(full: boolean): Promise<void>;
  /** Resolves at the end of the first scan, and starts it if need be. */
  firstScan(): Promise<void>;
  status(): RepositoryStatus;
  /** Resolves when no scan is running or queued. */
  idle(): Promise<void>;
}

/**
 * Runs one scan of a repository (scan.ts), on whatever thread.
 * @throws {unknown} the signal's reason; what the index throws
 */
export type Scan = (
  request: ScanRequest,
  signal: AbortSignal,
  /** Called now and then with how many packages have been read by then. */
  onReading?: (packages: number) => void,
) => Promise<ScanReport>;

export interface ScanScheduleDeps {
  readonly repository: Repository;
  readonly repositoryId: number;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called at the end of each scan that changed something, or followed a sync. */
  onChange(): void;
}

/** A repository is scanned for at most a tenth of the time without markers, and a hundredth with unchanged markers. */
const PAUSE_FACTOR_WITHOUT_MARKERS = 10;
const PAUSE_FACTOR_WITH_MARKERS = 100;
/** How long a miss on an unknown name waits for the end of a pause. */
const MAX_WAIT_MS = 1_000;

type LastScan = ScanReport & { readonly markers: string; readonly endedAt: number; readonly tookMs: number };

/** Returns the real path; a broken link and a missing path stay as they are. */
function resolveLinks(location: string): string {
  try {
    return realpathSync(location);
  } catch {
    return location;
  }
}

/** Returns markers that also change when a link is switched; empty where the repository has none. */
function markersAt(path: string): string {
  const markers = readMarkers(path);
  return markers === "" ? "" : `${path} ${markers}`;
}

/** Returns the report with paths below the configured location, the same for every version that a link led to. */
function withShownPaths(report: ScanReport, path: string, location: string): ScanReport {
  const shown = (text: string) => (text.startsWith(path) ? location + text.slice(path.length) : text);
  const { firstSkipped, unreadable } = report;
  return {
    ...report,
    unreadable: unreadable.map((one) => ({ ...one, path: shown(one.path) })),
    ...(firstSkipped === undefined ? {} : { firstSkipped: shown(firstSkipped) }),
  };
}

export function createScanSchedule({
  repository,
  repositoryId,
  scan,
  clock,
  log,
  signal,
  onChange,
}: ScanScheduleDeps): ScanSchedule {
  const { name, location } = repository;
  let last: LastScan | undefined;
  let scannedAt: number | undefined;
  let running: { readonly markers: string; readonly done: Promise<void> } | undefined;
  let queued: { full: boolean; readonly done: Promise<void> } | undefined;
  let pausing: Promise<void> | undefined;
  let reading: number | undefined;
  let reported = new Set<string>();

  function logUnreadable(unreadable: readonly UnreadablePath[]): void {
    const first = unreadable.find(({ path }) => !reported.has(path));
    reported = new Set(unreadable.map(({ path }) => path));
    if (!first) return;
    const count = unreadable.length;
    const [paths, them] = count === 1 ? ["{path}", "it"] : ["{count} paths, such as {path},", "them"];
    const text = `Cannot read ${paths} of repository {name}: {reason}. Keeping what is known of ${them}.`;
    log.warn(text, { count, name, ...first });
  }

  function logReport({ problem, unreadable, skipped, firstSkipped, ...counts }: LastScan, announce: boolean): void {
    if (problem !== undefined && problem !== last?.problem) {
      log.warn("Repository {name} ({location}) {problem}. Keeping what is known of it.", { name, location, problem });
    }
    logUnreadable(unreadable);
    if (firstSkipped !== undefined) {
      log.warn(`Repository {name} has {skipped} invalid DIST ${noun(skipped, "line")}, the first at {firstSkipped}`, {
        skipped,
        name,
        firstSkipped,
      });
    }
    if (problem !== undefined) return;
    const { packages, distfiles, read, changed, removed, tookMs } = counts;
    const say = announce || changed > 0 || removed > 0 ? log.info.bind(log) : log.debug.bind(log);
    say(
      `repository {name}: {packages} ${noun(packages, "package")}, {distfiles} ${noun(distfiles, "distfile")}; ` +
        `{read} ${noun(read, "Manifest")} read, {changed} changed, {removed} removed, ` +
        `{skipped} ${noun(skipped, "line")} skipped, {tookMs} ms`,
      { name, packages, distfiles, read, changed, removed, skipped, tookMs },
    );
  }

  async function scanOnce(path: string, markers: string, full: boolean): Promise<void> {
    const startedAt = clock.now();
    let report: ScanReport;
    reading = 0;
    try {
      report = await scan({ repositoryId, location: path, full }, signal, (packages) => {
        reading = packages;
      });
      report = withShownPaths(report, path, location);
    } catch (error) {
      if (signal.aborted) return;
      const { packages, distfiles } = last ?? { packages: 0, distfiles: 0 };
      // Part of the scan may be in the index.
      report = {
        packages,
        distfiles,
        read: 0,
        changed: 1,
        removed: 0,
        skipped: 0,
        unreadable: [],
        problem: `cannot be scanned: ${reasonWithPath(error)}`,
      };
    } finally {
      reading = undefined;
    }
    const endedAt = clock.now();
    const moved = last !== undefined && last.markers !== markers;
    const { tookMs = endedAt - startedAt } = report;
    const outcome = { ...report, markers, endedAt, tookMs: Math.max(1, tookMs) };
    logReport(outcome, last === undefined || last.problem !== undefined);
    last = outcome;
    if (report.problem === undefined) scannedAt = endedAt;
    // A sync may bring other ebuilds and eclasses without a changed Manifest.
    if (report.changed > 0 || report.removed > 0 || moved) onChange();
  }

  function start(full: boolean): Promise<void> {
    // Read before the scan: a change during the scan shows as a change after it.
    const path = resolveLinks(location);
    const markers = markersAt(path);
    const done = scanOnce(path, markers, full).finally(() => {
      running = undefined;
    });
    running = { markers, done };
    return done;
  }

  function next(full: boolean): Promise<void> {
    if (queued) {
      queued.full ||= full;
      return queued.done;
    }
    if (!running) return start(full);
    const done = running.done.then(() => {
      const fully = queued?.full ?? full;
      queued = undefined;
      return signal.aborted ? undefined : start(fully);
    });
    queued = { full, done };
    return done;
  }

  /** Starts the next scan if the pause that the last one requires is over, or will be within `maxWaitMs`. */
  function afterPause(maxWaitMs: number): Promise<void> {
    if (!last) return Promise.resolve();
    const pauseMs = last.tookMs * (last.markers === "" ? PAUSE_FACTOR_WITHOUT_MARKERS : PAUSE_FACTOR_WITH_MARKERS);
    const elapsed = clock.now() - last.endedAt;
    // A negative time means that the clock was set back.
    const waitMs = elapsed < 0 ? 0 : pauseMs - elapsed;
    if (waitMs <= 0) return pausing ?? next(false);
    if (waitMs > maxWaitMs) return Promise.resolve();
    const wake = () => {
      pausing = undefined;
      return signal.aborted ? undefined : next(false);
    };
    pausing ??= clock.sleep(waitMs, signal).then(wake, wake);
    return pausing;
  }

  function firstUnreadable(): Pick<RepositoryStatus, "firstUnreadable"> {
    const [first] = last?.unreadable ?? [];
    if (!first) return {};
    const path = first.path.startsWith(`${location}/`) ? first.path.slice(location.length + 1) : first.path;
    return { firstUnreadable: { ...first, path } };
  }

  return {
    async refresh(unknown) {
      if (signal.aborted) return;
      const markers = markersAt(resolveLinks(location));
      if (running && markers !== "" && markers === running.markers) return await running.done;
      if (markers !== last?.markers) return await next(false);
      // The Manifests of a known file are looked at by themselves (manifest-check.ts).
      if (!unknown && markers !== "") return;
      await running?.done;
      await afterPause(unknown && markers === "" ? MAX_WAIT_MS : 0);
    },
    async rescan(full) {
      if (!signal.aborted) await next(full);
    },
    async firstScan() {
      if (!signal.aborted && !last) await (running?.done ?? next(false));
    },
    async idle() {
      while (running || queued) await (queued ?? running)?.done;
    },
    status: () => ({
      name,
      location,
      packages: last?.packages ?? 0,
      reading,
      distfiles: last?.distfiles ?? 0,
      scannedAt,
      tookMs: last?.tookMs ?? 0,
      unreadable: last?.unreadable.length ?? 0,
      ...firstUnreadable(),
      skipped: last?.skipped ?? 0,
      ...(last?.problem === undefined ? {} : { problem: last.problem }),
    }),
  };
}
