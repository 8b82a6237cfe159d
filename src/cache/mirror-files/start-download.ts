/**
 * From a path to a download under way, and from its last byte to a file in the store; or to the word that the one in the store
 * is the current one.
 */
import { SourceError } from "../../distfile/errors.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { Source, SourceList } from "../../distfile/source.ts";
import { type CompletedDownload, type Download, type DownloadDeps, startDownload } from "../../fetch/download.ts";
import { headFrom, type UpstreamHead } from "../../fetch/head.ts";
import type { Revalidation, Validator } from "../../fetch/resume.ts";
import type { FileRows, PartialRow } from "../../index/files.ts";
import type { Semaphore } from "../../lib/semaphore.ts";
import type { PartFile } from "../../store/part-file.ts";
import type { Store } from "../../store/store.ts";
import type { UpstreamClient, UpstreamResponse } from "../../upstream/request.ts";
import type { FetchHistory } from "../fetch-history.ts";
import type { InUse } from "../in-use.ts";
import { openReservedPart, type ReservedPartDeps } from "../reserved-part.ts";
import { checkDigest } from "./digest-check.ts";
import { isDated } from "./freshness.ts";
import { isStorable, metadataOf } from "./http-metadata.ts";
import { isFrom, preferred } from "./preferred-mirror.ts";
import type { StoredMirrorFile, StoredMirrorFiles } from "./stored-files.ts";

export interface MirrorFileDownloadDeps extends DownloadDeps, ReservedPartDeps {
  readonly store: Pick<Store, "openPart" | "commit">;
  readonly rows: Pick<
    FileRows,
    "putMirrorFile" | "outdateOthers" | "ofStem" | "partial" | "putPartial" | "forgetPartial"
  >;
  readonly storedMirrorFiles: StoredMirrorFiles;
  readonly sources: (path: MirrorPath) => readonly Source[];
  readonly slots: Semaphore;
  readonly inUse: Pick<InUse, "enter">;
  readonly fetchHistory: Pick<FetchHistory, "start">;
}

/** When the answer that counts was asked for, and when it came. */
interface Times {
  askedAt: number;
  answeredAt: number;
}

/** Its own mirror knows both of its validators; those of another are not told by an ETag, but by the time that mirroring keeps. */
function conditionalHeaders(file: StoredMirrorFile | undefined, source: Source): Readonly<Record<string, string>> {
  if (!file) return {};
  const { etag, lastModified } = file.metadata;
  return {
    ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
    ...(etag === null || !isFrom(file.source, source) ? {} : { "if-none-match": etag }),
  };
}

/** @throws {SourceError} when another mirror's file is older: what clients have seen must not become older again */
function checkNotOlder(file: StoredMirrorFile | undefined, source: Source, { lastModifiedAt }: UpstreamResponse): void {
  if (!file?.metadata.lastModified || lastModifiedAt === undefined || isFrom(file.source, source)) return;
  if (lastModifiedAt < Date.parse(file.metadata.lastModified))
    throw new SourceError("bad", "has an older one than is here");
}

function sourcesOf(path: MirrorPath, deps: MirrorFileDownloadDeps): SourceList {
  const sources = () => preferred(deps.sources(path), deps.rows.ofStem(stemOf(path)));
  return { sources, refusals: [] };
}

/**
 * Asks mirrors for a file by HEAD.
 * @throws {UnavailableError} when none has it
 */
export async function askHead(
  path: MirrorPath,
  upstream: UpstreamClient,
  deps: MirrorFileDownloadDeps,
): Promise<UpstreamHead> {
  const release = await deps.slots.acquire();
  try {
    return await headFrom(path, undefined, sourcesOf(path, deps), upstream);
  } finally {
    release();
  }
}

