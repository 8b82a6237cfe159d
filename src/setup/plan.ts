/**
 * What is to be done with each file, judged by three digests: of what it should be, of what it is, and of what was installed
 * last time (pure). What somebody changed is never touched.
 */

export type Digest = string;

/** What happens to one file. */
export type Action =
  /** It was not there. */
  | "install"
  /** It is as it was installed by another version. */
  | "replace"
  | "unchanged"
  /** It was changed: what it would have been is put beside it. */
  | "offer"
  /** It was changed, and what it would have been was offered before. */
  | "kept"
  | "remove"
  /** It is not there, and should not be. */
  | "absent";

export interface Digests {
  /** Of what this version has; undefined where it has no such file. */
  readonly wanted: Digest | undefined;
  /** Of what lies there. */
  readonly present: Digest | undefined;
  /** Of what was installed or offered last. */
  readonly recorded: Digest | undefined;
}

export function planInstall({ wanted, present, recorded }: Digests): Action {
  // A file that this version has no more.
  if (wanted === undefined) return planRemoval({ wanted, present, recorded });
  if (present === undefined) return "install";
  if (present === wanted) return "unchanged";
  if (present === recorded) return "replace";
  return recorded === wanted ? "kept" : "offer";
}

export function planRemoval({ present, recorded }: Digests): Action {
  if (present === undefined) return "absent";
  return present === recorded ? "remove" : "kept";
}
