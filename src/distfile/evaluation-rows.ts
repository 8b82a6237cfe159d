/**
 * Describes what the index keeps of ebuilds that bash evaluated.
 */

/** One version of a package; hashes are MD5 in lower-case hex. */
export interface EvaluationRow {
  /** Package name and version with revision. */
  readonly pf: string;
  /** MD5 of the ebuild. */
  readonly md5: string;
  /** NAME\tMD5 pairs, as in md5-cache. */
  readonly eclasses: string;
  readonly eapi: string;
  readonly srcUri: string;
  readonly restrict: string;
  readonly homepage: string;
}

/** Identifies a package; `location` is a configured repository's. */
export interface EvaluatedPackage {
  readonly location: string;
  readonly category: string;
  readonly package: string;
}

export interface EvaluationRows {
  get(key: EvaluatedPackage): readonly EvaluationRow[];
  /** Adds rows, and forgets the rows of versions that are not `present` any more. */
  put(key: EvaluatedPackage, rows: readonly EvaluationRow[], present: readonly string[]): void;
}
