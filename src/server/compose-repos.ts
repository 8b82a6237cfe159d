/**
 * Puts together the ebuild repositories: scans those on disk, syncs those given as URLs.
 */
import type { Config } from "../config/schema.ts";
import { type Index, setAside } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { type DiscoveredRepositories, discoverRepositories, REPOS_HINT } from "../repos/discover.ts";
import { createRepositoryRefresh, type RepositoryRefresh } from "../repos/refresh.ts";
import { type ConfiguredRepositories, createRepositoryScans } from "../repos/repositories.ts";
import { scanRepository } from "../repos/scan.ts";
import { createSync } from "../repos/sync/sync.ts";
import type { SyncedRepository } from "../repos/sync/sync-repository.ts";
import { syncedLocation } from "../repos/sync/versions.ts";
import { createScanThread, type ScanThread } from "./scan-thread.ts";

export interface RepositoriesParts {
  readonly config: Pick<Config, "repo" | "storage" | "fetcher">;
  readonly index: Pick<Index, "db" | "manifestsPath">;
  readonly onIndexDamage: () => void;
  /** Script of the scanning thread. */
  readonly scanWorkerUrl: string;
  /** Environment of the process, of which git and rsync need some. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedRepositories {
  readonly configured: ConfiguredRepositories;
  readonly rows: RepositoryRows;
  readonly refresh: RepositoryRefresh;
}

const MINUTE_MS = 60_000;
/** How often a repository that is not there is looked for again: it may be mounted, or opened, while the server runs. */
const LOOK_AGAIN_MS = 5_000;

/** Adds the proxy for git and rsync; rsync takes it without a scheme (rsync(1), RSYNC_PROXY). */
function withProxy(environment: RepositoriesParts["environment"], proxy: string): RepositoriesParts["environment"] {
  if (proxy === "") return environment;
  return { ...environment, http_proxy: proxy, https_proxy: proxy, RSYNC_PROXY: new URL(proxy).host };
}

/** Returns the folder of repositories that are cloned from URLs. */
export function syncedFolder({ storage }: Pick<Config, "storage">): string {
  return `${storage.location}/repos`;
}

/** Discovers the configured repositories, those cloned from URLs included. */
export function discoverConfigured(config: Pick<Config, "repo" | "storage">): DiscoveredRepositories {
  const folder = syncedFolder(config);
  return discoverRepositories({ repos: config.repo.repos, synced: (url) => syncedLocation(folder, url) });
}

/** Scans in this thread, as no other can open an index in memory. */
function scanHere(rows: RepositoryRows): ScanThread {
  return {
    async scan(request, signal) {
      while (rows.prune(rows.ids())) await Bun.sleep(0);
      return await scanRepository({ ...request, rows, signal });
    },
    stop: async () => undefined,
  };
}

function composeScan(
  { index, scanWorkerUrl, onIndexDamage, log }: RepositoriesParts,
  rows: RepositoryRows,
): ScanThread {
  const { manifestsPath } = index;
  if (manifestsPath === undefined) return scanHere(rows);
  return createScanThread({
    workerUrl: scanWorkerUrl,
    manifestsPath,
    repositoryIds: rows.ids,
    onChange: rows.noteChange,
    onDamage() {
      log.warn("{path} is damaged or gone and is rebuilt; a damaged one is kept as {path}.damaged", {
        path: manifestsPath,
      });
      setAside(manifestsPath);
      onIndexDamage();
    },
  });
}

function composeConfigured(parts: RepositoriesParts, rows: RepositoryRows): ConfiguredRepositories {
  const { config, environment, clock, log } = parts;
  let found = discoverConfigured(config);
  const logProblems = () => {
    for (const problem of [...found.problems, ...found.warnings]) log.warn("{problem}", { problem });
  };
  logProblems();
  const thread = composeScan(parts, rows);
  const scans = createRepositoryScans({
    repositories: found.repositories,
    configureRows: rows.configure,
    scan: thread.scan,
    clock,
    log,
  });

  async function onSynced({ location, first }: SyncedRepository): Promise<void> {
    if (first) {
      found = discoverConfigured(config);
      await scans.configure(found.repositories);
      await scans.ready;
    } else {
      await scans.rescanOne(location);
    }
  }

  function unverifiedReason(): string | undefined {
    if (found.repositories.length === 0) {
      const [problem] = found.problems;
      const none = found.pending.length > 0 ? "no ebuild repository is cloned yet" : "no ebuild repository";
      return problem === undefined ? none : `${none}: ${problem}`;
    }
    if (!scans.scanned || scans.status().some(({ packages }) => packages > 0)) return undefined;
    const problem = scans.status().find((one) => one.problem !== undefined)?.problem;
    return problem === undefined
      ? ["the ebuild repositories have no packages", ...found.problems.slice(0, 1)].join(": ")
      : `the ebuild repositories could not be read: ${problem}`;
  }

  async function warnIfUnverified(): Promise<void> {
    await scans.ready;
    const reason = found.pending.length > 0 ? undefined : unverifiedReason();
    if (reason !== undefined) log.warn("Nothing is verified: {reason} ({hint})", { reason, hint: REPOS_HINT });
  }

  async function lookAgain(): Promise<void> {
    const fresh = discoverConfigured(config);
    const locationsOf = ({ repositories }: DiscoveredRepositories) =>
      new Set(repositories.map(({ location }) => location));
    const [before, now] = [locationsOf(found), locationsOf(fresh)];
    // One that has gone is noticed by its scan, and what is known of it stays.
    if (!before.isSubsetOf(now)) return;
    found = fresh;
    const arrived = fresh.repositories.filter(({ location }) => !before.has(location));
    if (arrived.length === 0) return;
    for (const { location } of arrived) log.info("The repository {location} is there now", { location });
    await scans.configure(found.repositories);
  }

  const stopping = new AbortController();

  /** Ends at stop(). */
  async function keepLooking(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(LOOK_AGAIN_MS, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted || found.problems.length === 0) continue;
      await lookAgain().catch((error: unknown) =>
        log.warn("Cannot look for the repositories again: {error}", { error }),
      );
    }
  }

  let sync: ReturnType<typeof createSync> | undefined;

  function startSync(): void {
    if (sync || found.urls.length === 0) return;
    sync = createSync({
      urls: found.urls,
      folder: syncedFolder(config),
      intervalMs: config.repo.sync_interval * MINUTE_MS,
      environment: withProxy(environment, config.fetcher.proxy),
      clock,
      log,
      onSynced,
    });
  }

  return {
    scans,
    discovered: () => found,
    scanned: () => scans.scanned && found.pending.length === 0,
    unverifiedReason,
    start() {
      startSync();
      void warnIfUnverified();
      void keepLooking();
    },
    async reconfigure() {
      found = discoverConfigured(config);
      logProblems();
      await sync?.configure(found.urls, config.repo.sync_interval * MINUTE_MS);
      startSync();
      await scans.configure(found.repositories);
      void warnIfUnverified();
    },
    async stop() {
      stopping.abort();
      await sync?.stop();
      await scans.stop();
      await thread.stop();
    },
  };
}

/** @param onChange called when a repository has changed: it may have sources for files that were not found before */
export function composeRepositories(parts: RepositoriesParts, onChange: () => void): ComposedRepositories {
  const rows = createRepositoryRows(parts.index.db);
  const configured = composeConfigured(parts, rows);
  return { configured, rows, refresh: createRepositoryRefresh(configured.scans, parts.clock, onChange) };
}
