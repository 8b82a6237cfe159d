/**
 * Verifies stored files at a bounded read rate, for `portcache verify` and the scrub. A bad file goes to no client; repairing
 * fetches it again if a Manifest lists it, else removes it.
 */
import {
  type ComputedDigests,
  compareDigests,
  type DistEntry,
  hasAlgorithms,
  hasHash,
  neededAlgorithms,
} from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RemovalReason } from "../distfile/reporting.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import { digestColumns, digestsOfRow, type FileRows, type FileWorth } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { type DigestState, hashAtRate, type ReadLimit, type VerifiedFile, verifyDigests } from "./verify-digests.ts";

export interface VerifyDeps {
  readonly store: Pick<Store, "stat" | "lookProblem" | "remove">;
  readonly rows: FileRows;
  readonly hasher: Hasher;
  readonly wantedBy: (name: FileName) => readonly WantedBy[];
  /** Fetches a file that is not stored. Resolves with whether it is stored now. */
  readonly prefetch: (entry: DistEntry) => Promise<boolean>;
  readonly onRemoved: (name: FileName, reason: RemovalReason) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface BadFile {
  readonly name: FileName;
  readonly size: number;
  readonly repository: string;
  /** Sentence part: "does not match its Manifest". */
  readonly problem: string;
  /** What was done about it. */
  readonly outcome: "unrepaired" | "refetched" | "removed";
}

export interface VerifyTotals {
  readonly files: number;
  readonly bytes: number;
  readonly bad: readonly BadFile[];
  /** Files as they were stored, whose Manifests list other content by now. */
  readonly stale: number;
  /** Files as they were stored that no Manifest lists. */
  readonly unverified: number;
  /** Rows whose files were gone. */
  readonly missing: number;
}

export interface VerifyProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bad: number;
  /** The file just verified. */
  readonly file: FileName;
}