/** @returns whether it is stored */
async function keepFile(
  path: MirrorPath,
  before: StoredMirrorFile | undefined,
  part: PartFile,
  { finished, times }: { readonly finished: CompletedDownload; readonly times: Times },
  deps: MirrorFileDownloadDeps,
): Promise<boolean> {
  const { rows, clock, log } = deps;
  const { computed, fields, url, lastModifiedAt } = finished;
  if (!isStorable(fields)) return false;
  const now = clock.now();
  const file = await deps.store.commit(part, path, lastModifiedAt ?? now);
  if (!file) {
    log.warn("Cannot store {file}: a file or folder is in its way", { file: path });
    return false;
  }
  const { size, blake2b } = computed;
  const seen = { stamp: file.stamp, verifiedAt: now, badStamp: null };
  try {
    rows.putMirrorFile(
      { name: path, size, blake2b, ...seen, source: url, storedAt: now, usedAt: now },
      metadataOf(fields, times.askedAt, times.answeredAt),
    );
    rows.forgetPartial(path);
    // A file with a date comes once; what is here of others was made together with it or is of another time.
    const isNews = before ? before.stored.digests.blake2b !== blake2b : !isDated(path);
    if (isNews) rows.outdateOthers(path);
  } catch (error) {
    // The file is where it belongs; it gets its row when it is next asked for, or at the next start.
    log.warn("Cannot note in the index that {file} is stored: {error}", { file: path, error });
  }
  return true;
}

function validatorFrom({ url, etag, lastModified, total }: PartialRow): Validator {
  return { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined, total };
}

/** Asks for what may have changed since `before` came, or for the file where there is none. */
export function startMirrorFileDownload(
  path: MirrorPath,
  before: StoredMirrorFile | undefined,
  upstream: UpstreamClient,
  deps: MirrorFileDownloadDeps,
): Download {
  const { rows, clock, log } = deps;
  const remembered = rows.partial(path);
  const validator = remembered && validatorFrom(remembered);
  const reserved = openReservedPart(path, (length) => length < (validator?.total ?? 0), deps);
  const { part, named } = reserved;
  const leave = deps.inUse.enter(path);
  const recorder = deps.fetchHistory.start(path);
  const times: Times = { askedAt: clock.now(), answeredAt: clock.now() };
  let continuable = validator !== undefined && part.length > 0;
  let unchanged = false;

  const revalidation: Revalidation = {
    conditionalHeaders(source) {
      times.askedAt = clock.now();
      return conditionalHeaders(before, source);
    },
    checkResponse(source, response) {
      times.answeredAt = clock.now();
      checkNotOlder(before, source, response);
    },
    sameAtAllMirrors: isDated(path) || rows.ofStem(stemOf(path)).every(({ name }) => name === path),
    checkDigest: (file) => checkDigest(path, file, upstream, deps),
    isStorable,
    confirmed({ url, fields }) {
      unchanged = true;
      if (before) deps.storedMirrorFiles.freshen(before, { url, fields, askedAt: times.askedAt });
    },
  };

  function rememberValidator({ url, etag, lastModified, total }: Validator): void {
    if (!named) return;
    try {
      rows.putPartial({ name: path, url, etag: etag ?? null, lastModified: lastModified ?? null, total });
      continuable = true;
    } catch (error) {
      // Then it can't be resumed after a restart, and that is all.
      log.warn("Cannot remember how {file} may be continued: {error}", { file: path, error });
    }
  }

  async function commit(completed: CompletedDownload): Promise<boolean> {
    if (!named) return false;
    try {
      const stored = await keepFile(path, before, named, { finished: completed, times }, deps);
      if (stored) deps.onStoreTrouble(undefined);
      return stored;
    } catch (error) {
      // What a disk says that it could not sync may be anything when it is read again.
      reserved.markBad();
      deps.onStoreTrouble(error);
      log.debug("Cannot keep {file}: {error}. It is passed on to its clients.", { file: path, error });
      return false;
    }
  }

  const download = startDownload(
    {
      name: path,
      expected: undefined,
      part: {
        ...part,
        named: named !== undefined,
        validator: part.length > 0 ? validator : undefined,
        // Nobody knows how large it is: room is reserved while it grows.
        reserve: async () => true,
        rememberValidator,
      },
      revalidation,
      urgent: true,
      requestSlot: () => ({ granted: deps.slots.acquire(), raisePriority: () => undefined }),
      findSources: async () => recorder.record(sourcesOf(path, deps)),
      commit,
    },
    upstream,
    deps,
  );
  const complain = (error: unknown) => {
    log.error("Cannot close the part file of {file}: {error}", { file: path, error });
  };
  const outcome = () => (download.stored || unchanged ? "stored" : download.computed ? "passed-through" : "failed");
  void download.ended.then(() => recorder.end(outcome()));
  download.ended.then(() => reserved.leave(continuable && !download.computed)).catch(complain);
  download.over.then(reserved.close).catch(complain);
  void download.over.then(leave);
  return download;
}
