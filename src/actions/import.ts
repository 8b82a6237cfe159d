/**
 * Imports the files of a DISTDIR, or a single one, into the store, and reports those it skipped.
 */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { ImportReport, ImportRequest } from "../api/action-schemas.ts";
import { type Action, ActionError, progressOf } from "../api/actions.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { ImportBatchDeps } from "./import-batch.ts";
import { countFiles, type ImportSource, type ImportTotals, importFolder } from "./import-folder.ts";
import { createImportThread } from "./import-thread.ts";

export interface ImportDeps extends Omit<ImportBatchDeps, "reserve" | "folders"> {
  /** Script of the importing thread. */
  readonly workerUrl: string;
  /** Returns the bytes that the store may still take. */
  readonly spareBytes: (files?: number) => number;
  /** Resolves when the repositories have been read. */
  readonly repositoriesReady: () => Promise<unknown>;
}

/** The spare bytes are computed no more often: it sums up all rows. */
const SPARE_TTL_MS = 1_000;

/** Files whose inodes are looked for at once. */
const MAX_FILES = 1024;

/** Returns how many more files the store has inodes for, up to MAX_FILES. */
function spareFiles(spareBytes: ImportDeps["spareBytes"]): number {
  if (spareBytes(MAX_FILES) > 0) return MAX_FILES;
  let fitting = 0;
  for (let step = MAX_FILES / 2; step >= 1; step /= 2) if (spareBytes(fitting + step) > 0) fitting += step;
  return fitting;
}

/** Counts the files being imported against the spare bytes and inodes of the store, which are computed now and then. */
function createReserve(spareBytes: ImportDeps["spareBytes"]): ImportBatchDeps["reserve"] {
  let askedAt = Number.NEGATIVE_INFINITY;
  let left = 0;
  let reserved = 0;
  let files = { found: 0, left: 0 };

  function refresh(now: number): void {
    // Files under way may be counted twice: better than an overfull store.
    [askedAt, left] = [now, spareBytes() - reserved];
    const found = spareFiles(spareBytes);
    files = { found, left: found };
  }

  return (bytes) => {
    const now = performance.now();
    if (now - askedAt > SPARE_TTL_MS || (files.left === 0 && files.found === MAX_FILES)) refresh(now);
    if (left < bytes || files.left === 0) return undefined;
    files.left--;
    left -= bytes;
    reserved += bytes;
    return () => {
      reserved -= bytes;
    };
  };
}

/** @throws {ActionError} where there is neither such a folder nor such a file */
export function findSource(path: string): ImportSource {
  let problem: string;
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) {
      accessSync(path, constants.R_OK | constants.X_OK);
      return { folder: path, file: undefined };
    }
    // A link would be skipped in a folder; whoever names it means the file that it leads to, by the name of that file.
    if (stats.isFile()) return { folder: dirname(realpathSync(path)), file: basename(realpathSync(path)) };
    problem = "neither a file nor a folder";
  } catch (error) {
    problem = reasonOf(error);
  }
  throw new ActionError(422, `Cannot import ${path}: ${problem}`);
}

function reportOf(folder: string, totals: ImportTotals, tookMs: number): ImportReport {
  const skipped = [...totals.skipped].map(([reason, { files, examples }]) => ({
    reason,
    files,
    examples: [...examples],
  }));
  return {
    duration_ms: Math.round(tookMs),
    folder,
    scanned: totals.scanned,
    adopted: totals.adopted,
    adopted_bytes: totals.adoptedBytes,
    present: totals.present,
    skipped: skipped.toSorted((a, b) => b.files - a.files),
  };
}

export function createImport(deps: ImportDeps): Action<ImportRequest, ImportReport> {
  return async ({ folder }, { onProgress, signal }) => {
    const source = findSource(folder);
    const startedAt = performance.now();
    onProgress(progressOf("reading repositories"));
    await deps.repositoriesReady();
    const thread = createImportThread(deps.workerUrl);
    try {
      onProgress(progressOf("counting files"));
      const total = await countFiles(source, signal);
      const reserve = createReserve(deps.spareBytes);
      const totals = await importFolder(
        source,
        thread,
        { ...deps, reserve },
        {
          signal,
          onProgress(now) {
            onProgress(
              progressOf(`importing, ${now.adopted} done`, {
                done: now.scanned,
                total: Math.max(total, now.scanned),
                bytes: now.adoptedBytes,
              }),
            );
          },
        },
      );
      return reportOf(folder, totals, performance.now() - startedAt);
    } catch (error) {
      signal.throwIfAborted();
      throw new ActionError(422, `Cannot import ${folder}: ${reasonOf(error)}`);
    } finally {
      thread.end();
    }
  };
}
