/**
 * Goes through a DISTDIR and takes in what is wanted, a few files at a time; of the others it is told which and why. Flat as
 * Portage keeps it, or with the folders of a mirror (GLEP 75, filename-hash). What was taken in by an earlier run is
 * seen to be there, so an import that was cut short goes on where it was.
 */
import { lstat } from "node:fs/promises";
import { parseDistfileName } from "../distfile/name.ts";
import { listNames } from "../lib/list-folder.ts";
import { type ImportDeps, type ImportOutcome, importFile, type LeftReason } from "./import-distdir.ts";

export interface ImportSeen {
  /** Files and other things gone through. */
  readonly seen: number;
  readonly adopted: number;
  readonly adoptedBytes: number;
  /** In the store already. */
  readonly present: number;
  readonly left: ReadonlyMap<LeftReason, { readonly files: number; readonly examples: readonly string[] }>;
}

export interface ImportRun {
  readonly onProgress: (seen: ImportSeen) => void;
  readonly signal: AbortSignal;
}

/** Their fsyncs are waited for together, which is what takes the time of small files. */
const AT_ONCE = 8;
/** Of each reason: enough to look into, and a bounded answer. */
const MOST_EXAMPLES = 1000;
/** Two levels of the longest cut-offs that mirrors use. */
const DEEPEST = 2;

const HASH_FOLDER = /^[0-9a-f]{1,4}$/i;
/** What Portage has under way or set aside (portage: package/ebuild/fetch.py). */
const PORTAGE_OWN = /\.__download__$|\._checksum_failure_\.|\.portage_lockfile$|^\.__portage_|^layout\.conf$/;

interface Found {
  /** Below the folder. */
  readonly path: string;
  readonly name: string;
}

async function* walk(folder: string, below: string, depth: number): AsyncIterable<Found> {
  for await (const name of listNames(`${folder}/${below}`)) {
    const path = below === "" ? name : `${below}/${name}`;
    if (depth < DEEPEST && HASH_FOLDER.test(name)) yield* descend(folder, path, name, depth);
    else yield { path, name };
  }
}

async function* descend(folder: string, path: string, name: string, depth: number): AsyncIterable<Found> {
  const stats = await lstat(`${folder}/${path}`).catch(() => undefined);
  if (stats?.isDirectory()) yield* walk(folder, path, depth + 1);
  else yield { path, name };
}

async function judge(folder: string, { path, name }: Found, deps: ImportDeps): Promise<ImportOutcome> {
  if (PORTAGE_OWN.test(name)) return { kind: "left", reason: "portage" };
  const parsed = parseDistfileName(name);
  if (parsed === undefined) return { kind: "left", reason: "name" };
  return await importFile(parsed, `${folder}/${path}`, deps);
}

/** How many names there are, for a bar that has an end. */
export async function countFiles(folder: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of walk(folder, "", 0)) {
    signal.throwIfAborted();
    count++;
  }
  return count;
}

/** @throws {Error} where the folder can't be read or the store takes nothing */
export async function importFolder(folder: string, deps: ImportDeps, run: ImportRun): Promise<ImportSeen> {
  const left = new Map<LeftReason, { files: number; examples: string[] }>();
  const total = { seen: 0, adopted: 0, adoptedBytes: 0, present: 0, left };
  const files = walk(folder, "", 0)[Symbol.asyncIterator]();
  let over = false;

  function record(path: string, outcome: ImportOutcome): void {
    total.seen++;
    if (outcome.kind === "left") {
      const { reason, detail } = outcome;
      const before = left.get(reason) ?? { files: 0, examples: [] };
      left.set(reason, before);
      before.files++;
      if (before.examples.length < MOST_EXAMPLES)
        before.examples.push(detail === undefined ? path : `${path} (${detail})`);
      return;
    }
    total[outcome.kind]++;
    if (outcome.kind === "adopted") total.adoptedBytes += outcome.size;
  }

  async function take(): Promise<void> {
    while (!over) {
      run.signal.throwIfAborted();
      const next = await files.next();
      if (next.done || over) return;
      record(next.value.path, await judge(folder, next.value, deps));
      run.onProgress(total);
    }
  }

  async function takeOrEnd(): Promise<void> {
    try {
      await take();
    } catch (error) {
      over = true;
      throw error;
    }
  }

  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, takeOrEnd));
  await files.return?.();
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  return total;
}
