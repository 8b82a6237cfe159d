/**
 * What is noted of each source that could not give (the rest of) a file, for the log, the next choice, and whoever explains it.
 */
import type { Attempt, SourceError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Source } from "../distfile/source.ts";
import type { Logger } from "../lib/log.ts";
import type { Rounds } from "./source-queue.ts";

/** What came of the sources, for whoever has to explain it. */
export type Attempts = Map<Source, Attempt>;

export interface Account {
  /** @param bytes that came from it this time */
  failed(source: Source, error: SourceError, bytes: number): void;
  /** All came from it, and that is wrong: why, in words. */
  lied(source: Source, why: string): void;
}

/** Whether it can be asked once more in this download: silence is not worth a second wait, resets are. */
function isFinal(error: SourceError, bytes: number): boolean {
  return error.kind === "absent" || error.kind === "bad" || (error.kind === "timeout" && bytes === 0);
}

export function createAccount(
  file: FileName,
  rounds: Pick<Rounds<Source>, "exclude">,
  attempts: Attempts,
  log: Logger,
): Account {
  return {
    failed(source, error, bytes) {
      if (isFinal(error, bytes)) rounds.exclude(source);
      attempts.set(source, { source: source.label, kind: error.kind, detail: error.message });
      const properties = { source: source.label, file, detail: error.message };
      if (error.kind === "absent") log.debug("{source} has no {file}: {detail}", properties);
      else log.warn("{source} failed for {file}: {detail}", properties);
    },
    lied(source, why) {
      rounds.exclude(source);
      attempts.set(source, { source: source.label, kind: "bad", detail: why });
      log.warn("{source} failed for {file}: it {why}", { source: source.label, file, why });
    },
  };
}
