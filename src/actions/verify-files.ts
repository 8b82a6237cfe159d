/**
 * Reads stored files again, at a bounded rate, and sees to it that what is wrong goes to no client: it is fetched again
 * where that can be done, else removed. For `portcache verify`, which goes through all of them, and for the scrub.
 */
import { type DistEntry, hasHash, needsSha512 } from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import type { FileRows, FileWorth } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { type Checked, hashSlowly, judgeFile, type Pace, type Verdict } from "./hash-file.ts";

export interface VerifyDeps {
  readonly store: Pick<Store, "stat" | "remove">;
  readonly rows: FileRows;
  readonly hasher: Hasher;
  readonly wantedBy: (name: FileName) => readonly WantedBy[];
  /** Fetches a file that is not there. Resolves with whether it is now. */
  readonly prefetch: (entry: DistEntry) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface BadFile {
  readonly name: FileName;
  readonly size: number;
  readonly repository: string;
  /** Sentence part: "has other bytes than its Manifest says". */
  readonly problem: string;
  /** What was done about it. */
  readonly outcome: "unrepaired" | "refetched" | "removed";
}

export interface VerifyReport {
  readonly files: number;
  readonly bytes: number;
  readonly bad: readonly BadFile[];
  /** As they were stored, but Manifests want something else by now. */
  readonly stale: number;
  /** As they were stored, and no Manifest says what they should be. */
  readonly unverified: number;
  /** Rows of files that were gone. */
  readonly missing: number;
}

export interface VerifyProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bad: number;
  /** The file just read. */
  readonly file: FileName;
}

export interface VerifyOptions {
  /** Fetches bad files again, or removes them. */
  readonly repair: boolean;
  /** Read no faster than this; 0: as fast as the disk. */
  readonly bytesPerSecond: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export type Outcome = Verdict | "missing" | "changed" | BadFile;

export interface Verify {
  /** All files. */
  all(options: VerifyOptions): Promise<VerifyReport>;
  one(name: FileName, repair: boolean, pace: Pace, signal: AbortSignal): Promise<Outcome>;
}

/** Longer sleeps are exact enough; shorter ones cost more than they save. */
const LEAST_SLEEP_MS = 5;
const PAGE_ROWS = 100;
/** A look-up that found the file before it was marked has it open by then. */
const BEFORE_REMOVAL_MS = 100;

export function createPace(bytesPerSecond: () => number, clock: Clock): Pace {
  let dueAt = 0;
  return async (bytes, signal) => {
    signal.throwIfAborted();
    const rate = bytesPerSecond();
    if (rate <= 0) return;
    // Time in which nothing was read is not caught up on.
    dueAt = Math.max(dueAt, performance.now()) + (bytes / rate) * 1000;
    const waitMs = dueAt - performance.now();
    if (waitMs >= LEAST_SLEEP_MS) await clock.sleep(waitMs, signal);
  };
}

export function createVerify(deps: VerifyDeps): Verify {
  const { store, rows, hasher, clock, log } = deps;

  const isThere = ({ name, file }: Checked) => store.stat(name)?.stamp === file.stamp;

  function note({ name, file, row }: Checked, blake2b: string, sha512: string | undefined): void {
    if (row?.blake2b === blake2b && row.stamp === file.stamp) {
      rows.verified(name, clock.now());
      return;
    }
    const seen = { stamp: file.stamp, verifiedAt: clock.now(), badStamp: null };
    const since = {
      source: row?.source ?? "",
      storedAt: row?.storedAt ?? clock.now(),
      usedAt: row?.usedAt ?? clock.now(),
    };
    rows.put({ name, size: file.size, blake2b, sha512: sha512 ?? row?.sha512 ?? null, ...seen, ...since });
  }

  async function mend(name: FileName, wanted: readonly WantedBy[]): Promise<BadFile["outcome"]> {
    await clock.sleep(BEFORE_REMOVAL_MS);
    const gone = store.remove(name);
    rows.forget(name);
    await gone;
    const entry = wanted.map((by) => by.entry).find(hasHash);
    try {
      return entry && (await deps.prefetch(entry)) ? "refetched" : "removed";
    } catch (error) {
      log.warn("Cannot fetch {file} again: {error}", { file: name, error });
      return "removed";
    }
  }

  async function condemn({ name, file }: Checked, problem: string, repair: boolean): Promise<BadFile> {
    // First of all nobody gets it any more.
    if (!rows.get(name)) {
      rows.put({ name, size: file.size, stamp: file.stamp, source: "", storedAt: clock.now(), usedAt: clock.now() });
    }
    rows.markBad(name, file.stamp, clock.now());
    const wanted = deps.wantedBy(name);
    const outcome = repair ? await mend(name, wanted) : "unrepaired";
    log.error("{file} {problem}: {outcome}", { file: file.path, problem, outcome });
    return { name, size: file.size, repository: wanted[0]?.repository ?? "", problem, outcome };
  }

  /** What is wrong with it, or how it is right. */
  async function read(checked: Checked, pace: Pace, signal: AbortSignal): Promise<Verdict | { problem: string }> {
    const { file, row, contents } = checked;
    try {
      const computed = await hashSlowly(file, { sha512: needsSha512(contents), pace, hasher, signal });
      const verdict = judgeFile(contents, row?.blake2b ?? null, computed);
      if (verdict !== "wrong") {
        if (isThere(checked)) note(checked, computed.blake2b, computed.sha512);
        return verdict;
      }
      return { problem: `has other bytes than ${contents.length > 0 ? "its Manifest says" : "were stored"}` };
    } catch (error) {
      signal.throwIfAborted();
      return { problem: `cannot be read: ${reasonOf(error)}` };
    }
  }

  async function one(name: FileName, repair: boolean, pace: Pace, signal: AbortSignal): Promise<Outcome> {
    const file = store.stat(name);
    const row = rows.get(name);
    if (!file) {
      if (row) rows.forget(name);
      return "missing";
    }
    const checked: Checked = { name, file, row, contents: contentsOf(deps.wantedBy(name)) };
    const found = await read(checked, pace, signal);
    // Replaced or removed meanwhile: what was read is not what is there.
    if (!isThere(checked)) return "changed";
    return typeof found === "string" ? found : await condemn(checked, found.problem, repair);
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
      const pace = createPace(() => bytesPerSecond, clock);
      const counts = { files: 0, bytes: 0, stale: 0, unverified: 0, missing: 0 };
      const bad: BadFile[] = [];
      const [totalFiles, totalBytes] = [rows.count(), rows.bytes()];
      for await (const { name, size } of everyRow()) {
        const outcome = await one(name, repair, pace, signal);
        counts.files++;
        counts.bytes += size;
        if (typeof outcome === "object") bad.push(outcome);
        else if (outcome === "stale" || outcome === "unverified" || outcome === "missing") counts[outcome]++;
        onProgress?.({ ...counts, totalFiles, totalBytes, bad: bad.length, file: name });
      }
      return { ...counts, bad };
    },
  };
}
