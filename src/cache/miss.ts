/**
 * Fetches one content of a distfile that is not stored: joins the download under way, else starts one. Remembers for a while
 * that no source has it.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import { contentKey, type Digests } from "../distfile/digests.ts";
import { type Attempt, hasLooped, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { SourceList } from "../distfile/source.ts";
import type { Download } from "../fetch/download.ts";
import type { Flights } from "../fetch/flights.ts";
import { headFrom } from "../fetch/head.ts";
import { digestColumns, type FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { PrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { NegativeCache } from "./negative-cache.ts";
import { type DistfileRequest, type HeadResult, type IncomingResult, incomingResult } from "./result.ts";
import type { DownloadPolicy, StartDownload } from "./start-download.ts";

/** One content of a name, to be fetched. */
export interface FetchTarget {
  readonly name: DistfileName;
  /** What the Manifest says; undefined where no package wants the name. */
  readonly expected: Digests | undefined;
  /** False for a file that may be sent but not stored. */
  readonly keep: boolean;
}

/** Identifies the download of a content. */
export function keyOf(target: FetchTarget): string {
  return `${target.name}/${contentKey(target.expected)}/${target.keep ? "keep" : "pass"}`;
}

export interface FetchTask {
  readonly target: FetchTarget;
  readonly request: DistfileRequest;
  /** An outdated file of that name is in the store. */
  readonly stale: boolean;
  /** Another content may be served instead. */
  readonly another: boolean;
}

export interface DistfileDownloads {
  /** Fetches one content, or says why it can't be had. */
  fetch(task: FetchTask): Promise<IncomingResult | HeadResult | readonly Attempt[]>;
  /** @param urgent whether a client waits for the file */
  start(target: FetchTarget, upstream: UpstreamClient, urgent: boolean): Download;
}

export interface DistfileDownloadsDeps {
  readonly startDownload: StartDownload;
  readonly flights: Pick<Flights, "join" | "start">;
  readonly negativeCache: Pick<NegativeCache, "get" | "add">;
  readonly rows: Pick<FileRows, "put">;
  /** Finds the sources of a content; undefined where no package wants the name. */
  readonly findSources: (name: DistfileName, content: Digests | undefined) => Promise<SourceList>;
  readonly downloads: PrioritySemaphore;
  /** Slots for names that no package wants. */
  readonly unknownDownloads: Semaphore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns whether a failure is worth remembering; a corrupt file is only where another content may be served instead. */
function isLasting(error: UnavailableError, another: boolean): boolean {
  return error.absent || (another && error.attempts.every(({ kind }) => kind === "absent" || kind === "bad"));
}

/** A client whose joined downloads end by loops of others joins no more than so many. */
export const MAX_REJOINS = 3;

export function createDistfileDownloads(deps: DistfileDownloadsDeps): DistfileDownloads {
  const { startDownload, flights, negativeCache, rows, findSources, downloads, unknownDownloads, clock, log } = deps;

  function policyOf({ name, expected, keep }: FetchTarget): DownloadPolicy {
    return {
      name,
      expected,
      revalidation: undefined,
      storable: keep,
      findSources: () => findSources(name, expected),
      requestSlot(urgent, hereBytes) {
        if (expected) return downloads.acquire({ bytes: expected.size - hereBytes, urgent });
        return { granted: unknownDownloads.acquire(), raisePriority: () => undefined };
      },
      putRow({ stamp }, { computed, url }) {
        const now = clock.now();
        const wanted = expected ? { wantedOnce: true, orphanedAt: null } : {};
        const times = { storedAt: now, usedAt: now, verifiedAt: now, badStamp: null };
        rows.put({ name, ...digestColumns(computed), stamp, source: url, ...times, ...wanted });
      },
    };
  }

  function start(target: FetchTarget, upstream: UpstreamClient, urgent: boolean): Download {
    return flights.start(keyOf(target), () => startDownload(policyOf(target), upstream, urgent));
  }

  async function fetchHead(
    { name, expected }: FetchTarget,
    key: string,
    upstream: UpstreamClient,
    status: CacheStatus,
  ): Promise<HeadResult | readonly Attempt[]> {
    // Random names cost upstream as little by HEAD as by GET.
    const release = expected ? undefined : await unknownDownloads.acquire();
    try {
      const head = await headFrom(name, expected, await findSources(name, expected), upstream);
      return { kind: "head", head, expected, status };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (error.absent) negativeCache.add(key, error.attempts);
      return error.attempts;
    } finally {
      release?.();
    }
  }

  async function fetchBody(
    target: FetchTarget,
    key: string,
    joined: Download | undefined,
    upstream: UpstreamClient,
    status: CacheStatus,
    another: boolean,
  ): Promise<IncomingResult | readonly Attempt[]> {
    let download: Download;
    try {
      download = joined ?? start(target, upstream, true);
    } catch (error) {
      log.error("Cannot start to fetch {file}: {error}", { file: target.name, error });
      return [{ source: "this server", kind: "failed", detail: "cannot take it, its log says why" }];
    }
    joined?.raisePriority();
    try {
      return await incomingResult(download, status);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (isLasting(error, another)) negativeCache.add(key, error.attempts);
      return error.attempts;
    }
  }

  async function fetch(task: FetchTask, rejoins: number): Promise<IncomingResult | HeadResult | readonly Attempt[]> {
    const { target, request, stale, another } = task;
    const { method, upstream } = request;
    const key = keyOf(target);
    const remembered = negativeCache.get(key);
    if (remembered) return remembered;
    // No await between join and start: that is what makes it one download.
    const joined = flights.join(key);
    const reason = stale ? "stale" : "uri-miss";
    const status: CacheStatus = { kind: "forwarded", reason, collapsed: joined !== undefined, response: "full" };
    if (!joined && method === "HEAD") return await fetchHead(target, key, upstream, status);
    const fetched = await fetchBody(target, key, joined, upstream, status, another);
    // The loop was that of the request which started the download.
    const mayRetry = joined !== undefined && rejoins > 0 && !("kind" in fetched) && hasLooped(fetched);
    return mayRetry ? await fetch(task, rejoins - 1) : fetched;
  }

  return { start, fetch: (task) => fetch(task, MAX_REJOINS) };
}
