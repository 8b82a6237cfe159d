/**
 * Puts together what answers for what else than distfiles a mirror carries, and what clean-up has to know of it.
 */

import type { CacheDeps } from "../cache/cache.ts";
import { createRevalidated, type Revalidated } from "../cache/mirror-files/lookup.ts";
import { createKeptFiles, type KeptFiles } from "../cache/mirror-files/stored-files.ts";
import { type Absences, createAbsences } from "../cache/negative-cache.ts";
import { openReservedPart } from "../cache/reserved-part.ts";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import type { EvictDeps } from "../eviction/evict.ts";
import { createMirrorFileRows, type MirrorFileRows } from "../index/mirror-files.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import { type MirrorFiles, openMirrorFiles } from "../store/mirror-files.ts";
import type { Store } from "../store/store.ts";

export interface MirrorFileParts {
  readonly files: MirrorFiles;
  readonly rows: MirrorFileRows;
}

export function openMirrorFileParts(location: string, store: Store, db: IndexDatabase): MirrorFileParts {
  return { files: openMirrorFiles(location, store), rows: createMirrorFileRows(db) };
}

type Evicting = Pick<EvictDeps, "store" | "rows">;

/** Distfiles and the others as clean-up sees them: one store, in which a distfile's name has no slash and comes first. */
export function bothKinds({ store, rows }: Evicting, { files, rows: others }: MirrorFileParts): Evicting {
  const pageOfOthers = (after: string, limit: number) =>
    others.page(after, limit).map(({ path, ...worth }) => ({ ...worth, name: path, orphanedAt: null }));
  return {
    store: {
      remove: (name: FileName) => (isMirrorPath(name) ? files.remove(name) : store.remove(name)),
      sweepParts: store.sweepParts,
      freeBytes: store.freeBytes,
      leftPartBytes: store.leftPartBytes,
    },
    rows: {
      page(after, limit) {
        if (after.includes("/")) return pageOfOthers(after, limit);
        const distfiles = rows.page(after, limit);
        return [...distfiles, ...pageOfOthers("", limit - distfiles.length)];
      },
      forget: (name: FileName) => (isMirrorPath(name) ? others.forget(name) : rows.forget(name)),
      flush() {
        rows.flush();
        others.flush();
      },
      bytes: () => rows.bytes() + others.bytes(),
    },
  };
}

export interface RevalidatedParts extends MirrorFileParts {
  readonly mirrors: Mirrors;
  /** What distfiles are fetched with. */
  readonly cacheDeps: Omit<CacheDeps, "readAhead">;
  readonly negativeTtlMs: () => number;
}

export interface ComposedRevalidated {
  readonly revalidated: Revalidated;
  readonly kept: KeptFiles;
  /** Other mirrors may have what these had not. */
  forgetFailures(): void;
}

/** Paths that no mirror has must not cost upstream much either; a place is taken for as long as a transfer takes. */
const PLACES = 16;
/** Where no mirror could be asked, what is here is given without asking for so long. */
const TROUBLE_MS = 15_000;

export function composeRevalidated({
  files,
  rows,
  mirrors,
  cacheDeps,
  negativeTtlMs,
}: RevalidatedParts): ComposedRevalidated {
  const { hasher, clock, log, inUse, reserve, onStoreTrouble } = cacheDeps;
  const kept = createKeptFiles({ files, rows, hasher, clock, log });
  const absences = createAbsences(negativeTtlMs, clock);
  const troubles: Absences = createAbsences(() => TROUBLE_MS, clock);
  const partDeps = { store: files, reserve, onStoreTrouble };
  const revalidated = createRevalidated({
    ...cacheDeps,
    files,
    rows,
    kept,
    sources: mirrors.mirrorFileSources,
    openPart: (path, resume) => openReservedPart(path, resume, partDeps),
    places: createSemaphore(PLACES),
    enter: inUse.enter,
    absences,
    troubles,
  });
  return {
    revalidated,
    kept,
    forgetFailures() {
      absences.clear();
      troubles.clear();
    },
  };
}
