/**
 * From a path to a download under way, and from its last byte to a file in the store; or to the word that the one in the store
 * is the current one.
 */
import { SourceError } from "../../distfile/errors.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { Source, SourceList } from "../../distfile/source.ts";
import { type CompletedDownload, type Download, type DownloadDeps, startDownload } from "../../fetch/download.ts";
import type { Revalidation, Validator } from "../../fetch/resume.ts";
import type { MirrorFileRow, MirrorFileRows, MirrorPartialRow } from "../../index/mirror-files.ts";
import type { Semaphore } from "../../lib/semaphore.ts";
import type { MirrorFiles } from "../../store/mirror-files.ts";
import type { PartFile } from "../../store/part-file.ts";
import type { UpstreamClient, UpstreamResponse } from "../../upstream/request.ts";
import type { FetchHistory } from "../fetch-history.ts";
import type { ReservedPart } from "../reserved-part.ts";
import { checkDigest } from "./digest-check.ts";
import { isDated } from "./freshness.ts";
import { freshFields, isStorable, validatorsOf } from "./http-metadata.ts";
import { isFrom, preferred } from "./preferred-mirror.ts";
import type { KeptFile, KeptFiles } from "./stored-files.ts";

export interface BeginDeps extends DownloadDeps {
  readonly files: MirrorFiles;
  readonly rows: MirrorFileRows;
  readonly kept: KeptFiles;
  readonly sources: (path: MirrorPath) => readonly Source[];
  readonly openPart: (path: MirrorPath, resume: (length: number) => boolean) => ReservedPart;
  readonly places: Semaphore;
  readonly enter: (path: MirrorPath) => () => void;
  readonly fetchHistory: Pick<FetchHistory, "start">;
  readonly onStoreTrouble: (error: unknown) => void;
}

/** When the answer that counts was asked for, and when it came. */
interface Times {
  askedAt: number;
  answeredAt: number;
}

/** Its own mirror knows both of its validators; those of another are not told by an ETag, but by the time that mirroring keeps. */
function conditionalHeaders(row: MirrorFileRow | undefined, source: Source): Readonly<Record<string, string>> {
  if (!row) return {};
  return {
    ...(row.lastModified === null ? {} : { "if-modified-since": row.lastModified }),
    ...(row.etag === null || !isFrom(row.source, source) ? {} : { "if-none-match": row.etag }),
  };
}

/** @throws {SourceError} when another mirror's file is older: what clients have seen must not become older again */
function checkNotOlder(row: MirrorFileRow | undefined, source: Source, { lastModifiedAt }: UpstreamResponse): void {
  if (!row || lastModifiedAt === undefined || row.lastModified === null || isFrom(row.source, source)) return;
  if (lastModifiedAt < Date.parse(row.lastModified)) throw new SourceError("bad", "has an older one than is here");
}

function sourcesOf(path: MirrorPath, deps: BeginDeps): SourceList {
  const sources = () => preferred(deps.sources(path), deps.rows.ofStem(stemOf(path)));
  return { sources, refusals: [] };
}

/** @returns whether it is stored */
async function keepFile(
  path: MirrorPath,
  kept: KeptFile | undefined,
  part: PartFile,
  { finished, times }: { readonly finished: CompletedDownload; readonly times: Times },
  deps: BeginDeps,
): Promise<boolean> {
  const { rows, clock, log } = deps;
  const { computed, fields, url, lastModifiedAt } = finished;
  if (!isStorable(fields)) return false;
  const now = clock.now();
  const file = await deps.files.commit(part, path, lastModifiedAt ?? now);
  if (!file) {
    log.warn("Cannot store {file}: a file or folder is in its way", { file: path });
    return false;
  }
  const stem = stemOf(path);
  try {
    rows.put({
      path,
      stem,
      size: computed.size,
      blake2b: computed.blake2b,
      stamp: file.stamp,
      lastModifiedAt: file.modifiedAt,
      source: url,
      ...validatorsOf(fields),
      ...freshFields(fields, times.askedAt, times.answeredAt),
      verifiedAt: now,
      storedAt: now,
      usedAt: now,
    });
    rows.forgetPartial(path);
    // A file with a date comes once; what is here of others was made together with it or is of another time.
    const isNews = kept ? kept.row.blake2b !== computed.blake2b : !isDated(path);
    if (isNews) rows.outdateOthers(stem, path);
  } catch (error) {
    // The file is where it belongs; it gets its row when it is next asked for, or at the next start.
    log.warn("Cannot note in the index that {file} is stored: {error}", { file: path, error });
  }
  return true;
}

function validatorFrom({ url, etag, lastModified, total }: MirrorPartialRow): Validator {
  return { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined, total };
}

/** Asks for what may have changed since `kept` came, or for the file where there is none. */
export function startMirrorFileDownload(
  path: MirrorPath,
  kept: KeptFile | undefined,
  upstream: UpstreamClient,
  deps: BeginDeps,
): Download {
  const { rows, clock, log } = deps;
  const row = kept?.row;
  const remembered = rows.partial(path);
  const validator = remembered && validatorFrom(remembered);
  const reserved = deps.openPart(path, (length) => length < (validator?.total ?? 0));
  const { part, named } = reserved;
  const leave = deps.enter(path);
  const recorder = deps.fetchHistory.start(path);
  const times: Times = { askedAt: clock.now(), answeredAt: clock.now() };
  let continuable = validator !== undefined && part.length > 0;
  let unchanged = false;

  const revalidation: Revalidation = {
    conditionalHeaders(source) {
      times.askedAt = clock.now();
      return conditionalHeaders(row, source);
    },
    checkResponse(source, response) {
      times.answeredAt = clock.now();
      checkNotOlder(row, source, response);
    },
    sameAtAllMirrors: isDated(path) || rows.ofStem(stemOf(path)).every((one) => one.path === path),
    checkDigest: (file) => checkDigest(path, file, upstream, deps),
    isStorable,
    confirmed({ url, fields }) {
      unchanged = true;
      if (kept) deps.kept.freshen(kept, { url, fields, askedAt: times.askedAt });
    },
  };

  function rememberValidator({ url, etag, lastModified, total }: Validator): void {
    if (!named) return;
    try {
      rows.putPartial({ path, url, etag: etag ?? null, lastModified: lastModified ?? null, total });
      continuable = true;
    } catch (error) {
      // Then it can't be resumed after a restart, and that is all.
      log.warn("Cannot remember how {file} may be continued: {error}", { file: path, error });
    }
  }

  async function commit(completed: CompletedDownload): Promise<boolean> {
    if (!named) return false;
    try {
      const stored = await keepFile(path, kept, named, { finished: completed, times }, deps);
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
      requestSlot: () => ({ granted: deps.places.acquire(), raisePriority: () => undefined }),
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
