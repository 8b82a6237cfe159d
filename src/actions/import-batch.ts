/**
 * Imports a few hundred files of a DISTDIR together: those for which a Manifest vouches by name, size and digest. Each step is
 * done for all of them, so that they share the fsyncs and one transaction. A kill leaves whole files with their rows or none: a
 * file gets its name after its bytes are on the disk, and its row after its name.
 */
import type { StoredFiles } from "../cache/stored-files.ts";
import { compareDigests, type Digests, hasHash, sizesText } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import { digestColumns, type FileRows, type NewFileRow } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { codeOf } from "../lib/error-reason.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";
import type { CopyTask, ImportThread, Look, Settled, SkippedFile, SkipReason } from "./import-thread.ts";

export type ImportOutcome = { readonly kind: "adopted" | "present"; readonly size: number } | SkippedFile;

export interface ImportBatchDeps {
  readonly store: Pick<Store, "openPart" | "place">;
  readonly rows: Pick<FileRows, "putStored">;
  readonly storedFiles: Pick<StoredFiles, "find">;
  readonly clock: Clock;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Reserves bytes in the store until the returned function is called; undefined if there is no room. */
  readonly reserve: (bytes: number) => (() => void) | undefined;
  /** Folders that files were renamed into, to be synced with the next files. */
  readonly folders: Set<string>;
}

/** A file of the DISTDIR. */
export interface Candidate {
  readonly name: DistfileName;
  readonly path: string;
}

/** A file that is copied: its outcome is open. */
interface Admitted extends Candidate {
  readonly size: number;
  /** Digests to accept. */
  readonly contents: readonly Digests[];
  readonly part: PartFile;
  readonly release: () => void;
}

/** Copied with one message to the thread; an import that is stopped ends after that many bytes. */
const BYTES_AT_ONCE = 16 * 1024 * 1024;
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

const skipped = (reason: SkipReason, detail?: string): ImportOutcome => ({
  kind: "skipped",
  reason,
  ...(detail === undefined ? {} : { detail }),
});

/**
 * Returns those of the contents that are better than what is stored; none where the best is. Where repositories disagree, the
 * first one's content is the one that the name stands for, and replaces another's.
 */
export async function missing(
  name: DistfileName,
  contents: readonly Digests[],
  { storedFiles }: Pick<ImportBatchDeps, "storedFiles">,
): Promise<readonly Digests[]> {
  const there = await storedFiles.find(name, contents);
  if (there === undefined || there === "stale") return contents;
  const rank = contents.findIndex((content) => compareDigests(content, there.digests) === "same");
  return contents.slice(0, Math.max(0, rank));
}

/** Opens the part file. @returns the outcome where there is none, as a download is writing the file and will store it */
function open(candidate: Candidate, size: number, contents: readonly Digests[], deps: ImportBatchDeps) {
  const release = deps.reserve(size);
  if (!release) return skipped("full");
  let part: PartFile;
  try {
    part = deps.store.openPart(candidate.name, () => false);
  } catch (error) {
    release();
    // Out of inodes, or others have filled the disk meanwhile.
    if (FULL.has(codeOf(error))) return skipped("full");
    throw error;
  }
  return { ...candidate, size, contents, part, release };
}

/** Decides by name and size what becomes of a file. */
async function admit(candidate: Candidate, look: Look, deps: ImportBatchDeps): Promise<ImportOutcome | Admitted> {
  const contents = contentsOf(deps.wantedBy(candidate.name));
  if (look.kind === "skipped") return look;
  if (look.kind === "absent" || contents.length === 0) return skipped("unknown");
  const { size } = look;
  const fitting = contents.filter((content) => content.size === size);
  if (fitting.length === 0) return skipped("size", sizesText(contents, size));
  if (!fitting.some(hasHash)) return skipped("no-hash");
  const better = await missing(candidate.name, contents, deps);
  const wanted = better.filter((content) => content.size === size && hasHash(content));
  return wanted.length === 0 ? { kind: "present", size } : open(candidate, size, wanted, deps);
}

