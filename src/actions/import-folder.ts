/**
 * Imports the wanted files of a DISTDIR, a few hundred at a time, and counts the others by reason. Reads both a flat folder, as Portage
 * keeps it, and the folders of a mirror (GLEP 75, filename-hash). Files imported before are found present, so an interrupted
 * import continues where it was.
 */
import { lstat } from "node:fs/promises";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { listFolder } from "../lib/list-folder.ts";
import { type Candidate, type ImportBatchDeps, type ImportOutcome, importBatch } from "./import-batch.ts";
import type { ImportThread, SkipReason } from "./import-thread.ts";

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

/** Files that share fsyncs and a transaction, which cost more than copying a small file. */
const BATCH_FILES = 256;
/** While the thread copies the files of one batch, the names and rows of another are written. */
const BATCHES_AT_ONCE = 2;
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

/** Yields the entries of a folder, or the one file that is at the path. */
async function* entriesOf(folder: string, file: string | undefined): AsyncIterable<Entry> {
  if (file === undefined) yield* walk(folder, "", 0);
  else yield { path: file, name: file };
}

/** Returns why an entry is no distfile, or the distfile that it may be. */
function candidateOf(folder: string, { path, name }: Entry): Candidate | ImportOutcome {
  if (PORTAGE_FILE.test(name)) return { kind: "skipped", reason: "portage" };
  const parsed = parseDistfileName(name);
  return parsed === undefined ? { kind: "skipped", reason: "name" } : { name: parsed, path: `${folder}/${path}` };
}

/** What is imported. */
export interface ImportSource {
  readonly folder: string;
  /** Name of the one file in it that counts; undefined for all. */
  readonly file: string | undefined;
}

/** Counts the entries, to give the progress bar an end. */
export async function countFiles({ folder, file }: ImportSource, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of entriesOf(folder, file)) {
    signal.throwIfAborted();
    count++;
  }
  return count;
}

/** Keeps two batches from working on the same name at once: a mirror's folders may hold a file twice. */
function createTurns() {
  const taken = new Map<DistfileName, Promise<void>>();
  return async (names: readonly DistfileName[], work: () => Promise<void>): Promise<void> => {
    for (;;) {
      const others = names.flatMap((name) => taken.get(name) ?? []);
      if (others.length === 0) break;
      await Promise.all(others);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const name of names) taken.set(name, promise);
    await work().finally(() => {
      for (const name of names) taken.delete(name);
      resolve();
    });
  };
}

/** @throws {Error} if the folder cannot be read or the store takes no files */
export async function importFolder(
  { folder, file }: ImportSource,
  thread: ImportThread,
  parts: Omit<ImportBatchDeps, "folders">,
  { onProgress, signal }: ImportOptions,
): Promise<ImportTotals> {
  const skipped = new Map<SkipReason, { files: number; examples: string[] }>();
  const totals = { scanned: 0, adopted: 0, adoptedBytes: 0, present: 0, skipped };
  const entries = entriesOf(folder, file)[Symbol.asyncIterator]();
  const inTurn = createTurns();
  const deps = { ...parts, folders: new Set<string>() };
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
    } else {
      totals[outcome.kind]++;
      if (outcome.kind === "adopted") totals.adoptedBytes += outcome.size;
    }
    onProgress(totals);
  }

  /** Takes the next entries, each name once; undefined where there are none. @returns true where there may be more */
  async function fill(batch: Map<DistfileName, Candidate>, again: Candidate[]): Promise<boolean> {
    while (batch.size < BATCH_FILES && again.length < BATCH_FILES) {
      const next = await entries.next();
      if (next.done || stopped) return false;
      const candidate = candidateOf(folder, next.value);
      if ("kind" in candidate) record(next.value.path, candidate);
      else if (batch.has(candidate.name)) again.push(candidate);
      else batch.set(candidate.name, candidate);
    }
    return true;
  }

  async function importAll(candidates: readonly Candidate[]): Promise<void> {
    signal.throwIfAborted();
    const names = candidates.map(({ name }) => name);
    await inTurn(names, async () => {
      const outcomes = await importBatch(candidates, thread, signal, deps);
      for (const [i, outcome] of outcomes.entries()) {
        record(candidates[i]?.path.slice(folder.length + 1) ?? "", outcome);
      }
    });
  }

  async function importNext(): Promise<void> {
    for (let more = true; more && !stopped; ) {
      const batch = new Map<DistfileName, Candidate>();
      const again: Candidate[] = [];
      more = await fill(batch, again);
      await importAll([...batch.values()]);
      for (const candidate of again) await importAll([candidate]);
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

  const outcomes = await Promise.allSettled(Array.from({ length: BATCHES_AT_ONCE }, importOrStop));
  await entries.return?.();
  await thread.copy([], [...deps.folders]);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  return totals;
}
