/**
 * `import`: takes files of a DISTDIR into the store.
 */
import { statSync } from "node:fs";
import type { ImportReport, ImportRequest } from "../api/action-schemas.ts";
import { type Action, ActionError, progressOf } from "../api/actions.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { ImportDeps } from "./import-distdir.ts";
import { countFiles, type ImportSeen, importFolder } from "./scan-distdir.ts";

export interface ImportParts extends Omit<ImportDeps, "reserve"> {
  /** Bytes that the store may still take. */
  readonly room: () => number;
  /** Resolves when the trees have been read. */
  readonly repositoriesReady: () => Promise<void>;
}

/** Asking what the store holds sums up all its rows. */
const ASK_ROOM_EVERY_MS = 1_000;

/** Keeps count of what is being taken in; what the store holds is asked now and then. */
function createReservations(room: () => number): ImportDeps["reserve"] {
  let askedAt = Number.NEGATIVE_INFINITY;
  let left = 0;
  let reserved = 0;
  return (bytes) => {
    const now = performance.now();
    // What is under way may be in the answer or not: it is taken off, as the store may be full but never overfull.
    if (now - askedAt > ASK_ROOM_EVERY_MS) [askedAt, left] = [now, room() - reserved];
    if (left < bytes) return undefined;
    left -= bytes;
    reserved += bytes;
    return () => {
      reserved -= bytes;
    };
  };
}

/** @throws {ActionError} */
function checkFolder(folder: string): void {
  let problem: string | undefined;
  try {
    if (!statSync(folder).isDirectory()) problem = "it is no folder";
  } catch (error) {
    problem = reasonOf(error);
  }
  if (problem !== undefined) throw new ActionError(422, `Cannot import ${folder}: ${problem}`);
}

function reportOf(folder: string, seen: ImportSeen, tookMs: number): ImportReport {
  const skipped = [...seen.left].map(([reason, { files, examples }]) => ({ reason, files, examples: [...examples] }));
  return {
    duration_ms: Math.round(tookMs),
    folder,
    scanned: seen.seen,
    adopted: seen.adopted,
    adopted_bytes: seen.adoptedBytes,
    present: seen.present,
    skipped: skipped.toSorted((a, b) => b.files - a.files),
  };
}

export function createImport(parts: ImportParts): Action<ImportRequest, ImportReport> {
  return async ({ folder }, { onProgress, signal }) => {
    checkFolder(folder);
    const startedAt = performance.now();
    onProgress(progressOf("reading the trees"));
    await parts.repositoriesReady();
    try {
      onProgress(progressOf("counting files"));
      const total = await countFiles(folder, signal);
      const deps = { ...parts, reserve: createReservations(parts.room) };
      const seen = await importFolder(folder, deps, {
        signal,
        onProgress(now) {
          onProgress(
            progressOf(`importing, ${now.adopted} taken`, {
              done: now.seen,
              total: Math.max(total, now.seen),
              bytes: now.adoptedBytes,
            }),
          );
        },
      });
      return reportOf(folder, seen, performance.now() - startedAt);
    } catch (error) {
      signal.throwIfAborted();
      throw new ActionError(422, `Cannot import ${folder}: ${reasonOf(error)}`);
    }
  };
}
