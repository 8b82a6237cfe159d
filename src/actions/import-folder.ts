/**
 * Imports the wanted files of a DISTDIR, a few at a time, and counts the others by reason. Reads both a flat folder, as Portage
 * keeps it, and the folders of a mirror (GLEP 75, filename-hash). Files imported before are found present, so an interrupted
 * import continues where it was.
 */
import { lstat } from "node:fs/promises";
import { parseDistfileName } from "../distfile/name.ts";
import { listFolder } from "../lib/list-folder.ts";
import { type ImportFileDeps, type ImportOutcome, importFile, type SkipReason } from "./import-file.ts";

export interface ImportTotals {
  /** Entries of folders read. */
  readonly scanned: number;
  readonly adopted: number;
  readonly adoptedBytes: number;
  /** Already in the store. */
  readonly present: number;
  readonly skipped: ReadonlyMap<SkipReason, { readonly files: number; readonly examples: readonly string[] }>;
}

export interface ImportOptions {
  readonly onProgress: (totals: ImportTotals) => void;
  readonly signal: AbortSignal;
}

/** Files imported at once: their fsyncs, which dominate for small files, then overlap. */
const AT_ONCE = 8;
/** Examples kept for each reason, to bound the report. */
const MAX_EXAMPLES = 1000;
/** Depth of the layouts that mirrors use. */
const MAX_DEPTH = 2;

const HASH_FOLDER = /^[0-9a-f]{1,4}$/i;
/** Files that Portage is fetching or has set aside (portage: package/ebuild/fetch.py). */
const PORTAGE_FILE = /\.__download__$|\._checksum_failure_\.|\.portage_lockfile$|^\.__portage_|^layout\.conf$/;

interface Entry {
  /** Path below the folder. */
  readonly path: string;
  readonly name: string;
}

async function* walk(folder: string, below: string, depth: number): AsyncIterable<Entry> {
  for await (const name of listFolder(`${folder}/${below}`)) {
    const path = below === "" ? name : `${below}/${name}`;
    if (depth < MAX_DEPTH && HASH_FOLDER.test(name)) yield* descend(folder, path, name, depth);
    else yield { path, name };
  }
}

async function* descend(folder: string, path: string, name: string, depth: number): AsyncIterable<Entry> {
  const stats = await lstat(`${folder}/${path}`).catch(() => undefined);
  if (stats?.isDirectory()) yield* walk(folder, path, depth + 1);
  else yield { path, name };
}

async function importEntry(folder: string, { path, name }: Entry, deps: ImportFileDeps): Promise<ImportOutcome> {
  if (PORTAGE_FILE.test(name)) return { kind: "skipped", reason: "portage" };
  const parsed = parseDistfileName(name);
  if (parsed === undefined) return { kind: "skipped", reason: "name" };
  return await importFile(parsed, `${folder}/${path}`, deps);
}

/** Counts the entries, to give the progress bar an end. */
export async function countFiles(folder: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of walk(folder, "", 0)) {
    signal.throwIfAborted();
    count++;
  }
  return count;
}

/** @throws {Error} if the folder cannot be read or the store takes no files */
export async function importFolder(
  folder: string,
  deps: ImportFileDeps,
  { onProgress, signal }: ImportOptions,
): Promise<ImportTotals> {
  const skipped = new Map<SkipReason, { files: number; examples: string[] }>();
  const totals = { scanned: 0, adopted: 0, adoptedBytes: 0, present: 0, skipped };
  const files = walk(folder, "", 0)[Symbol.asyncIterator]();
  let stopped = false;

  function record(path: string, outcome: ImportOutcome): void {
    totals.scanned++;
    if (outcome.kind === "skipped") {
      const { reason, detail } = outcome;
      const before = skipped.get(reason) ?? { files: 0, examples: [] };
      skipped.set(reason, before);
      before.files++;
      if (before.examples.length < MAX_EXAMPLES)
        before.examples.push(detail === undefined ? path : `${path} (${detail})`);
      return;
    }
    totals[outcome.kind]++;
    if (outcome.kind === "adopted") totals.adoptedBytes += outcome.size;
  }

  async function importNext(): Promise<void> {
    while (!stopped) {
      signal.throwIfAborted();
      const next = await files.next();
      if (next.done || stopped) return;
      record(next.value.path, await importEntry(folder, next.value, deps));
      onProgress(totals);
    }
  }

  async function importOrStop(): Promise<void> {
    try {
      await importNext();
    } catch (error) {
      stopped = true;
      throw error;
    }
  }

  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, importOrStop));
  await files.return?.();
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  return totals;
}
