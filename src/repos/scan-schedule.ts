/**
 * When one repository is scanned: at start, when asked to, and on misses when its markers moved. What markers do not
 * show (there are none, or somebody edits Manifests by hand) is looked for on misses too, at a bounded cost.
 * Scans of one tree never overlap; whoever comes while one runs that may have passed by its change gets the next.
 * Where its location is a symbolic link, a scan reads where that led at its start: switching it makes no mixture.
 */
import { realpathSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Repository } from "./discover.ts";
import { readMarkers } from "./markers.ts";
import type { ScanReport, ScanRequest } from "./scan.ts";

/** State of one tree for people and for clean-up. */
export interface RepositoryStatus {
  readonly name: string;
  readonly location: string;
  readonly packages: number;
  /** DIST entries. */
  readonly distfiles: number;
  /** End of the last scan that went through; undefined before the first. */
  readonly scannedAt: number | undefined;
  /** How long the last scan took. */
  readonly tookMs: number;
  /** Manifests and folders that the last scan could not read. */
  readonly unreadable: number;
  /** DIST lines that cannot be used, in the Manifests that the last scan read. */
  readonly skipped: number;
  /** Why the last scan came to nothing; sentence part. */
  readonly problem?: string;
}

export interface ScanSchedule {
  /** See Trees.refresh. */
  refresh(unknown: boolean): Promise<void>;
  /** See Trees.rescan. */
  rescan(full: boolean): Promise<void>;
  /** Resolves at the end of the first scan, which it begins where none has begun. */
  firstScan(): Promise<void>;
  status(): RepositoryStatus;
  /** Resolves when no scan is under way or due. */
  idle(): Promise<void>;
}

/**
 * One pass over a repository (scan.ts), on whatever thread.
 * @throws {unknown} the signal's reason; what the index throws
 */
export type Scan = (request: ScanRequest, signal: AbortSignal) => Promise<ScanReport>;

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

/** A tree without markers is scanned for a tenth of the time at most, one with markers that stand still a hundredth. */
const REST_WITHOUT_MARKERS = 10;
const REST_WITH_MARKERS = 100;
/** Whoever asks for a name that no tree knows waits so long for a rest to be over. */
const MAX_WAIT_MS = 1_000;

type LastScan = ScanReport & { readonly markers: string; readonly endedAt: number; readonly tookMs: number };

/** Where it really lies; a link that leads nowhere, and what is not there, stay what they are. */
function resolveLinks(location: string): string {
  try {
    return realpathSync(location);
  } catch {
    return location;
  }
}

/** Moves too when a link leads elsewhere; empty where nothing but that would show a change. */
function markersAt(path: string): string {
  const markers = readMarkers(path);
  return markers === "" ? "" : `${path} ${markers}`;
}

/** The report with paths as people know them, the same for every version that a link led to. */
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
  let resting: Promise<void> | undefined;
  let complained = new Set<string>();

  function tell({ problem, unreadable, skipped, firstSkipped, ...counts }: LastScan, announce: boolean): void {
    if (problem !== undefined && problem !== last?.problem) {
      log.warn("Repository {name} ({location}) {problem}; what was known of it is kept", { name, location, problem });
    }
    const news = unreadable.filter(({ path }) => !complained.has(path));
    const [first] = news;
    if (first) {
      log.warn(
        "{count} paths of repository {name} cannot be read and are kept as they were, such as {path}: {reason}",
        {
          count: unreadable.length,
          name,
          ...first,
        },
      );
    }
    complained = new Set(unreadable.map(({ path }) => path));
    if (firstSkipped !== undefined) {
      log.warn("{skipped} DIST lines of repository {name} cannot be used, the first is {firstSkipped}", {
        skipped,
        name,
        firstSkipped,
      });
    }
    if (problem !== undefined) return;
    const { packages, distfiles, read, changed, removed, tookMs } = counts;
    const say = announce || changed > 0 || removed > 0 ? log.info.bind(log) : log.debug.bind(log);
    say(
      "repository {name}: {packages} packages, {distfiles} distfiles; {read} Manifests read, {changed} changed, {removed} gone, " +
        "{skipped} lines skipped, {tookMs} ms",
      { name, packages, distfiles, read, changed, removed, skipped, tookMs },
    );
  }

  async function scanOnce(path: string, markers: string, full: boolean): Promise<void> {
    const startedAt = clock.now();
    let report: ScanReport;
    try {
      report = await scan({ repositoryId, location: path, full }, signal);
      report = withShownPaths(report, path, location);
    } catch (error) {
      if (signal.aborted) return;
      const { packages, distfiles } = last ?? { packages: 0, distfiles: 0 };
      // Some of it may have been written.
      report = {
        packages,
        distfiles,
        read: 0,
        changed: 1,
        removed: 0,
        skipped: 0,
        unreadable: [],
        problem: reasonOf(error),
      };
    }
    const endedAt = clock.now();
    const moved = last !== undefined && last.markers !== markers;
    const { tookMs = endedAt - startedAt } = report;
    const outcome = { ...report, markers, endedAt, tookMs: Math.max(1, tookMs) };
    tell(outcome, last === undefined || last.problem !== undefined);
    last = outcome;
    if (report.problem === undefined) scannedAt = endedAt;
    // A sync may have brought other ebuilds and eclasses, though no Manifest.
    if (report.changed > 0 || report.removed > 0 || moved) onChange();
  }

  function start(full: boolean): Promise<void> {
    // Read before the scan that they describe: what moves during it is seen as moved after it.
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

  /** The next scan, where what the last one cost allows it by now, or soon enough. */
  function whenRested(previous: LastScan, maxWaitMs: number): Promise<void> {
    const rest = previous.tookMs * (previous.markers === "" ? REST_WITHOUT_MARKERS : REST_WITH_MARKERS);
    const elapsed = clock.now() - previous.endedAt;
    // A negative time says that the clock was set back.
    const waitMs = elapsed < 0 ? 0 : rest - elapsed;
    if (waitMs <= 0) return resting ?? next(false);
    if (waitMs > maxWaitMs) return Promise.resolve();
    const wake = () => {
      resting = undefined;
      return signal.aborted ? undefined : next(false);
    };
    resting ??= clock.sleep(waitMs, signal).then(wake, wake);
    return resting;
  }

  return {
    async refresh(unknown) {
      if (signal.aborted) return;
      const markers = markersAt(resolveLinks(location));
      if (running && markers !== "" && markers === running.markers) return await running.done;
      if (markers !== last?.markers) return await next(false);
      await running?.done;
      if (last) await whenRested(last, unknown && markers === "" ? MAX_WAIT_MS : 0);
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
      distfiles: last?.distfiles ?? 0,
      scannedAt,
      tookMs: last?.tookMs ?? 0,
      unreadable: last?.unreadable.length ?? 0,
      skipped: last?.skipped ?? 0,
      ...(last?.problem === undefined ? {} : { problem: last.problem }),
    }),
  };
}
