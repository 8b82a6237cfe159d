/**
 * Which mirrors carry which repositories' files, learnt from their answers: the public ones have those of ::gentoo, and
 * asking each of them for every file of an overlay would cost a round trip a mirror for nothing.
 */

/** Counts of one mirror's answers for files that only this repository wants. */
export interface Answer {
  readonly mirror: string;
  readonly repository: string;
  readonly found: number;
  readonly absent: number;
}

export interface Answers {
  all(): readonly Answer[];
  put(answer: Answer): void;
}

export interface Carried {
  /** Whether the mirror may well have a file that these repositories want; what it has shown decides. */
  isLikely(mirror: string, repositories: readonly string[]): boolean;
  record(mirror: string, repositories: readonly string[], found: boolean): void;
}

/** So many answers it takes to say anything. */
const ENOUGH = 4;
/** Above it both counts are halved: what a mirror did long ago fades. */
const MANY = 64;
const UNLIKELY = 0.1;
/** One file in so many is asked for all the same: a mirror may begin to carry a repository. */
const TRY_EVERY = 32;

export function isUnlikely({ found, absent }: Pick<Answer, "found" | "absent">): boolean {
  return found + absent >= ENOUGH && found < UNLIKELY * (found + absent);
}

export function createCarried(answers: Answers): Carried {
  const keyOf = (mirror: string, repository: string) => `${mirror}\n${repository}`;
  const known = new Map(answers.all().map((answer) => [keyOf(answer.mirror, answer.repository), answer]));
  let asked = 0;
  return {
    isLikely(mirror, repositories) {
      const seen = repositories.map((repository) => known.get(keyOf(mirror, repository)));
      const unlikely = seen.length > 0 && seen.every((answer) => answer !== undefined && isUnlikely(answer));
      return !unlikely || ++asked % TRY_EVERY === 0;
    },
    record(mirror, repositories, found) {
      const [repository] = repositories;
      // What several want says nothing of each.
      if (repository === undefined || repositories.length > 1) return;
      const key = keyOf(mirror, repository);
      const before = known.get(key) ?? { found: 0, absent: 0 };
      const fade = before.found + before.absent >= MANY ? 0.5 : 1;
      const answer = {
        mirror,
        repository,
        found: Math.round(before.found * fade) + (found ? 1 : 0),
        absent: Math.round(before.absent * fade) + (found ? 0 : 1),
      };
      known.set(key, answer);
      // Only what changes the verdict or fades it has to outlive a restart.
      if (isUnlikely(answer) !== isUnlikely(before) || (answer.found + answer.absent) % 16 === 0) answers.put(answer);
    },
  };
}