/** Divides them by size: one message to the thread is one group. */
function* groupsOf(admitted: readonly Admitted[]): Iterable<readonly Admitted[]> {
  let group: Admitted[] = [];
  let bytes = 0;
  for (const one of admitted) {
    if (group.length > 0 && bytes + one.size > BYTES_AT_ONCE) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(one);
    bytes += one.size;
  }
  if (group.length > 0) yield group;
}

async function place({ name, part, size }: Admitted, { digests }: Settled, { store, clock, folders }: ImportBatchDeps) {
  const placed = await store.place(part, name).catch((error: unknown) => {
    if (FULL.has(codeOf(error))) return "full" as const;
    throw error;
  });
  if (placed === "full") return skipped("full");
  if (!placed) throw new Error(`Cannot store ${name}: a file or folder is in its way`);
  for (const folder of placed.folders) folders.add(folder);
  const now = clock.now();
  const times = { storedAt: now, usedAt: now };
  const row = {
    name,
    ...digestColumns(digests),
    stamp: placed.file.stamp,
    source: "",
    ...times,
    uses: 0,
    wantedOnce: true,
  };
  return { kind: "placed", size, row } as const;
}

/** Gives the files their names, and then their rows. */
async function store(
  group: readonly Admitted[],
  copies: readonly (Settled | SkippedFile)[],
  deps: ImportBatchDeps,
): Promise<readonly ImportOutcome[]> {
  const placing = group.map(async (one, i): Promise<ImportOutcome | Awaited<ReturnType<typeof place>>> => {
    const copied = copies[i] ?? skipped("busy");
    return copied.kind === "settled" ? await place(one, copied, deps) : copied;
  });
  const placed = await Promise.allSettled(placing);
  const stored = placed.flatMap((one): NewFileRow[] =>
    one.status === "fulfilled" && one.value.kind === "placed" ? [one.value.row] : [],
  );
  deps.rows.putStored(stored);
  return placed.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value.kind === "placed" ? { kind: "adopted", size: one.value.size } : one.value;
  });
}

async function copyAll(
  admitted: readonly Admitted[],
  thread: ImportThread,
  signal: AbortSignal,
  deps: ImportBatchDeps,
): Promise<ReadonlyMap<Candidate, ImportOutcome>> {
  const outcomes = new Map<Candidate, ImportOutcome>();
  for (const group of groupsOf(admitted)) {
    signal.throwIfAborted();
    const now = deps.clock.now();
    const tasks = group.map(({ path, part, size, contents }): CopyTask => ({ path, fd: part.fd, size, contents, now }));
    const folders = [...deps.folders];
    deps.folders.clear();
    const stored = await store(group, await thread.copy(tasks, folders), deps);
    for (const [i, one] of group.entries()) outcomes.set(one, stored[i] ?? skipped("busy"));
  }
  return outcomes;
}

/**
 * @param candidates of different names
 * @returns their outcomes, in the same order
 * @throws {Error} if the store refuses a file
 */
export async function importBatch(
  candidates: readonly Candidate[],
  thread: ImportThread,
  signal: AbortSignal,
  deps: ImportBatchDeps,
): Promise<readonly ImportOutcome[]> {
  const looks = await thread.look(candidates.map(({ path }) => path));
  const opened: Admitted[] = [];
  try {
    const decisions: (ImportOutcome | Admitted)[] = [];
    for (const [i, candidate] of candidates.entries()) {
      const decision = await admit(candidate, looks[i] ?? { kind: "absent" }, deps);
      if (!("kind" in decision)) opened.push(decision);
      decisions.push(decision);
    }
    const copied = await copyAll(
      opened.filter(({ part }) => part.named),
      thread,
      signal,
      deps,
    );
    return decisions.map((one) => ("kind" in one ? one : (copied.get(one) ?? skipped("busy"))));
  } finally {
    await Promise.all(
      opened.map(async ({ part, release }) => {
        part.leave(false);
        release();
        await part.close();
      }),
    );
  }
}
