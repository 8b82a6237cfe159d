/**
 * Fetches one content of a distfile that is not stored: joins the download under way, else starts one. Remembers for a while
 * that no source has it.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import { contentKey, type Digests } from "../distfile/digests.ts";
import { type Attempt, hasLooped, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { SourceList } from "../distfile/source.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Download } from "../fetch/download.ts";
import type { Flights } from "../fetch/flights.ts";
import { headFrom } from "../fetch/head.ts";
import { digestColumns, type FileRows } from "../index/files.ts";
import type { ClientLimit } from "../lib/client-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { inSlot, type PrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { Heads } from "./heads.ts";
import type { NegativeCache } from "./negative-cache.ts";
import { startQueued } from "./queue.ts";
import {
  type Busy,
  type DistfileRequest,
  type HeadResult,
  type IncomingResult,
  incomingResult,
  type Left,
} from "./result.ts";
import type { DownloadPolicy, StartDownload } from "./start-download.ts";

/** One content of a name, to be fetched. */
export interface FetchTarget {
  readonly name: DistfileName;
  /** What the Manifest says; undefined where no package wants the name. */
  readonly expected: Digests | undefined;
  /** False for a file that may be sent but not stored. */
  readonly keep: boolean;
}

type Fetched = IncomingResult | HeadResult | Busy | Left | readonly Attempt[];

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
  fetch(task: FetchTask): Promise<Fetched>;
  /** Starts a download that no client waits for. */
  start(target: FetchTarget, upstream: UpstreamClient): Download;
}

