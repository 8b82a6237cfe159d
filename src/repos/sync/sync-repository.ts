/**
 * Keeps one tree in step with its URL: when it is due, what is built, whether that is an ebuild repository, and what
 * people are told. A sync that fails for whatever reason leaves the tree as it was.
 */
import type { Clock } from "../../lib/clock.ts";
import { reasonOf } from "../../lib/error-reason.ts";
import type { Logger } from "../../lib/log.ts";
import type { Semaphore } from "../../lib/semaphore.ts";
import { maskCredentials } from "../../lib/url.ts";
import { createRun } from "./run-command.ts";
import { syncOnce } from "./sync-once.ts";
import { shownUrl } from "./url.ts";
import { createVersions } from "./versions.ts";

export interface SyncStatus {
  /** Without credentials. */
  readonly url: string;
  /** Where it lies or will lie: a symbolic link that leads to its current version. */
  readonly location: string;
  /** "waiting": it is not there and its turn has not come; "failing": as `problem` says, with or without a tree in use. */
  readonly state: "waiting" | "cloning" | "current" | "failing";
  /** When it was last known to be what the URL has, in an earlier run too; undefined before the first time. */
  readonly syncedAt: number | undefined;
  /** When it is synced next; undefined while it is, and where it never is. */
  readonly nextAt: number | undefined;
  readonly commit?: string;
  /** Why the last sync came to nothing; sentence part. */
  readonly problem?: string;
}

export interface SyncedRepository {
  readonly url: string;
  readonly location: string;
  /** Whether it was not there before, so that it is a repository from now on. */
  readonly first: boolean;
}

export interface RepositorySyncDeps {
  readonly url: string;
  /** LOCATION/repos. */
  readonly folder: string;
  /** Between syncs; 0: it is cloned and stays as it is. */
  readonly intervalMs: () => number;
  /** The environment of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How many trees are synced at once. */
  readonly slots: Semaphore;
  /** Called when another version is in use. The tree's next sync waits for it, so that whoever reads it can be done. */
  onSynced(tree: SyncedRepository): Promise<void>;
}

export interface RepositorySync {
  status(): SyncStatus;
  /** To be called when the interval is another. */
  reschedule(): void;
  /** Ends what is under way; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

export interface SyncHistory {
  /** Whether some version of it is there to use. */
  readonly there: boolean;
  /** When it was last known to be what its URL has. */
  readonly syncedAt: number | undefined;
  /** End of the last try of this run. */
  readonly triedAt: number | undefined;
  /** Tries in vain since the last good one. */
  readonly failures: number;
  /** 0: what is there stays as it is. */
  readonly intervalMs: number;
}

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;

/** One that is not there is tried again after 1, 2, 4 … minutes. Undefined: never. */
export function nextSyncAt({ there, syncedAt, triedAt, failures, intervalMs }: SyncHistory): number | undefined {
  if (there) return intervalMs === 0 ? undefined : Math.max(triedAt ?? 0, syncedAt ?? 0) + intervalMs;
  if (triedAt === undefined) return 0;
  return triedAt + Math.min(MINUTE_MS * 2 ** Math.max(0, failures - 1), intervalMs || HOUR_MS, HOUR_MS);
}

/** Milliseconds until then; what lies further ahead than any interval is the work of a clock that was set back. */
export function waitMs(at: number, now: number, intervalMs: number): number {
  return at > now + Math.max(intervalMs, HOUR_MS) ? 0 : Math.max(0, at - now);
}

/** Timers hold no more than 24 days. */
const LONGEST_SLEEP_MS = 24 * 60 * 60 * 1000;

function shownReason(error: unknown): string {
  return maskCredentials(reasonOf(error));
}

function textOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, "");
}

/** Begins at once: clones what is not there, and else waits until it is due. */
export function createRepositorySync(deps: RepositorySyncDeps): RepositorySync {
  const { url, folder, clock, log, slots } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const shown = shownUrl(url);
  const run = createRun({ environment: deps.environment, clock, signal });
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
    const there = versions.current() !== undefined;
    return nextSyncAt({ there, syncedAt: versions.syncedAt(), triedAt, failures, intervalMs: deps.intervalMs() });
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
      url: shown,
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
    const next = at === undefined ? "it is not tried again" : `it is tried again at ${textOf(at)}`;
    const syncedAt = versions.syncedAt();
    const since = syncedAt === undefined ? "" : ` of ${textOf(syncedAt)}`;
    const use = versions.current() ? `the tree${since} stays in use` : "there is none to use yet";
    log.warn("Cannot sync repository {url}: {problem}; {use}, {next}", { url: shown, problem, use, next });
  }

  /** Resolves with what to tell of, where there is something new. */
  async function attempt(): Promise<SyncedRepository | undefined> {
    const first = versions.current() === undefined;
    const begunAt = clock.now();
    nextAt = undefined;
    cloning = first;
    try {
      const changed = await syncOnce({ url, versions, run, clock });
      succeed(first, changed, clock.now() - begunAt);
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

  /** What the promise comes to, unless the end comes first. @throws {unknown} the signal's reason */
  async function unlessStopped<T>(promise: Promise<T>): Promise<T> {
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      signal.throwIfAborted();
      return await Promise.race([promise, stopped]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async function acquireSlot(): Promise<() => void> {
    const slot = slots.acquire();
    try {
      return await unlessStopped(slot);
    } catch (error) {
      void slot.then((release) => release());
      throw error;
    }
  }

  async function tell(synced: SyncedRepository): Promise<void> {
    try {
      await deps.onSynced(synced);
    } catch (error) {
      log.error("What {url} brought is not in use everywhere: {error}", { url: shown, error });
    }
  }

  async function sweep(): Promise<void> {
    try {
      await versions.sweep(run);
    } catch (error) {
      signal.throwIfAborted();
      log.warn("Old versions of repository {url} stay on the disk: {reason}", {
        url: shown,
        reason: shownReason(error),
      });
    }
  }

  async function keep(): Promise<void> {
    for (;;) {
      await sweep();
      await untilDue();
      const release = await acquireSlot();
      const synced = await attempt().finally(release);
      if (synced) await unlessStopped(tell(synced));
    }
  }

  const ended = keep().catch((error: unknown) => {
    if (!signal.aborted) log.error("Repository {url} is no longer synced: {error}", { url: shown, error });
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
        url: shown,
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
