/**
 * Where a distfile can be fetched from, as the resolver hands it to a download.
 */

export interface Source {
  /** What people know it by: a mirror's URL, or a host. */
  readonly label: string;
  /** This origin was configured, so its address is not checked; undefined for URIs out of trees. */
  readonly trustedOrigin: string | undefined;
  /**
   * The file's URL there, found out when its turn comes (a mirror's layout may have to be asked for first).
   * @throws {SourceError}
   */
  locate(): Promise<string>;
  /** Tells what came of asking it, undefined for success. */
  report(failure: string | undefined): void;
}