export interface VerifyOptions {
  /** Whether to fetch bad files again, or remove them. */
  readonly repair: boolean;
  /** Highest read rate; 0: no limit. */
  readonly bytesPerSecond: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export type VerifyOutcome = DigestState | "missing" | "changed" | BadFile;

export interface Verify {
  /** Verifies all files. */
  all(options: VerifyOptions): Promise<VerifyTotals>;
  one(name: FileName, repair: boolean, readLimit: ReadLimit, signal: AbortSignal): Promise<VerifyOutcome>;
}

/** Shorter sleeps cost more than they save. */
const MIN_SLEEP_MS = 5;
const PAGE_ROWS = 100;
/** Time for a look-up that found the file before it was marked bad to open it. */
const BEFORE_REMOVAL_MS = 100;

export function createReadLimit(bytesPerSecond: () => number, clock: Clock): ReadLimit {
  let dueAt = 0;
  return async (bytes, signal) => {
    signal.throwIfAborted();
    const rate = bytesPerSecond();
    if (rate <= 0) return;
    // Idle time earns no credit.
    dueAt = Math.max(dueAt, performance.now()) + (bytes / rate) * 1000;
    const waitMs = dueAt - performance.now();
    if (waitMs >= MIN_SLEEP_MS) await clock.sleep(waitMs, signal);
  };
}

export function createVerify(deps: VerifyDeps): Verify {
  const { store, rows, hasher, clock, log } = deps;

  const isUnchanged = ({ name, file }: VerifiedFile) => store.stat(name)?.stamp === file.stamp;

  function recordVerified({ name, file, row, contents }: VerifiedFile, computed: ComputedDigests): void {
    const before = row?.stamp === file.stamp ? digestsOfRow(row) : undefined;
    if (before?.blake2b === computed.blake2b && hasAlgorithms(before, neededAlgorithms(contents))) {
      rows.verified(name, clock.now());
      return;
    }
    const seen = { stamp: file.stamp, verifiedAt: clock.now(), badStamp: null };
    const since = {
      source: row?.source ?? "",
      storedAt: row?.storedAt ?? clock.now(),
      usedAt: row?.usedAt ?? clock.now(),
    };
    rows.put({ name, ...digestColumns(computed), ...seen, ...since });
  }

  async function repairFile(name: FileName, wanted: readonly WantedBy[]): Promise<BadFile["outcome"]> {
    await clock.sleep(BEFORE_REMOVAL_MS);
    const gone = store.remove(name);
    rows.forget(name);
    await gone;
    deps.onRemoved(name, "damaged");
    const entry = wanted.map((by) => by.entry).find(hasHash);
    try {
      return entry && (await deps.prefetch(entry)) ? "refetched" : "removed";
    } catch (error) {
      log.warn("Cannot fetch {file} again: {error}", { file: name, error });
      return "removed";
    }
  }

  async function handleBad({ name, file }: VerifiedFile, problem: string, repair: boolean): Promise<BadFile> {
    // Marked first, so that no client gets it any more.
    if (!rows.get(name)) {
      rows.put({ name, size: file.size, stamp: file.stamp, source: "", storedAt: clock.now(), usedAt: clock.now() });
    }
    rows.markBad(name, file.stamp, clock.now());
    const wanted = deps.wantedBy(name);
    const outcome = repair ? await repairFile(name, wanted) : "unrepaired";
    log.error("{file} {problem}: {outcome}", { file: file.path, problem, outcome });
    return { name, size: file.size, repository: wanted[0]?.repository ?? "", problem, outcome };
  }

  /** Returns how the file is right, or what is wrong with it. */
  async function read(
    checked: VerifiedFile,
    readLimit: ReadLimit,
    signal: AbortSignal,
  ): Promise<DigestState | { problem: string }> {
    const { file, row, contents } = checked;
    try {
      const computed = await hashAtRate(file, { algorithms: neededAlgorithms(contents), readLimit, hasher, signal });
      const verification = verifyDigests(contents, row?.blake2b ?? null, computed);
      if (verification !== "wrong") {
        if (isUnchanged(checked)) recordVerified(checked, computed);
        return verification;
      }
      const isComparable = contents.some((content) => compareDigests(content, computed) === "different");
      return { problem: `does not match ${isComparable ? "its Manifest" : "the digest it was stored with"}` };
    } catch (error) {
      signal.throwIfAborted();
      return { problem: `cannot be read: ${reasonOf(error)}` };
    }
  }

  async function one(
    name: FileName,
    repair: boolean,
    readLimit: ReadLimit,
    signal: AbortSignal,
  ): Promise<VerifyOutcome> {
    const file = store.stat(name);
    const row = rows.get(name);
    if (!file) {
      const reason = store.lookProblem(name);
      if (reason !== undefined) log.warn("Cannot look at the stored {file}: {reason}", { file: name, reason });
      else if (row) rows.forget(name);
      return "missing";
    }
    const checked: VerifiedFile = { name, file, row, contents: contentsOf(deps.wantedBy(name)) };
    const found = await read(checked, readLimit, signal);
    // Replaced or removed while it was read.
    if (!isUnchanged(checked)) return "changed";
    return typeof found === "string" ? found : await handleBad(checked, found.problem, repair);
  }

  async function* everyRow(): AsyncGenerator<FileWorth> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page: readonly FileWorth[] = rows.page(after, PAGE_ROWS);
      yield* page;
      after = page.length < PAGE_ROWS ? undefined : page.at(-1)?.name;
    }
  }

  return {
    one,
    async all({ repair, bytesPerSecond, signal = new AbortController().signal, onProgress }) {
      const readLimit = createReadLimit(() => bytesPerSecond, clock);
      const counts = { files: 0, bytes: 0, stale: 0, unverified: 0, missing: 0 };
      const seen = { files: 0, bytes: 0 };
      const bad: BadFile[] = [];
      const [totalFiles, totalBytes] = [rows.count(), rows.bytes()];
      for await (const { name, size } of everyRow()) {
        const outcome = await one(name, repair, readLimit, signal);
        seen.files++;
        seen.bytes += size;
        if (outcome !== "missing") {
          counts.files++;
          counts.bytes += size;
        }
        if (typeof outcome === "object") bad.push(outcome);
        else if (outcome === "stale" || outcome === "unverified" || outcome === "missing") counts[outcome]++;
        onProgress?.({ ...seen, totalFiles, totalBytes, bad: bad.length, file: name });
      }
      return { ...counts, bad };
    },
  };
}
