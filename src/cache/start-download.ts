/**
 * From a wanted content to a download under way, and from its last byte to a file in the store.
 */
import { contentKey, type Digests, hasHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { SourceList } from "../distfile/source.ts";
import { type CompletedDownload, type Download, type DownloadDeps, startDownload } from "../fetch/download.ts";
import type { Validator } from "../fetch/resume.ts";
import type { FileRows } from "../index/files.ts";
import type { PrioritySemaphore, Ticket } from "../lib/priority-semaphore.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { FetchHistory } from "./fetch-history.ts";
import type { InUse } from "./in-use.ts";
import { openReservedPart, type ReservedPartDeps } from "./reserved-part.ts";

export interface BeginDeps extends DownloadDeps, ReservedPartDeps {
  readonly store: Store;
  readonly rows: FileRows;
  /** Whom to ask for this content, undefined where no tree knows the name. */
  readonly findSources: (name: DistfileName, content: Digests | undefined) => Promise<SourceList>;
  readonly downloads: PrioritySemaphore;
  /** Places for names that no tree knows. */
  readonly unknownDownloads: Semaphore;
  readonly inUse: InUse;
  readonly fetchHistory: Pick<FetchHistory, "start">;
  /** Told when the store does not take bytes, and with undefined when it has taken a file again. */
  readonly onStoreTrouble: (error: unknown) => void;
}

/** One content of a name, as it is to be fetched. */
export interface FetchTarget {
  readonly name: DistfileName;
  readonly expected: Digests | undefined;
  /** False for what may be passed on but not kept. */
  readonly keep: boolean;
}

/** Tells downloads apart. */
export function keyOf(target: FetchTarget): string {
  return `${target.name}/${contentKey(target.expected)}/${target.keep ? "keep" : "pass"}`;
}

async function keepFile(
  { name, expected }: FetchTarget,
  part: PartFile,
  finished: CompletedDownload,
  deps: BeginDeps,
): Promise<boolean> {
  const { computed, lastModifiedAt, url } = finished;
  const now = deps.clock.now();
  const file = await deps.store.commit(part, name, lastModifiedAt ?? now);
  if (!file) {
    deps.log.warn("Cannot store {file}: a file or folder is in its way", { file: name });
    return false;
  }
  const { size, blake2b, sha512 = null } = computed;
  const wanted = expected ? { wantedOnce: true, orphanedAt: null } : {};
  const times = { storedAt: now, usedAt: now, verifiedAt: now, badStamp: null };
  try {
    deps.rows.put({ name, size, blake2b, sha512, stamp: file.stamp, source: url, ...times, ...wanted });
    deps.rows.forgetPartial(name);
  } catch (error) {
    // The file is where it belongs; it gets its row when it is next asked for, or at the next start.
    deps.log.warn("Cannot note in the index that {file} is stored: {error}", { file: name, error });
  }
  return true;
}

/**
 * Starts a download; a complete and right file is put into the store and the index.
 * @param urgent whether a client waits for it; else the download's raisePriority() tells when one does
 */
export function startDistfileDownload(
  target: FetchTarget,
  upstream: UpstreamClient,
  deps: BeginDeps,
  urgent = true,
): Download {
  const { name, expected, keep } = target;
  const { rows } = deps;
  const remembered = expected ? undefined : rows.partial(name);
  const bound = expected !== undefined && hasHash(expected);
  const resumable = (length: number) => (bound ? length <= expected.size : length < (remembered?.total ?? 0));
  const reserved = openReservedPart(name, keep ? resumable : undefined, deps);
  const { part, named } = reserved;
  const leave = deps.inUse.enter(name);
  const recorder = deps.fetchHistory.start(name);
  let continuable = remembered !== undefined && part.length > 0;

  function rememberValidator({ url, etag, total }: Validator): void {
    if (!named || etag === undefined) return;
    try {
      rows.putPartial({ name, url, etag, lastModified: null, total });
      continuable = true;
    } catch (error) {
      // Then it can't be resumed after a restart, and that is all.
      deps.log.warn("Cannot remember how {file} may be continued: {error}", { file: name, error });
    }
  }

  async function commit(completed: CompletedDownload): Promise<boolean> {
    if (!named) return false;
    try {
      const stored = await keepFile(target, named, completed, deps);
      if (stored) deps.onStoreTrouble(undefined);
      return stored;
    } catch (error) {
      // What a disk says that it could not sync may be anything when it is read again.
      reserved.markBad();
      deps.onStoreTrouble(error);
      deps.log.debug("Cannot keep {file}: {error}. It is passed on to its clients.", { file: name, error });
      return false;
    }
  }

  function requestSlot(isUrgent: boolean): Ticket {
    if (expected) return deps.downloads.acquire({ bytes: expected.size - part.length, urgent: isUrgent });
    return { granted: deps.unknownDownloads.acquire(), raisePriority: () => undefined };
  }

  const download = startDownload(
    {
      name,
      expected,
      part: {
        ...part,
        named: named !== undefined,
        validator:
          part.length > 0 && remembered
            ? { ...remembered, etag: remembered.etag ?? undefined, lastModified: undefined }
            : undefined,
        // Where nobody knows how large it is, room is reserved while it grows.
        reserve: async () => expected === undefined || (await reserved.reserve(expected.size)),
        rememberValidator,
      },
      revalidation: undefined,
      urgent,
      requestSlot,
      findSources: async () => recorder.record(await deps.findSources(name, expected)),
      commit,
    },
    upstream,
    deps,
  );
  const complain = (error: unknown) => {
    deps.log.error("Cannot close the part file of {file}: {error}", { file: name, error });
  };
  void download.ended.then(() =>
    recorder.end(download.stored ? "stored" : download.computed ? "passed-through" : "failed"),
  );
  // Bytes that nothing ties to a content can't be resumed, so they are not kept either.
  download.ended.then(() => reserved.leave(bound || continuable)).catch(complain);
  download.over.then(reserved.close).catch(complain);
  void download.over.then(leave);
  return download;
}
