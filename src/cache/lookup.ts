/**
 * Answers requests for distfiles: from the store if the file is there and right, else joined to the download under way, else from
 * a new one, for at most as long as a client waits for a first byte.
 */
import { type CacheStatus, HIT } from "../distfile/cache-status.ts";
import { contentKey, type Digests } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy, wantedByText } from "../distfile/wanted-by.ts";
import type { Flights } from "../fetch/flights.ts";
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { createEventLoopTurns } from "../lib/event-loop-turns.ts";
import type { Logger } from "../lib/log.ts";
import type { MemoryCache } from "../store/memory-cache.ts";
import type { InUse } from "./in-use.ts";
import { type DistfileDownloads, type FetchTarget, keyOf } from "./miss.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { RecentHits } from "./recent-hits.ts";
import {
  countUse,
  type DistfileRequest,
  type IncomingResult,
  inTime,
  type LookupResult,
  notFoundResult,
  type StoredResult,
} from "./result.ts";
import type { StoredContent, StoredFiles } from "./stored-files.ts";

/** A socket takes this much at once; sent from memory it costs less (measured for hits). */
const SENT_FROM_MEMORY_BYTES = 64 * 1024;

export interface Cache {
  /** Serves a file that was found right before and has not changed since; at once, as most requests are for such. */
  peek(name: DistfileName, method: DistfileRequest["method"]): StoredResult | undefined;
  /** @param deadlineMs a result or a first byte is there within this, or "late" is the answer */
  lookup(request: DistfileRequest, deadlineMs: number): Promise<LookupResult>;
}

