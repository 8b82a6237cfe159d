/**
 * Reads what else than distfiles is stored again, at the pace of the distfiles: for `portcache verify` and the scrub.
 */

import type { Hasher } from "../distfile/hasher.ts";
import { type FileName, isMirrorPath, type MirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { MirrorFileParts } from "../server/compose-mirror-files.ts";
import { hashSlowly, type Pace } from "./hash-file.ts";
import type { ScrubDeps } from "./scrub.ts";
import { createPace, type Verify, type VerifyOptions, type VerifyReport } from "./verify-distfiles.ts";
import { type BadKeptFile, createVerifyKept, type VerifyKept } from "./verify-kept.ts";

type Found = Awaited<ReturnType<VerifyKept["one"]>>;

export interface OthersReport extends Pick<VerifyReport, "files" | "bytes" | "unverified" | "missing"> {
  readonly bad: readonly BadKeptFile[];
}

export interface VerifyOthers {
  readonly totals: { readonly files: number; readonly bytes: number };
  one(path: MirrorPath, repair: boolean, pace: Pace, signal: AbortSignal): Promise<Found>;
  all(options: Pick<VerifyOptions, "repair" | "bytesPerSecond"> & OthersOptions): Promise<OthersReport>;
}

interface OthersOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (done: { readonly files: number; readonly bytes: number; readonly bad: number }) => void;
}

export interface VerifyOthersDeps {
  readonly others: MirrorFileParts;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createVerifyOthers({ others, hasher, clock, log }: VerifyOthersDeps): VerifyOthers {
  const { rows } = others;
  const kept = createVerifyKept({ ...others, clock, log });

  async function one(path: MirrorPath, repair: boolean, pace: Pace, signal: AbortSignal): Promise<Found> {
    const how = { sha512: false, pace, hasher, signal };
    return await kept.one(path, repair, async (file) => (await hashSlowly(file, how)).blake2b, signal);
  }

  return {
    get totals() {
      return { files: rows.count(), bytes: rows.bytes() };
    },
    one,
    async all({ repair, bytesPerSecond, signal, onProgress }) {
      const pace = createPace(() => bytesPerSecond, clock);
      const counts = { files: 0, bytes: 0, unverified: 0, missing: 0 };
      const bad: BadKeptFile[] = [];
      for (const path of rows.paths()) {
        const size = rows.get(path)?.size ?? 0;
        const found = await one(path, repair, pace, signal);
        counts.files++;
        counts.bytes += size;
        if (typeof found === "object") bad.push(found);
        else if (found !== "changed") counts[found]++;
        onProgress({ ...counts, bad: bad.length });
      }
      return { ...counts, bad };
    },
  };
}

/** Both kinds, as the scrub goes through them: the one that was not read for longest first. */
export function scrubBoth(
  verify: Pick<Verify, "one">,
  rows: DistfileRows,
  verifyOthers: Pick<VerifyOthers, "one">,
  { rows: others }: MirrorFileParts,
): Pick<ScrubDeps, "verify" | "rows"> {
  return {
    verify: {
      one: (name: FileName, repair: boolean, pace: Pace, signal: AbortSignal) =>
        isMirrorPath(name) ? verifyOthers.one(name, repair, pace, signal) : verify.one(name, repair, pace, signal),
    },
    rows: {
      longestUnverified(limit) {
        const more = others.longestUnverified(limit).map(({ path, verifiedAt }) => ({ name: path, verifiedAt }));
        const all = [...rows.longestUnverified(limit), ...more];
        return all.toSorted((a, b) => (a.verifiedAt ?? 0) - (b.verifiedAt ?? 0)).slice(0, limit);
      },
      bytes: () => rows.bytes() + others.bytes(),
    },
  };
}
