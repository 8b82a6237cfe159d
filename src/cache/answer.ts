/**
 * Makes the results that distfiles and mirror files share: a download with its first byte, a failure, and "late" where a client can't
 * wait any longer.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Download } from "../fetch/download.ts";
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Logger } from "../lib/log.ts";
import type { IncomingResult, Late, NotFound } from "./result.ts";

/**
 * Waits for the first byte of a download.
 * @throws {UnavailableError}
 */
export async function incoming(download: Download, status: CacheStatus): Promise<IncomingResult> {
  const release = download.hold();
  try {
    await download.reached(0);
    return { kind: "incoming", download, status, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Counts a client of a download as a use of the file, once that has a row. */
export function countUse(
  rows: Pick<FileRows, "touch" | "fetched">,
  download: Download,
  isJoined: boolean,
  at: number,
): void {
  void download.ended.then(() => {
    if (!download.stored) return;
    if (isJoined) rows.touch(download.name, at);
    else rows.fetched(download.name, at);
  });
}

/** Says why no source gave a file: 404 only where all say that they have none. */
export function notFound(attempts: readonly Attempt[], wantedBy: readonly string[] = [], note = ""): NotFound {
  const { absent, timedOut } = new UnavailableError("", attempts);
  return { kind: absent ? "absent" : timedOut ? "timed-out" : "failed", attempts, wantedBy, note };
}

/** Answers in time; what comes later is let go, while its download goes on. */
export async function inTime<Result extends { readonly kind: string; readonly release?: () => void }>(
  name: FileName,
  search: Promise<Result>,
  deadlineMs: number,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Result | Late> {
  const found = await within(clock, deadlineMs, search);
  if (found !== "late") return found;
  search.then(
    (missed) => missed.release?.(),
    (error: unknown) => log.error("Cannot answer for {file}: {error}", { file: name, error }),
  );
  return { kind: "late" };
}