export interface DistfileDownloadsDeps {
  readonly startDownload: StartDownload;
  readonly flights: Pick<Flights, "join" | "start">;
  readonly negativeCache: Pick<NegativeCache, "get" | "add">;
  readonly rows: Pick<FileRows, "put">;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Returns the location of a repository whose Manifest on disk says something else of a file than what is known. */
  readonly outdatedRepository: (by: readonly WantedBy[]) => string | undefined;
  /** Finds the sources of a content; undefined where no package wants the name. */
  readonly findSources: (name: DistfileName, content: Digests | undefined) => Promise<SourceList>;
  readonly heads: Heads;
  /** Limits how many downloads clients wait for, of names that a package wants. */
  readonly queue: ClientLimit;
  /** Limits the same for other names. */
  readonly unknownQueue: ClientLimit;
  /** Slots to find sources in, which may take long. */
  readonly resolving: PrioritySemaphore;
  readonly downloads: PrioritySemaphore;
  /** Slots for names that no package wants. */
  readonly unknownDownloads: PrioritySemaphore;
  /** Slots to ask by HEAD for names that a package wants. */
  readonly headSlots: PrioritySemaphore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns whether a failure is worth remembering; a corrupt file is only where another content may be served instead. */
function isLasting(error: UnavailableError, another: boolean): boolean {
  return error.absent || (another && error.attempts.every(({ kind }) => kind !== "failed" && kind !== "timeout"));
}

/** How many downloads a client joins one after the other, where each ends by another request's loop. */
export const MAX_REJOINS = 3;

export function createDistfileDownloads(deps: DistfileDownloadsDeps): DistfileDownloads {
  const { startDownload, flights, negativeCache, rows, findSources, heads, clock, log } = deps;
  const { queue, unknownQueue, resolving, downloads, unknownDownloads, headSlots } = deps;

  function resolve(name: DistfileName, content: Digests | undefined, client: string | undefined, stop: AbortSignal) {
    return inSlot(resolving, { bytes: 0, urgent: true, client }, stop, () => findSources(name, content));
  }

  /** Returns what tells whether the Manifests still want a content, by those that scans read and by those on disk. */
  function createWantedCheck(name: DistfileName, expected: Digests | undefined): () => boolean {
    if (expected === undefined) return () => true;
    const key = contentKey(expected);
    // Where they say something else all along, no scan could read them: what is known counts.
    const isOutdated = () => deps.outdatedRepository(deps.wantedBy(name)) !== undefined;
    const wasOutdated = isOutdated();
    const isWanted = () => deps.wantedBy(name).some(({ entry }) => contentKey(entry) === key);
    return () => isWanted() && (wasOutdated || !isOutdated());
  }

  function policyOf({ name, expected, keep }: FetchTarget, client: string | undefined): DownloadPolicy {
    return {
      isWanted: createWantedCheck(name, expected),
      name,
      expected,
      revalidation: undefined,
      storable: keep,
      findSources: (stop) => resolve(name, expected, client, stop),
      requestSlot(urgent, hereBytes) {
        if (expected) return downloads.acquire({ bytes: expected.size - hereBytes, urgent, client });
        return unknownDownloads.acquire({ bytes: 0, urgent, client });
      },
      putRow({ stamp }, { computed, url }) {
        const now = clock.now();
        const wanted = { wantedOnce: expected !== undefined, orphanedAt: null };
        const times = { storedAt: now, usedAt: now, verifiedAt: now, badStamp: null };
        rows.put({ name, ...digestColumns(computed), stamp, source: url, ...times, ...wanted });
      },
    };
  }

  function start(target: FetchTarget, upstream: UpstreamClient, client: string | undefined, urgent: boolean): Download {
    return flights.start(keyOf(target), () => startDownload(policyOf(target, client), upstream, urgent));
  }

  async function fetchHead(
    { name, expected }: FetchTarget,
    key: string,
    { upstream, waiter }: DistfileRequest,
    status: CacheStatus,
  ): Promise<Fetched> {
    // Random names cost upstream as little by HEAD as by GET.
    const [limit, slots] = expected ? [queue, headSlots] : [unknownQueue, unknownDownloads];
    const send = async (signal: AbortSignal) =>
      await headFrom(name, expected, await resolve(name, expected, waiter.client, signal), upstream, signal);
    try {
      const head = heads.recent(key) ?? (await heads.ask(key, limit, slots, waiter, send));
      return "kind" in head ? head : { kind: "head", head, expected, status };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (error.absent) negativeCache.add(key, error.attempts);
      return error.attempts;
    }
  }

  async function fetchBody(
    target: FetchTarget,
    key: string,
    joined: Download | undefined,
    { upstream, waiter }: DistfileRequest,
    status: CacheStatus,
    another: boolean,
  ): Promise<Fetched> {
    let download: Download | Busy;
    try {
      const limit = target.expected ? queue : unknownQueue;
      download = joined ?? startQueued(limit, waiter, () => start(target, upstream, waiter.client, true));
    } catch (error) {
      log.error("Cannot start to fetch {file}: {error}", { file: target.name, error });
      return [{ source: "this server", kind: "failed", detail: "cannot store it (see its log)" }];
    }
    if ("kind" in download) return download;
    joined?.raisePriority();
    try {
      return await incomingResult(download, status, waiter);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (isLasting(error, another)) negativeCache.add(key, error.attempts);
      return error.attempts;
    }
  }

  async function fetch(task: FetchTask, rejoins: number): Promise<Fetched> {
    const { target, request, stale, another } = task;
    if (request.waiter.signal.aborted) return { kind: "left" };
    const key = keyOf(target);
    const remembered = negativeCache.get(key);
    if (remembered) return remembered;
    // No await between join and start: that is what makes it one download.
    const joined = flights.join(key);
    const reason = stale ? "stale" : "uri-miss";
    const status: CacheStatus = { kind: "forwarded", reason, collapsed: joined !== undefined, response: "full" };
    const isHead = !joined && request.method === "HEAD";
    const fetched = isHead
      ? await fetchHead(target, key, request, status)
      : await fetchBody(target, key, joined, request, status, another);
    // The loop was that of the request which started the download, or may have been.
    const mayRetry = (isHead || joined !== undefined) && rejoins > 0 && !("kind" in fetched) && hasLooped(fetched);
    return mayRetry ? await fetch(task, rejoins - 1) : fetched;
  }

  return {
    start: (target, upstream) => start(target, upstream, undefined, false),
    fetch: (task) => fetch(task, MAX_REJOINS),
  };
}
