/**
 * Learns from the mirrors' answers which repositories' files each of them has: public mirrors have those of ::gentoo, and asking
 * each of them for every file of an overlay would cost a round trip per mirror for nothing.
 */
import type { MirrorAnswerRows, MirrorAnswers } from "../distfile/mirror-records.ts";
import type { Clock } from "../lib/clock.ts";

export interface MirrorContents {
  /** Returns how probable (over 0, at most 1) it is that the mirror has a file that these repositories want. */
  chance(mirror: string, repositories: readonly string[]): number;
  /** Returns whether the mirror may have a file that these repositories want, by its answers so far. */
  isLikely(mirror: string, repositories: readonly string[]): boolean;
  record(mirror: string, repositories: readonly string[], found: boolean): void;
  forget(mirror: string): void;
}

/** Fewer answers say nothing. */
const MIN_ANSWERS = 4;
/** Above it both counts are halved, so that old answers fade. */
const MAX_ANSWERS = 64;
const UNLIKELY_SHARE = 0.1;
/** Keeps the chance over 0, however often a mirror did not have a file. */
const FOUND_BEFORE = 0.25;
/** One file in this many is asked for all the same: a mirror may add a repository. */
const PROBE_EVERY = 32;
/** So is the first one after this long without an answer: what made it lack them may have lasted a minute. */
const PROBE_AFTER_MS = 10 * 60_000;

function isUnlikely({ found, absent }: Pick<MirrorAnswers, "found" | "absent">): boolean {
  return found + absent >= MIN_ANSWERS && found < UNLIKELY_SHARE * (found + absent);
}

/** Counts one more answer. One that was not expected ends what the others say: the mirror lacked everything for a while. */
function withAnswer(known: Pick<MirrorAnswers, "found" | "absent">, found: boolean) {
  const before = found && isUnlikely(known) ? { found: 0, absent: 0 } : known;
  const fade = before.found + before.absent >= MAX_ANSWERS ? 0.5 : 1;
  return {
    found: Math.round(before.found * fade) + (found ? 1 : 0),
    absent: Math.round(before.absent * fade) + (found ? 0 : 1),
  };
}

export function createMirrorContents(rows: MirrorAnswerRows, clock: Pick<Clock, "now">): MirrorContents {
  const keyOf = (mirror: string, repository: string) => `${mirror}\n${repository}`;
  const counts = new Map(rows.all().map((answers) => [keyOf(answers.mirror, answers.repository), answers]));
  /** When each last answered since the start. */
  const answeredAt = new Map<string, number>();
  let unlikelyRequests = 0;

  function isRecent(key: string): boolean {
    const at = answeredAt.get(key);
    return at !== undefined && Math.abs(clock.now() - at) < PROBE_AFTER_MS;
  }

  return {
    chance(mirror, repositories) {
      const chances = repositories.map((repository) => {
        const { found = 0, absent = 0 } = counts.get(keyOf(mirror, repository)) ?? {};
        return found + absent < MIN_ANSWERS ? 1 : (found + FOUND_BEFORE) / (found + absent + FOUND_BEFORE);
      });
      return chances.length === 0 ? 1 : Math.max(...chances);
    },
    forget(mirror) {
      for (const [key, answers] of counts) {
        if (answers.mirror !== mirror) continue;
        counts.delete(key);
        rows.put({ ...answers, found: 0, absent: 0 });
      }
    },
    isLikely(mirror, repositories) {
      const keys = repositories.map((repository) => keyOf(mirror, repository));
      const unlikely = keys.every((key) => isUnlikely(counts.get(key) ?? { found: 0, absent: 0 }));
      return keys.length === 0 || !unlikely || !keys.some(isRecent) || ++unlikelyRequests % PROBE_EVERY === 0;
    },
    record(mirror, repositories, found) {
      for (const repository of repositories) answeredAt.set(keyOf(mirror, repository), clock.now());
      const [repository] = repositories;
      // A file that several repositories want says nothing of any one of them.
      if (repository === undefined || repositories.length > 1) return;
      const key = keyOf(mirror, repository);
      const before = counts.get(key) ?? { found: 0, absent: 0 };
      const answers = { mirror, repository, ...withAnswer(before, found) };
      counts.set(key, answers);
      // Few answers change the result, and only those have to outlive a restart.
      if (isUnlikely(answers) !== isUnlikely(before) || (answers.found + answers.absent) % 16 === 0) rows.put(answers);
    },
  };
}
