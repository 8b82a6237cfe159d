/**
 * From a wanted content to a download under way, and from its last byte to a file in the store.
 */
import { contentKey, type Digests, hasHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { type Download, type DownloadDeps, type Finished, startDownload } from "../fetch/download.ts";
import type { Offer } from "../fetch/source.ts";
import type { DistfileRows } from "../index/distfiles.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Turn, Turns } from "../lib/turns.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";
import type { Wanted } from "./found.ts";
import type { InUse } from "./in-use.ts";
import { createPromised, type Reservation } from "./promised.ts";
import type { Stories } from "./stories.ts";

export interface BeginDeps extends DownloadDeps {
  readonly store: Store;
  readonly rows: DistfileRows;
  /** Whom to ask for this content, undefined where no tree knows the name. */
  readonly offer: (name: DistfileName, content: Digests | undefined) => Promise<Offer>;
  readonly downloads: Turns;
  /** Places for names that no tree knows. */
  readonly unknownDownloads: Semaphore;
  /** Room for a file of so many bytes, made if need be; undefined where it can't be had. */
  readonly reserve: (bytes: number) => Promise<Reservation | undefined>;
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
 * @throws {Error} when the store takes no part file
 */
export function beginDownload(
  target: Target,
  loopHeaders: Wanted["loopHeaders"],
  deps: BeginDeps,
  urgent = true,
): Download {
  const { name, expected, keep } = target;
  const { store, rows } = deps;
  const remembered = expected ? undefined : rows.partial(name);
  const bound = expected !== undefined && hasHash(expected);
  const resumable = (length: number) => (bound ? length <= expected.size : length < (remembered?.total ?? 0));
  const part = store.openPart(name, keep ? resumable : undefined);
  const promised = createPromised(deps.reserve);
  const leave = deps.inUse.enter(name);
  const chapter = deps.stories.begin(name);
  let full = false;

  let isUrgent = urgent;
  let turn: Turn | undefined;

  function urge(): void {
    isUrgent = true;
    turn?.urge();
  }

  async function acquire(): Promise<() => void> {
    if (!expected) return await deps.unknownDownloads.acquire();
    turn = deps.downloads.ask({ bytes: expected.size - part.length, urgent: isUrgent });
    const release = await turn.begun;
    if (await promised.whole(expected.size)) promised.wrote(part.length);
    return release;
  }

  /** Bytes that the disk no longer takes are no part to go on from: their room is given back. */
  async function orFull(writing: Promise<void>): Promise<void> {
    try {
      await writing;
    } catch (error) {
      full = true;
      deps.onStoreTrouble(error);
      throw error;
    }
  }

  async function write(bytes: Uint8Array, position: number): Promise<void> {
    await orFull(promised.upTo(position + bytes.length).then(() => part.write(bytes, position)));
    promised.wrote(bytes.length);
  }

  let continuable = remembered !== undefined && part.length > 0;
  const download = startDownload(
    {
      name,
      expected,
      part: {
        ...part,
        write,
        mark: (front, total) => orFull(part.mark(front, total)),
      },
      keeps: part.named,
      validator: part.length > 0 && remembered ? remembered : undefined,
      loopHeaders,
      acquire,
      urge,
      offer: async () => chapter.watch(await deps.offer(name, expected)),
      remember(validator) {
        if (!part.named) return;
        try {
          rows.putPartial({ name, ...validator });
          continuable = true;
        } catch (error) {
          // Then it can't be continued after a restart, and that is all.
          deps.log.warn("Cannot remember how {file} may be continued: {error}", { file: name, error });
        }
      },
      async commit(finished) {
        if (!part.named) return false;
        try {
          await keepFile(target, part, finished, deps);
          deps.onStoreTrouble(undefined);
          return true;
        } catch (error) {
          // What a disk says that it could not sync may be anything when it is read again.
          full = true;
          deps.onStoreTrouble(error);
          deps.log.error("Cannot keep {file}: {error}. It was passed on to its clients.", { file: name, error });
          return false;
        }
      },
    },
    deps,
  );
  const complain = (error: unknown) => {
    deps.log.error("Cannot close the part file of {file}: {error}", { file: name, error });
  };
  void download.ended.then(() => chapter.end(download.stored ? "stored" : download.computed ? "passed-on" : "failed"));
  // Bytes that nothing ties to a content can't be continued, so they are not kept either.
  download.ended.then(() => part.leave(!full && (bound || continuable))).catch(complain);
  download.over.then(part.close).catch(complain);
  void download.ended.then(promised.release);
  void download.over.then(leave);
  return download;
}
