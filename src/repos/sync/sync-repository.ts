/**
 * Keeps one repository in sync with its URL: waits until a sync is due, syncs, reports the state, and logs it. A failed sync
 * leaves the repository as it was.
 */
import { abortable } from "../../lib/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { reasonOf } from "../../lib/error-reason.ts";
import type { Logger } from "../../lib/log.ts";
import type { Semaphore } from "../../lib/semaphore.ts";
import { maskCredentials } from "../../lib/url.ts";
import { createCommandRunner } from "./run-command.ts";
import { syncOnce } from "./sync-once.ts";
import { maskedUrl } from "./url.ts";
import { createVersions } from "./versions.ts";

export interface SyncStatus {
  /** Without credentials. */
  readonly url: string;
  /** The repository's path, also before the first sync: a symbolic link to its current version. */
  readonly location: string;
  /** "waiting" is a repository that is to be cloned; "failing" has a `problem`, with or without a current version. */
  readonly state: "waiting" | "cloning" | "current" | "failing";
  /** Time of the last successful sync, in an earlier run too; undefined before the first. */
  readonly syncedAt: number | undefined;
  /** Time of the next sync; undefined during a sync, and where there is none. */
  readonly nextAt: number | undefined;
  readonly commit?: string;
  /** Reason why the last sync failed; sentence part. */
  readonly problem?: string;
}

export interface SyncedRepository {
  readonly url: string;
  readonly location: string;
  /** Whether this is its first version, so that there is a new repository. */
  readonly first: boolean;
}

export interface RepositorySyncDeps {
  readonly url: string;
  /** LOCATION/repos. */
  readonly folder: string;
  /** Time between syncs; 0 clones the repository once. */
  readonly intervalMs: () => number;
  /** The environment of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Limits how many repositories are synced at once. */
  readonly slots: Semaphore;
  /** Called with each new current version. The next sync waits for it, so that readers of the version can finish. */
  onSynced(repository: SyncedRepository): Promise<void>;
}

export interface RepositorySync {
  status(): SyncStatus;
  /** To be called when the interval has changed. */
  reschedule(): void;
  /** Stops the running sync; resolves when none of its processes is left. */
  stop(): Promise<void>;
}

export interface SyncHistory {
  /** Whether there is a current version. */
  readonly hasVersion: boolean;
  /** Time of the last successful sync. */
  readonly syncedAt: number | undefined;
  /** End of the last attempt in this run. */
  readonly triedAt: number | undefined;
  /** Failures since the last success. */
  readonly failures: number;
  /** 0 keeps the first version. */
  readonly intervalMs: number;
}

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;

/** Retries a first clone after 1, 2, 4 … minutes. Returns undefined for never. */
export function nextSyncAt({ hasVersion, syncedAt, triedAt, failures, intervalMs }: SyncHistory): number | undefined {
  if (hasVersion) return intervalMs === 0 ? undefined : Math.max(triedAt ?? 0, syncedAt ?? 0) + intervalMs;
  if (triedAt === undefined) return 0;
  return triedAt + Math.min(MINUTE_MS * 2 ** Math.max(0, failures - 1), intervalMs || HOUR_MS, HOUR_MS);
}

/** Returns the time until `at`; 0 where that is further ahead than any interval, since the clock was set back. */
export function waitMs(at: number, now: number, intervalMs: number): number {
  return at > now + Math.max(intervalMs, HOUR_MS) ? 0 : Math.max(0, at - now);
}

/** Timers are limited to 24 days. */
const LONGEST_SLEEP_MS = 24 * 60 * 60 * 1000;

function shownReason(error: unknown): string {
  return maskCredentials(reasonOf(error));
}

function textOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, "");
}

