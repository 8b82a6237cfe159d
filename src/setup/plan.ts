/**
 * Decides what to do with each file from three digests: of the new version, of the file present, and of what was installed last
 * time (pure). Files that somebody changed are never touched.
 */

export type Digest = string;

/** What setup does with one file. */
export type FileChange =
  /** The file is missing. */
  | "install"
  /** The file is as another version installed it. */
  | "replace"
  | "unchanged"
  /** The file was changed: the new version is put beside it. */
  | "offer"
  /** The file was changed, and there is nothing new to put beside it. */
  | "kept"
  | "remove"
  /** The file is missing, and this version has none. */
  | "absent";

export interface FileDigests {
  /** Digest of the file in this version; undefined if it has none. */
  readonly wanted: Digest | undefined;
  /** Digest of the file on disk. */
  readonly present: Digest | undefined;
  /** Digest of what was installed or offered last. */
  readonly recorded: Digest | undefined;
}

export function planInstall({ wanted, present, recorded }: FileDigests): FileChange {
  // This version no longer has the file.
  if (wanted === undefined) return planRemoval({ wanted, present, recorded });
  if (present === undefined) return "install";
  if (present === wanted) return "unchanged";
  if (present === recorded) return "replace";
  return recorded === wanted ? "kept" : "offer";
}

export function planRemoval({ present, recorded }: FileDigests): FileChange {
  if (present === undefined) return "absent";
  return present === recorded ? "remove" : "kept";
}
