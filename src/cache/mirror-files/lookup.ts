/**
 * Serves mirror files (snapshots, releases, experimental) by RFC 9111: from the store while fresh, else after revalidation;
 * stale if no mirror answers.
 */

import { indexesOf } from "../../distfile/binhost.ts";
import { type CacheStatus, type Forwarded, type ForwardReason, HIT } from "../../distfile/cache-status.ts";
import { type Attempt, hasLooped, NotModifiedError, UnavailableError } from "../../distfile/errors.ts";
import type { MirrorPath } from "../../distfile/mirror-path.ts";
import type { Download } from "../../fetch/download.ts";
import type { Flights } from "../../fetch/flights.ts";
import type { UpstreamHead } from "../../fetch/head.ts";
import type { FileRows, HttpMetadata } from "../../index/files.ts";
import type { ClientLimit } from "../../lib/client-limit.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { InUse } from "../in-use.ts";
import { MAX_REJOINS } from "../miss.ts";
import type { NegativeCache } from "../negative-cache.ts";
import { startQueued } from "../queue.ts";
import {
  type Busy,
  countUse,
  type IncomingResult,
  incomingResult,
  inTime,
  type Left,
  type LookupRequest,
  type LookupResult,
  type NotFound,
  notFoundResult,
  type StoredResult,
} from "../result.ts";
import type { StoredFiles } from "../stored-files.ts";
import { type Directives, type Freshness, freshnessOf, mayBeStale } from "./freshness.ts";
import { modifiedAt } from "./http-metadata.ts";
import type { StoredMirrorFile, StoredMirrorFiles } from "./stored-files.ts";

export interface MirrorFileRequest extends LookupRequest<MirrorPath> {
  /** The client's Cache-Control. */
  readonly directives: Directives;
}

export interface StoredMirrorFileResult extends StoredResult {
  readonly name: MirrorPath;
  readonly metadata: HttpMetadata;
  /** URL that the file came from. */
  readonly source: string;
}

/** The client wants what is stored or nothing, and there is nothing (section 5.2.1.7). */
interface NotStored {
  readonly kind: "not-stored";
}

export type MirrorFileResult = LookupResult<StoredMirrorFileResult> | NotStored;

/** A mirror has said that the stored file is current. */
const NOT_MODIFIED = { kind: "not-modified" } as const;
type Revalidated = MirrorFileResult | typeof NOT_MODIFIED;

