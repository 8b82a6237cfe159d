/**
 * Starts a download that is stored: opens the part file that an earlier download left, remembers what it may be resumed under, and
 * puts the complete file into the store and the index. What differs between distfiles and mirror files is a policy.
 */
import { type Digests, hasHash } from "../distfile/digests.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { StoreRoom } from "../distfile/reservation.ts";
import type { SourceList } from "../distfile/source.ts";
import type { CompletedDownload, Download, DownloadPlan } from "../fetch/download.ts";
import type { Part } from "../fetch/part-writer.ts";
import type { Revalidation, Validator } from "../fetch/resume.ts";
import type { FileRows, PartialRow } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Ticket } from "../lib/priority-semaphore.ts";
import type { Store, StoredFile } from "../store/store.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { DownloadOutcome, FetchHistory } from "./fetch-history.ts";
import type { InUse } from "./in-use.ts";
import { openReservedPart, type ReservedPart } from "./reserved-part.ts";

/** What makes a file valid, and where it comes from. */
export interface DownloadPolicy {
  readonly name: FileName;
  /** What the Manifest says; undefined where no package wants the name, and for mirror files. */
  readonly expected: Digests | undefined;
  /** By RFC 9111, for mirror files. */
  readonly revalidation: Revalidation | undefined;
  /** Whether the file may be stored under its name. */
  readonly storable: boolean;
  /** Whether the Manifests still want this content; asked when it is complete. */
  isWanted(): boolean;
  findSources(stop: AbortSignal): Promise<SourceList>;
  /** @param hereBytes how many bytes an earlier download left */
  requestSlot(urgent: boolean, hereBytes: number): Ticket;
  /** Puts the row of the stored file into the index. */
  putRow(file: StoredFile, completed: CompletedDownload): void;
}

export interface StartDownloadDeps {
  /** Starts the download itself. */
  readonly download: (plan: DownloadPlan, upstream: UpstreamClient) => Download;
  readonly store: Pick<Store, "openPart" | "commit" | "leftPartBytesOf">;
  readonly rows: Pick<FileRows, "partial" | "putPartial" | "forgetPartial">;
  readonly room: StoreRoom;
  /** Whether the store took the last file that it was given. */
  readonly storeTakesFiles: () => boolean;
  /** Called when the store does not take bytes, and with undefined when it has taken a file again. */
  readonly onStoreTrouble: (error: unknown) => void;
  readonly inUse: Pick<InUse, "enter" | "note">;
  readonly fetchHistory: Pick<FetchHistory, "start">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @param urgent whether a client waits for the file; else the download's raisePriority() is called when one does */
export type StartDownload = (policy: DownloadPolicy, upstream: UpstreamClient, urgent: boolean) => Download;

function validatorFrom({ url, etag, lastModified, total }: PartialRow): Validator {
  return { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined, total };
}

export function createStartDownload(deps: StartDownloadDeps): StartDownload {
  const { store, rows, room, onStoreTrouble, inUse, fetchHistory, clock, log } = deps;

  return (policy, upstream, urgent) => {
    const { name, expected, revalidation, storable } = policy;
    const hashed = expected !== undefined && hasHash(expected);
    const leave = inUse.enter(name);
    const recorder = fetchHistory.start(name);
    /** Undefined until the download has a slot. */
    let reserved: ReservedPart | undefined;
    let hasValidator = false;
    let confirmed = false;

    function rememberValidator({ url, etag, lastModified, total }: Validator): void {
      if (!reserved?.named) return;
      try {
        rows.putPartial({ name, url, etag: etag ?? null, lastModified: lastModified ?? null, total });
        hasValidator = true;
      } catch (error) {
        // The download goes on; it can't be resumed after a restart.
        log.warn("Cannot remember how to resume {file}: {error}", { file: name, error });
      }
    }

    function putRow(file: StoredFile, completed: CompletedDownload): void {
      try {
        policy.putRow(file, completed);
        rows.forgetPartial(name);
      } catch (error) {
        // The file is where it belongs; it gets its row when it is requested next, or at the next start.
        log.warn("Cannot note in the index that {file} is stored: {error}", { file: name, error });
      }
    }

    async function commit(completed: CompletedDownload): Promise<boolean> {
      const named = reserved?.named;
      if (!named || revalidation?.isStorable(completed.fields) === false) return false;
      try {
        const file = await store.commit(named, name, completed.lastModifiedAt ?? clock.now());
        if (!file) {
          log.warn("Cannot store {file}: a file or folder is in its way", { file: name });
          return false;
        }
        putRow(file, completed);
        onStoreTrouble(undefined);
        return true;
      } catch (error) {
        // After a failed sync the bytes may be anything when they are read again.
        reserved?.markBad();
        onStoreTrouble(error);
        log.debug("Cannot store {file}: {error}. It is passed through to its clients.", { file: name, error });
        return false;
      }
    }

    function openPart(): Part {
      const remembered = expected ? undefined : rows.partial(name);
      const isResumable = (length: number) => (hashed ? length <= expected.size : length < (remembered?.total ?? 0));
      const resume = storable ? isResumable : undefined;
      const opened = openReservedPart(name, resume, expected !== undefined, store, room, onStoreTrouble);
      const { part, named } = opened;
      reserved = opened;
      hasValidator = remembered !== undefined && part.length > 0;
      return {
        ...part,
        named: named !== undefined && deps.storeTakesFiles(),
        validator: part.length > 0 && remembered ? validatorFrom(remembered) : undefined,
        // Where the size is not known, room is reserved while the file grows.
        reserve: async () => expected === undefined || (await opened.reserve(expected.size)),
        rememberValidator,
      };
    }

    const download = deps.download(
      {
        name,
        expected,
        isWanted: policy.isWanted,
        openPart,
        revalidation: revalidation && {
          ...revalidation,
          confirmed(response) {
            confirmed = true;
            revalidation.confirmed(response);
          },
        },
        urgent,
        requestSlot: (isUrgent) => policy.requestSlot(isUrgent, hashed ? store.leftPartBytesOf(name) : 0),
        findSources: async (stop) => recorder.record(await policy.findSources(stop)),
        commit,
      },
      upstream,
    );

    function outcome(): DownloadOutcome {
      if (download.stored || confirmed) return "stored";
      return download.computed ? "passed-through" : "failed";
    }

    /** Without hash and validator the bytes can't be resumed. A complete mirror file that may not be stored is not kept either. */
    function isWorthResuming(): boolean {
      return hashed || (hasValidator && !(revalidation && download.computed));
    }

    const onCloseError = (error: unknown) => {
      log.error("Cannot close the part file of {file}: {error}", { file: name, error });
    };
    void download.ended.then(() => recorder.end(outcome()));
    download.ended.then(() => reserved?.leave(isWorthResuming())).catch(onCloseError);
    download.over.then(() => reserved?.close()).catch(onCloseError);
    void download.over.then(() => {
      if (download.stored) inUse.note(name);
      leave();
    });
    return download;
  };
}
