/**
 * What is known of an ebuild for fetching its files, from metadata/md5-cache or by sourcing it (PMS 7.2, 7.3).
 */

export interface EbuildMetadata {
  readonly eapi: string;
  /** SRC_URI, RESTRICT and HOMEPAGE as the ebuild and its eclasses leave them, runs of white space as one blank. */
  readonly srcUri: string;
  readonly restrict: string;
  readonly homepage: string;
  /** Names of all eclasses inherited, each once, those that an eclass inherits itself before it. */
  readonly inherited: readonly string[];
}

export type Evaluation =
  | {
      readonly kind: "evaluated";
      readonly metadata: EbuildMetadata;
      /** What bash complained of (standard error), where it did: the result is to be doubted. */
      readonly complaint?: string;
    }
  /** `reason` is a sentence part that names what went wrong, for the log. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** Another one of the package, or the end of the server, was in its way: it may go well the next time. */
      readonly blameless?: true;
    };

/** One version of the package. */
export interface EbuildToEvaluate {
  /** Package name and version with revision: `foo-1.2-r1`. */
  readonly pf: string;
  /** From the text of the ebuild (PMS 7.3.1). */
  readonly eapi: string;
}

export interface EvaluationRequest {
  readonly category: string;
  readonly package: string;
  /** Absolute path of the folder with the ebuilds, `…/CATEGORY/PACKAGE`. */
  readonly folder: string;
  /** Absolute paths of the `eclass` folders, in Portage's order: the last one that has an eclass gives it. */
  readonly eclassFolders: readonly string[];
  readonly ebuilds: readonly EbuildToEvaluate[];
}

export interface Evaluator {
  /** One bash for all of them. @returns an evaluation for every ebuild, by its pf */
  evaluate(request: EvaluationRequest): Promise<ReadonlyMap<string, Evaluation>>;
}