export interface MirrorFileCacheDeps {
  readonly storedFiles: Pick<StoredFiles, "remove">;
  readonly storedMirrorFiles: StoredMirrorFiles;
  readonly rows: Pick<FileRows, "touch" | "fetched" | "outdateStem">;
  readonly inUse: Pick<InUse, "enter" | "note">;
  readonly flights: Flights;
  /** Files that no mirror has. */
  readonly absent: NegativeCache;
  /** Files that no mirror could be asked for: those that are stored are served at once meanwhile. */
  readonly unreachable: NegativeCache;
  /** Asks for what may have changed since `stored` came, or for the file where there is none. */
  readonly startDownload: (request: MirrorFileRequest, stored: StoredMirrorFile | undefined) => Download;
  /** Limits how many downloads clients wait for. */
  readonly queue: ClientLimit;
  /**
   * @param key identifies the file
   * @throws {UnavailableError}
   */
  readonly askHead: (key: string, request: MirrorFileRequest) => Promise<UpstreamHead | Busy | Left>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MirrorFileCache {
  /** @param deadlineMs a result or a first byte is there within this, or "late" is the answer */
  lookup(request: MirrorFileRequest, deadlineMs: number): Promise<MirrorFileResult>;
}

/** Where a stale file may be served, no mirror is waited for longer than this. */
const REVALIDATION_MS = 10_000;
const SLOW_MIRRORS: readonly Attempt[] = [{ source: "all mirrors", kind: "timeout", detail: "are slow to answer" }];

/** A distfile's key never begins with a slash. */
function keyOf(path: MirrorPath): string {
  return `/${path}`;
}

/** Returns whether a mirror's answer to HEAD is about the very file that is stored (section 4.3.5). */
function isSame({ stored, metadata }: StoredMirrorFile, { total, lastModifiedAt }: UpstreamHead): boolean {
  return lastModifiedAt !== undefined && total === stored.file.size && lastModifiedAt === modifiedAt(metadata);
}

/** @throws whatever is neither a 304 nor a failure of all mirrors */
function asResult(error: unknown): Revalidated {
  if (error instanceof NotModifiedError) return NOT_MODIFIED;
  if (error instanceof UnavailableError) return notFoundResult(error.attempts);
  throw error;
}

/** Returns a failure as one of time. */
function asTimedOut(found: NotFound | Busy): NotFound | Busy {
  return found.kind === "busy" ? found : { ...found, kind: "timed-out" };
}

export function createMirrorFileCache(deps: MirrorFileCacheDeps): MirrorFileCache {
  const { storedFiles, storedMirrorFiles, rows, inUse, flights, queue, absent, unreachable, clock, log } = deps;

  function serveStored(
    { method }: MirrorFileRequest,
    { name, stored, metadata, source }: StoredMirrorFile,
    status: CacheStatus,
  ): StoredMirrorFileResult {
    inUse.note(name);
    if (method === "GET") rows.touch(name, clock.now());
    return { kind: "stored", name, stored, metadata, source, status, body: undefined };
  }

  /** HEAD downloads nothing. */
  async function head(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    status: Forwarded,
  ): Promise<Revalidated> {
    const askedAt = clock.now();
    const answer = await deps.askHead(keyOf(request.name), request);
    if ("kind" in answer) return answer;
    if (!file || !isSame(file, answer)) {
      return { kind: "head", head: answer, expected: undefined, status };
    }
    storedMirrorFiles.freshen(file, { ...answer, askedAt });
    return NOT_MODIFIED;
  }

  function start(request: MirrorFileRequest, file: StoredMirrorFile | undefined): Download | Busy | Left {
    const { name, waiter } = request;
    if (waiter.signal.aborted) return { kind: "left" };
    return startQueued(queue, waiter, () => flights.start(keyOf(name), () => deps.startDownload(request, file)));
  }

  async function download(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    status: Forwarded,
    rejoins = MAX_REJOINS,
  ): Promise<MirrorFileResult> {
    const { name, waiter } = request;
    // No await between join and start: that is what makes it one download.
    const joined = flights.join(keyOf(name));
    const coming = joined ?? start(request, file);
    if ("kind" in coming) return coming;
    let answer: IncomingResult | Left;
    try {
      answer = await incomingResult(coming, { ...status, collapsed: joined !== undefined }, waiter);
    } catch (error) {
      // The loop was that of the request which started the download.
      const mayRetry =
        joined !== undefined && rejoins > 0 && error instanceof UnavailableError && hasLooped(error.attempts);
      if (mayRetry) return await download(request, file, status, rejoins - 1);
      throw error;
    }
    if (answer.kind === "left") return answer;
    const current = coming.stored ? await storedMirrorFiles.find(name) : undefined;
    if (!current) {
      countUse(rows, coming, joined !== undefined, clock.now());
      return answer;
    }
    answer.release();
    return serveStored(request, current, answer.status);
  }

  async function forward(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    status: Forwarded,
  ): Promise<Revalidated> {
    // One found on disk has no validators but a date that anybody may have given it, which takes more than a 304.
    const isFound = file?.source === "";
    if ((request.method === "HEAD" || isFound) && !flights.join(keyOf(request.name))) {
      const answer = await head(request, file, status);
      if (request.method === "HEAD" || answer.kind !== "head") return answer;
    }
    return await download(request, isFound ? undefined : file, status);
  }

  function noteUnreachable(name: MirrorPath, found: NotFound | Busy): void {
    // A loop is the client's, not the mirror's.
    if (found.kind !== "busy" && !hasLooped(found.attempts)) unreachable.add(name, found.attempts);
  }

  function noteAbsent(name: MirrorPath, { attempts }: NotFound): void {
    // An index of binary packages that still names it may be older than the mirrors.
    for (const index of indexesOf(name)) rows.outdateStem(index);
    absent.add(name, attempts);
  }

  /** Serves the stale file where no mirror could be asked and it may be used; removes it where no mirror has it any more. */
  async function orStale(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    found: MirrorFileResult,
  ): Promise<MirrorFileResult> {
    const { name, directives } = request;
    if (found.kind === "absent") {
      if (file) await storedFiles.remove(name);
      noteAbsent(name, found);
      return found;
    }
    if (found.kind !== "busy" && found.kind !== "failed" && found.kind !== "timed-out") return found;
    noteUnreachable(name, found);
    if (!file) return found;
    // 504 where the file is stored and must not be used (section 5.2.2.2).
    if (!mayBeStale(file.metadata) || directives.has("no-cache")) return asTimedOut(found);
    return serveStored(request, file, { kind: "forwarded", reason: "stale", collapsed: false, response: "none" });
  }

  async function revalidate(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    reason: ForwardReason,
  ): Promise<MirrorFileResult> {
    const status: Forwarded = { kind: "forwarded", reason, collapsed: false, response: "full" };
    const asking = forward(request, file, status).catch(asResult);
    const mayServeStale = file && mayBeStale(file.metadata) && !request.directives.has("no-cache");
    const answer = mayServeStale ? await inTime(request.name, asking, REVALIDATION_MS, { clock, log }) : await asking;
    if (answer.kind === "late") return await orStale(request, file, notFoundResult(SLOW_MIRRORS));
    if (answer.kind !== "not-modified") return await orStale(request, file, answer);
    const current = await storedMirrorFiles.find(request.name);
    // Somebody removed it while it was asked for: the next request finds that there is none.
    if (!current) return { ...notFoundResult([]), kind: "failed" };
    return serveStored(request, current, { ...status, response: "not-modified" });
  }

  /** Answers by what mirrors said a moment ago; undefined where one has to be asked. */
  function fromMemory(
    request: MirrorFileRequest,
    file: StoredMirrorFile | undefined,
    freshness: Freshness | undefined,
  ): MirrorFileResult | undefined {
    if (request.directives.has("no-cache")) return undefined;
    if (!file) {
      const attempts = absent.get(request.name);
      return attempts && notFoundResult(attempts);
    }
    const isUnreachable = freshness === "stale" && unreachable.get(request.name) !== undefined;
    return isUnreachable && mayBeStale(file.metadata) ? serveStored(request, file, { ...HIT, stale: true }) : undefined;
  }

  async function find(request: MirrorFileRequest): Promise<MirrorFileResult> {
    const { name, directives } = request;
    const file = await storedMirrorFiles.find(name);
    const freshness = file && freshnessOf(file, directives, clock.now());
    if (file && freshness === "fresh") return serveStored(request, file, HIT);
    if (directives.has("only-if-cached")) return { kind: "not-stored" };
    const reason = freshness === "stale" || freshness === "request" ? freshness : "uri-miss";
    return fromMemory(request, file, freshness) ?? (await revalidate(request, file, reason));
  }

  return {
    lookup(request, deadlineMs) {
      const leave = inUse.enter(request.name);
      return inTime(request.name, find(request).finally(leave), deadlineMs, { clock, log });
    },
  };
}
