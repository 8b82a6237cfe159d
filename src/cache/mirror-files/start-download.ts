/**
 * From a path to a download under way, and from its last byte to a file in the store; or to the word that the one in the store
 * is the current one.
 */
import { SourceError } from "../../distfile/errors.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { Source, SourceList } from "../../distfile/source.ts";
import { type Download, type DownloadDeps, startDownload } from "../../fetch/download.ts";
import type { Finished } from "../../fetch/download-plan.ts";
import type { Part } from "../../fetch/part-writer.ts";
import type { Validator } from "../../fetch/resume.ts";
import type { Terms } from "../../fetch/terms.ts";
import type { MirrorFileRows, MirrorPartialRow } from "../../index/mirror-files.ts";
import type { Semaphore } from "../../lib/semaphore.ts";
import type { MirrorFiles } from "../../store/mirror-files.ts";
import type { PartFile } from "../../store/part-file.ts";
import { checkDigest } from "./digest-check.ts";
import { isDated } from "./freshness.ts";
import { freshFields, isStorable, validatorsOf } from "./http-metadata.ts";
import { isFrom, preferred } from "./preferred-mirror.ts";
import type { KeptFile, KeptFiles } from "./stored-files.ts";

/** A part file with the room it was promised, as cache/ has it. */
export interface RoomyPart {
  readonly part: Part;
  readonly named: PartFile | undefined;
  spoil(): void;
  leave(keep: boolean): void;
  close(): Promise<void>;
}

/** What happens in one download, for whoever tells of it. */
export interface Chapter {
  watch(offer: SourceList): SourceList;
  end(outcome: "stored" | "passed-through" | "failed"): void;
}

export interface BeginDeps extends DownloadDeps {
  readonly files: MirrorFiles;
  readonly rows: MirrorFileRows;
  readonly kept: KeptFiles;
  readonly sources: (path: MirrorPath) => readonly Source[];
  readonly openPart: (path: MirrorPath, resume: (length: number) => boolean) => RoomyPart;
  readonly places: Semaphore;
  readonly enter: (path: MirrorPath) => () => void;
  readonly chapter: (path: MirrorPath) => Chapter;
  readonly onStoreTrouble: (error: unknown) => void;
}

/** When the answer that counts was asked for, and when it came. */
interface Times {
  askedAt: number;
  answeredAt: number;
}

/** Its own mirror knows both of its validators; those of another are not told by an ETag, but by the time that mirroring keeps. */
function termsOf(
  kept: KeptFile | undefined,
  times: Times,
  { anywhere, check }: Pick<Terms, "anywhere" | "check">,
  { clock }: Pick<BeginDeps, "clock">,
): Terms {
  const row = kept?.row;
  return {
    conditions(source): Readonly<Record<string, string>> {
      times.askedAt = clock.now();
      if (!row) return {};
      return {
        ...(row.lastModified === null ? {} : { "if-modified-since": row.lastModified }),
        ...(row.etag === null || !isFrom(row.source, source) ? {} : { "if-none-match": row.etag }),
      };
    },
    vet(source, { lastModifiedAt }) {
      times.answeredAt = clock.now();
      if (!row || lastModifiedAt === undefined || row.lastModified === null || isFrom(row.source, source)) return;
      // Mirrors are synced at different times, and what clients have seen must not become older again.
      if (lastModifiedAt < Date.parse(row.lastModified)) throw new SourceError("bad", "has an older one than is here");
    },
    anywhere,
    check,
  };
}

function offerOf(path: MirrorPath, deps: BeginDeps): SourceList {
  const sources = () => preferred(deps.sources(path), deps.rows.ofStem(stemOf(path)));
  return { sources, refusals: [] };
}

/** @returns whether it is stored */
async function keepFile(
  path: MirrorPath,
  kept: KeptFile | undefined,
  part: PartFile,
  { finished, times }: { readonly finished: Finished; readonly times: Times },
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
export function beginFetch(
  path: MirrorPath,
  kept: KeptFile | undefined,
  loopHeaders: Readonly<Record<string, string>>,
  deps: BeginDeps,
): Download {
  const { rows, log } = deps;
  const remembered = rows.partial(path);
  const validator = remembered && validatorFrom(remembered);
  const roomy = deps.openPart(path, (length) => length < (validator?.total ?? 0));
  const { part, named } = roomy;
  const leave = deps.enter(path);
  const chapter = deps.chapter(path);
  const now = deps.clock.now();
  const times: Times = { askedAt: now, answeredAt: now };
  const anywhere = isDated(path) || rows.ofStem(stemOf(path)).every((row) => row.path === path);
  const check: Terms["check"] = (file) => checkDigest(path, file, loopHeaders, deps);
  let continuable = validator !== undefined && part.length > 0;
  let unchanged = false;
  const download = startDownload(
    {
      name: path,
      expected: undefined,
      part,
      get keeps() {
        return named !== undefined && isStorable(download?.fields ?? new Headers());
      },
      validator: part.length > 0 ? validator : undefined,
      loopHeaders,
      acquire: deps.places.acquire,
      // Nobody knows how large it is: room is asked for while it grows.
      reserve: async () => true,
      urge: () => undefined,
      offer: async () => chapter.watch(offerOf(path, deps)),
      terms: termsOf(kept, times, { anywhere, check }, deps),
      remember({ url, etag = null, lastModified = null, total }) {
        if (!named) return;
        try {
          rows.putPartial({ path, url, etag, lastModified, total });
          continuable = true;
        } catch (error) {
          // Then it can't be continued after a restart, and that is all.
          log.warn("Cannot remember how {file} may be continued: {error}", { file: path, error });
        }
      },
      unchanged({ url, fields }) {
        unchanged = true;
        if (kept) deps.kept.freshen(kept, { url, fields, askedAt: times.askedAt });
      },
      // What depends on the time at which a file was stored (its digest file) goes by when it was answered.
      storesFirst: true,
      async commit(finished) {
        if (!named) return false;
        try {
          const stored = await keepFile(path, kept, named, { finished, times }, deps);
          if (stored) deps.onStoreTrouble(undefined);
          return stored;
        } catch (error) {
          // What a disk says that it could not sync may be anything when it is read again.
          roomy.spoil();
          deps.onStoreTrouble(error);
          log.debug("Cannot keep {file}: {error}. It is passed on to its clients.", { file: path, error });
          return false;
        }
      },
    },
    deps,
  );
  const complain = (error: unknown) => {
    log.error("Cannot close the part file of {file}: {error}", { file: path, error });
  };
  const outcome = () => (download.stored || unchanged ? "stored" : download.computed ? "passed-through" : "failed");
  void download.ended.then(() => chapter.end(outcome()));
  download.ended.then(() => roomy.leave(continuable && !download.computed)).catch(complain);
  download.over.then(roomy.close).catch(complain);
  void download.over.then(leave);
  return download;
}
