/**
 * Where a distfile can be fetched from, as the resolver hands it to a download.
 */
import type { Attempt } from "../distfile/errors.ts";

/** What came of asking a source. */
export type Outcome = "delivered" | "absent" | "failed";

export interface Source {
  /** What people know it by: a mirror's URL, or the URI of a file. */
  readonly label: string;
  /** This origin was configured, so its address is not checked; undefined for URIs out of trees. */
  readonly trustedOrigin: string | undefined;
  /**
   * The file's URL there, found out when its turn comes (a mirror's layout may have to be asked for first).
   * @throws {SourceError}
   */
  locate(): Promise<string>;
  report(outcome: Outcome): void;
}

/** All there is to ask for one file. */
export interface Offer {
  /** In the order to ask them. */
  readonly sources: readonly Source[];
  /** What is not asked, and why. */
  readonly refusals: readonly Attempt[];
  /** Looks further, where that takes longer; may give sources that were asked already. */
  readonly more?: () => Promise<Offer>;
}