/** Starts at once: clones a new repository, or waits until a sync is due. */
export function createRepositorySync(deps: RepositorySyncDeps): RepositorySync {
  const { url, folder, clock, log, slots } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const masked = maskedUrl(url);
  const run = createCommandRunner({ environment: deps.environment, clock, signal });
  const versions = createVersions(folder, url);
  const { location } = versions;
  let cloning = false;
  let problem: string | undefined;
  /** Failures since the last success. */
  let failures = 0;
  let triedAt: number | undefined;
  let nextAt: number | undefined;
  let wake = new AbortController();

  function dueAt(): number | undefined {
    const hasVersion = versions.current() !== undefined;
    return nextSyncAt({ hasVersion, syncedAt: versions.syncedAt(), triedAt, failures, intervalMs: deps.intervalMs() });
  }

  async function untilDue(): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const at = dueAt();
      const ms = at === undefined ? LONGEST_SLEEP_MS : waitMs(at, clock.now(), deps.intervalMs());
      if (ms === 0) return;
      nextAt = at;
      wake = new AbortController();
      const woken = AbortSignal.any([signal, wake.signal]);
      await clock.sleep(Math.min(ms, LONGEST_SLEEP_MS), woken).catch(() => undefined);
    }
  }

  function succeed(first: boolean, changed: boolean, tookMs: number): void {
    const recovered = problem !== undefined;
    problem = undefined;
    failures = 0;
    const commit = versions.current()?.commit ?? "none";
    const say = changed || recovered ? log.info.bind(log) : log.debug.bind(log);
    const what = first ? "cloned" : changed ? "synced" : "found unchanged";
    say("repository {url} {what} in {tookMs} ms, commit {commit}: {location}", {
      url: masked,
      what,
      tookMs,
      commit,
      location,
    });
  }

  function fail(error: unknown): void {
    problem = shownReason(error);
    failures++;
    triedAt = clock.now();
    const at = dueAt();
    const next = at === undefined ? "there is no retry" : `the next try is at ${textOf(at)}`;
    const syncedAt = versions.syncedAt();
    const since = syncedAt === undefined ? "" : ` of ${textOf(syncedAt)}`;
    const use = versions.current() ? `the version${since} stays in use` : "there is no version to use yet";
    log.warn("Cannot sync repository {url}: {problem}; {use}, {next}", { url: masked, problem, use, next });
  }

  /** Syncs once; resolves with the repository if it has a new current version. */
  async function attempt(): Promise<SyncedRepository | undefined> {
    const first = versions.current() === undefined;
    const startedAt = clock.now();
    nextAt = undefined;
    cloning = first;
    try {
      const changed = await syncOnce({ url, versions, run, clock, log });
      succeed(first, changed, clock.now() - startedAt);
      triedAt = clock.now();
      return changed ? { url, location, first } : undefined;
    } catch (error) {
      signal.throwIfAborted();
      fail(error);
      return undefined;
    } finally {
      cloning = false;
    }
  }

  async function notify(synced: SyncedRepository): Promise<void> {
    try {
      await deps.onSynced(synced);
    } catch (error) {
      log.error("Cannot use the new version of repository {url} everywhere: {error}", { url: masked, error });
    }
  }

  async function sweep(): Promise<void> {
    try {
      await versions.sweep(run);
    } catch (error) {
      signal.throwIfAborted();
      log.warn("Cannot remove old versions of repository {url}: {reason}", {
        url: masked,
        reason: shownReason(error),
      });
    }
  }

  async function syncForever(): Promise<void> {
    for (;;) {
      await sweep();
      await untilDue();
      const release = await abortable(slots.acquire(), signal, (late) => late());
      const synced = await attempt().finally(release);
      if (synced) await abortable(notify(synced), signal);
    }
  }

  const ended = syncForever().catch((error: unknown) => {
    if (!signal.aborted) log.error("Repository {url} is no longer synced: {error}", { url: masked, error });
  });

  function stateOf(): SyncStatus["state"] {
    if (cloning) return "cloning";
    if (problem !== undefined) return "failing";
    return versions.current() ? "current" : "waiting";
  }

  return {
    status() {
      const commit = versions.current()?.commit;
      return {
        url: masked,
        location,
        state: stateOf(),
        syncedAt: versions.syncedAt(),
        nextAt,
        ...(commit === undefined ? {} : { commit }),
        ...(problem === undefined ? {} : { problem }),
      };
    },
    reschedule: () => wake.abort(),
    async stop() {
      stopping.abort(new Error("syncing was stopped"));
      await ended;
    },
  };
}