export interface CacheDeps {
  readonly storedFiles: Pick<StoredFiles, "find">;
  readonly recentHits: RecentHits;
  readonly memoryCache: Pick<MemoryCache, "use" | "holds">;
  readonly rows: Pick<FileRows, "touch" | "fetched">;
  readonly inUse: Pick<InUse, "enter" | "note">;
  readonly readAhead: Pick<ReadAhead, "missed" | "served">;
  readonly flights: Pick<Flights, "waitUntilStored">;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /**
   * Sees to it that the Manifests known are those on disk now, as far as a client can wait for that. Resolves with whether a
   * repository has changed.
   */
  readonly refreshRepositories: (known: boolean) => Promise<boolean>;
  /** The same for the repository at this location. */
  readonly refreshRepository: (location: string) => Promise<boolean>;
  /** Returns the location of a repository whose Manifest on disk says something else of a file than what is known. */
  readonly outdatedRepository: (by: readonly WantedBy[]) => string | undefined;
  /** Whether every repository has been read since the start. */
  readonly repositoriesScanned: () => boolean;
  /** Says what could not be read of the repositories; empty where all was. */
  readonly unreadableNote: () => string;
  readonly unknown: "mirrors" | "deny";
  readonly distfileDownloads: Pick<DistfileDownloads, "fetch">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Manifests looked at in one turn of the event loop: hundreds of clients may have waited for one file that no source has. */
const CHECKS_PER_TURN = 4;

function hasFailed({ kind }: LookupResult): boolean {
  return kind === "absent" || kind === "failed" || kind === "timed-out";
}

export function createCache(deps: CacheDeps): Cache {
  const { storedFiles, recentHits, memoryCache, rows, inUse, readAhead, flights, distfileDownloads } = deps;
  const { wantedBy, clock, log } = deps;
  const checkTurns = createEventLoopTurns(CHECKS_PER_TURN);

  function serveStored(
    name: DistfileName,
    method: DistfileRequest["method"],
    stored: StoredContent,
    status: CacheStatus,
  ): StoredResult {
    inUse.note(name);
    if (method !== "GET") return { kind: "stored", name, stored, status, body: undefined };
    rows.touch(name, clock.now());
    readAhead.served(name);
    return { kind: "stored", name, stored, status, body: memoryCache.use(name, stored.file) };
  }

  /** Whether the name belongs to the content that is requested: only then is another content under it an older one. */
  function ownsName({ name, content }: DistfileRequest): boolean {
    const [first] = contentsOf(wantedBy(name));
    return content === undefined || first === undefined || contentKey(content) === contentKey(first);
  }

  async function fromStore(
    request: DistfileRequest,
    contents: readonly Digests[],
  ): Promise<StoredResult | "stale" | undefined> {
    const { name, method } = request;
    const leave = inUse.enter(name);
    try {
      const stored = await storedFiles.find(name, contents);
      if (stored === "stale") return ownsName(request) ? stored : undefined;
      return stored && serveStored(name, method, stored, HIT);
    } finally {
      leave();
    }
  }

  /** The file under whichever of its names it is stored; "stale" where only an outdated one is. */
  async function findStored(requests: readonly DistfileRequest[]): Promise<StoredResult | "stale" | undefined> {
    let stale: "stale" | undefined;
    for (const request of requests) {
      const { name, content } = request;
      // By name the first repository's content counts.
      const contents = content ? [content] : contentsOf(wantedBy(name)).slice(0, 1);
      const { revision } = recentHits;
      const found = await fromStore(request, contents);
      if (found === "stale") stale = found;
      else if (found) {
        if (!content) recentHits.put(name, found.stored, revision);
        return found;
      }
    }
    return stale;
  }

  /** Returns what there is to fetch: each content in turn, or the bare name where no repository knows it. */
  function targetsOf({ name, content }: DistfileRequest, by: readonly WantedBy[]): readonly FetchTarget[] {
    const [first] = contentsOf(by);
    const contents = content ? [content] : contentsOf(by);
    if (contents.length === 0) return [{ name, expected: undefined, keep: deps.repositoriesScanned() }];
    // By content-hash a client may want another repository's file of this name: it gets that, but the name belongs to the first.
    return contents.map((expected) => ({
      name,
      expected,
      keep: !content || contentKey(expected) === contentKey(first),
    }));
  }

  /** The stored file where that has come into question only now. */
  async function findAgain(
    request: DistfileRequest,
    target: FetchTarget,
    isFirst: boolean,
  ): Promise<StoredResult | undefined> {
    const { expected } = target;
    const isStored = await flights.waitUntilStored(keyOf(target));
    // The first content is not to be had, so another repository's will do, if it is stored already.
    const isOther = !isFirst && expected !== undefined;
    if (!isOther && !isStored) return undefined;
    const found = await fromStore(request, expected ? [expected] : []);
    return found === "stale" ? undefined : found;
  }

  /**
   * Has a file that is stored by now sent from the disk: what a slow client has not taken of it lies there, and not in memory.
   * Releases the download then.
   */
  async function fromDisk(
    { method }: DistfileRequest,
    { name, expected }: FetchTarget,
    fetched: IncomingResult,
  ): Promise<StoredResult | undefined> {
    const { download, status, release } = fetched;
    if (method !== "GET" || !download.stored || (download.size ?? 0) <= SENT_FROM_MEMORY_BYTES) return undefined;
    const leave = inUse.enter(name);
    try {
      const stored = await storedFiles.find(name, expected ? [expected] : []);
      if (stored === undefined || stored === "stale") return undefined;
      inUse.note(name);
      release();
      return { kind: "stored", name, stored, status, body: undefined, source: download.url };
    } finally {
      leave();
    }
  }

  /** Fetches one content, or returns why it can't be had. */
  async function fetchContent(request: DistfileRequest, target: FetchTarget, stale: boolean, another: boolean) {
    const fetched = await distfileDownloads.fetch({ target, request, stale, another });
    if (!("kind" in fetched) || fetched.kind !== "incoming") return fetched;
    const isJoined = fetched.status.kind === "forwarded" && fetched.status.collapsed;
    if (request.method === "GET") countUse(rows, fetched.download, isJoined, clock.now());
    if (isJoined) readAhead.served(target.name);
    else if (target.expected && target.keep) readAhead.missed(target.name, target.expected);
    return (await fromDisk(request, target, fetched)) ?? fetched;
  }

  async function fetchAny(request: DistfileRequest, stale: boolean): Promise<LookupResult> {
    const by = wantedBy(request.name);
    if (by.length === 0 && deps.unknown === "deny") {
      const note = `No repository knows this file, and [fetcher] unknown is "deny". ${deps.unreadableNote()}`.trim();
      return notFoundResult([], [], note);
    }
    const attempts: Attempt[] = [];
    const targets = targetsOf(request, by);
    for (const target of targets) {
      const stored = await findAgain(request, target, target === targets[0]);
      if (stored) return stored;
      const fetched = await fetchContent(request, target, stale, targets.length > 1);
      if ("kind" in fetched) return fetched;
      attempts.push(...fetched);
    }
    const note = by.length === 0 ? `No repository knows this file. ${deps.unreadableNote()}`.trim() : "";
    return notFoundResult(attempts, wantedByText(by), note);
  }

  /** Fetches the file under the first of its names that can be had. */
  async function fetchFirst(requests: readonly DistfileRequest[], stale: boolean): Promise<LookupResult> {
    let found: LookupResult = { kind: "late" };
    for (const one of requests) {
      found = await fetchAny(one, stale);
      if (found.kind !== "absent") break;
    }
    return found;
  }

  /** Looks again: the repositories may have changed meanwhile, and somebody else may have brought the file. */
  async function findOrFetch(requests: readonly DistfileRequest[]): Promise<LookupResult> {
    const stored = await findStored(requests);
    return stored === undefined || stored === "stale" ? await fetchFirst(requests, stored === "stale") : stored;
  }

  /** Reads the Manifests of a file where these say something else now than what is known. Returns whether they do. */
  async function refreshOutdated(name: DistfileName): Promise<boolean> {
    await checkTurns();
    const location = deps.outdatedRepository(wantedBy(name));
    return location !== undefined && (await deps.refreshRepository(location));
  }

  const checkAgain = new Map<DistfileName, Promise<boolean>>();

  /** Looks at the Manifests once for all who hear in one turn of the event loop that they can't have the file: hundreds may wait for it. */
  function refreshOutdatedForAll(name: DistfileName): Promise<boolean> {
    const known = checkAgain.get(name);
    if (known !== undefined) return known;
    const check = new Promise((resolve) => setImmediate(resolve)).then(() => {
      checkAgain.delete(name);
      return refreshOutdated(name);
    });
    checkAgain.set(name, check);
    return check;
  }

  async function find(request: DistfileRequest): Promise<LookupResult> {
    const { name } = request;
    const requests = [name, ...request.aliases].map((one) => ({ ...request, name: one }));
    // Until the first scan ends, the index has what an earlier run read, and a Manifest may have changed since.
    if (!deps.repositoriesScanned()) await refreshOutdated(name);
    // A stored file waits for no scan, even where the index was lost: it was verified before it got its name.
    const stored = await findStored(requests);
    if (stored !== undefined && stored !== "stale") return stored;
    const isUnknown = wantedBy(name).length === 0;
    if (isUnknown ? await deps.refreshRepositories(false) : await refreshOutdated(name))
      return await findOrFetch(requests);
    // The Manifests on disk say what is known of the file: the repositories are looked at beside its download.
    const refreshed = deps.refreshRepositories(true);
    const found = await fetchFirst(requests, stored === "stale");
    return hasFailed(found) && ((await refreshed) || (await refreshOutdatedForAll(name)))
      ? await findOrFetch(requests)
      : found;
  }

  return {
    peek(name, method) {
      const stored = recentHits.get(name, memoryCache.holds(name));
      return stored && serveStored(name, method, stored, HIT);
    },
    lookup: (request, deadlineMs) => inTime(request.name, find(request), deadlineMs, { clock, log }),
  };
}
