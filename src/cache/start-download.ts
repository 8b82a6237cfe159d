/**
 * From a wanted content to a download under way, and from its last byte to a file in the store.
 */
import { contentKey, type Digests, hasHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { SourceList } from "../distfile/source.ts";
import { type Download, type DownloadDeps, startDownload } from "../fetch/download.ts";
import type { Finished } from "../fetch/download-plan.ts";
import type { DistfileRows } from "../index/files.ts";
import type { PrioritySemaphore, Ticket } from "../lib/priority-semaphore.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";
import type { Stories } from "./fetch-history.ts";
import type { InUse } from "./in-use.ts";
import { type KeptPartDeps, openKeptPart } from "./reserved-part.ts";
import type { Wanted } from "./result.ts";

export interface BeginDeps extends DownloadDeps, KeptPartDeps {
  readonly store: Store;
  readonly rows: DistfileRows;
  /** Whom to ask for this content, undefined where no tree knows the name. */
  readonly offer: (name: DistfileName, content: Digests | undefined) => Promise<SourceList>;
  readonly downloads: PrioritySemaphore;
  /** Places for names that no tree knows. */
  readonly unknownDownloads: Semaphore;
  readonly inUse: InUse;
  readonly stories: Pick<Stories, "begin">;
  /** Told when the store does not take bytes, and with undefined when it has taken a file again. */
  readonly onStoreTrouble: (error: unknown) => void;
}

/** One content of a name, as it is to be fetched. */
export interface Target {
  readonly name: DistfileName;
  readonly expected: Digests | undefined;
  /** False for what may be passed on but not kept. */
  readonly keep: boolean;
}

/** Tells downloads apart. */
export function keyOf(target: Target): string {
  return `${target.name}/${contentKey(target.expected)}/${target.keep ? "keep" : "pass"}`;
}

async function keepFile(
  { name, expected }: Target,
  part: PartFile,
  finished: Finished,
  deps: BeginDeps,
): Promise<void> {
  const { computed, lastModifiedAt, url } = finished;
  const now = deps.clock.now();
  const file = await deps.store.commit(part, name, lastModifiedAt ?? now);
  const { size, blake2b, sha512 = null } = computed;
  const seen = { stamp: file.stamp, lastModifiedAt: file.modifiedAt };
  const wanted = expected ? { wantedOnce: true, orphanedAt: null } : {};
  const times = { storedAt: now, usedAt: now, verifiedAt: now, badStamp: null };
  try {
    deps.rows.put({ name, size, blake2b, sha512, ...seen, source: url, ...times, ...wanted });
    deps.rows.forgetPartial(name);
  } catch (error) {
    // The file is where it belongs; it gets its row when it is next asked for, or at the next start.
    deps.log.warn("Cannot note in the index that {file} is stored: {error}", { file: name, error });
  }
}

/**
 * Starts bringing a file in; whole and right it is put into the store and the index.
 * @param urgent whether somebody waits for it; else the download's urge() tells when somebody does
 */
export function beginDownload(
  target: Target,
  loopHeaders: Wanted["loopHeaders"],
  deps: BeginDeps,
  urgent = true,
): Download {
  const { name, expected, keep } = target;
  const { rows } = deps;
  const remembered = expected ? undefined : rows.partial(name);
  const bound = expected !== undefined && hasHash(expected);
  const resumable = (length: number) => (bound ? length <= expected.size : length < (remembered?.total ?? 0));
  const kept = openKeptPart(name, keep ? resumable : undefined, deps);
  const { part, named } = kept;
  const leave = deps.inUse.enter(name);
  const chapter = deps.stories.begin(name);
  let isUrgent = urgent;
  let turn: Ticket | undefined;

  function urge(): void {
    isUrgent = true;
    turn?.raisePriority();
  }

  async function acquire(): Promise<() => void> {
    if (!expected) return await deps.unknownDownloads.acquire();
    turn = deps.downloads.acquire({ bytes: expected.size - part.length, urgent: isUrgent });
    return await turn.granted;
  }

  let continuable = remembered !== undefined && part.length > 0;
  const download = startDownload(
    {
      name,
      expected,
      part,
      keeps: named !== undefined,
      validator: part.length > 0 && remembered ? { ...remembered, lastModified: undefined } : undefined,
      loopHeaders,
      acquire,
      // Where nobody knows how large it is, room is asked for while it grows.
      reserve: async () => expected === undefined || (await kept.reserve(expected.size)),
      urge,
      offer: async () => chapter.watch(await deps.offer(name, expected)),
      remember({ url, etag, total }) {
        if (!named || etag === undefined) return;
        try {
          rows.putPartial({ name, url, etag, total });
          continuable = true;
        } catch (error) {
          // Then it can't be continued after a restart, and that is all.
          deps.log.warn("Cannot remember how {file} may be continued: {error}", { file: name, error });
        }
      },
      async commit(finished) {
        if (!named) return false;
        try {
          await keepFile(target, named, finished, deps);
          deps.onStoreTrouble(undefined);
          return true;
        } catch (error) {
          // What a disk says that it could not sync may be anything when it is read again.
          kept.spoil();
          deps.onStoreTrouble(error);
          deps.log.debug("Cannot keep {file}: {error}. It is passed on to its clients.", { file: name, error });
          return false;
        }
      },
    },
    deps,
  );
  const complain = (error: unknown) => {
    deps.log.error("Cannot close the part file of {file}: {error}", { file: name, error });
  };
  void download.ended.then(() =>
    chapter.end(download.stored ? "stored" : download.computed ? "passed-through" : "failed"),
  );
  // Bytes that nothing ties to a content can't be continued, so they are not kept either.
  download.ended.then(() => kept.leave(bound || continuable)).catch(complain);
  download.over.then(kept.close).catch(complain);
  void download.over.then(leave);
  return download;
}
