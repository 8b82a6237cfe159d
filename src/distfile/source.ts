/**
 * Where a distfile can be fetched from, as the resolver hands it to a download.
 */
import type { Attempt } from "./errors.ts";

/**
 * What came of asking a source. `absent`: it answers, but does not have this very file. `unreachable`: it took no connection
 * or stayed silent. `failed`: everything else that is its fault. `late`: another was asked after it and answered first.
 * `cancelled`: it was not needed any more, which says nothing against it.
 */
export type Outcome = "delivered" | "absent" | "failed" | "unreachable" | "late" | "cancelled";

/** One request to a source, for whoever keeps account of what sources can do. */
export interface Trial {
  /** The first byte of the body came, so long after the request. */
  answered(afterMs: number): void;
  /** @param waitedMs time in which somebody waited for these: what our own disk or a slow reader takes is not in it */
  received(bytes: number, waitedMs: number): void;
  /** The first one counts. */
  end(outcome: Outcome): void;
}

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
  /**
   * A request to it begins, which has to be ended. Several may be under way at once.
   * @param bytes how many it is to send, as far as that is known
   */
  ask(bytes: number | undefined): Trial;
  /** How long its first byte may take before another source is asked beside it. */
  patienceMs(): number;
  /** How long so many bytes would take, by what it has shown; undefined where it is out of order. */
  expectedMs(bytes: number): number | undefined;
  standing(): Standing;
  /** It answered a range with the whole file. */
  ignoresRanges(): void;
}

/** What is known of a source's place at this moment, for who would like to fetch from it beside others. */
export interface Standing {
  /** Sources of one place share a line and a courtesy: a download asks a place once at a time. */
  readonly place: string;
  /** Whether another connection may be made there: it is in order, and carries fewer than courtesy allows. */
  readonly free: boolean;
  /** What one transfer from there has shown; undefined before the first. */
  readonly bytesPerSecond: number | undefined;
  /** False where it has ignored a range. */
  readonly ranges: boolean;
}

/** All there is to ask for one file. */
export interface Offer {
  /** In the order to ask them as things stand now, so it is called when they are asked. */
  sources(): readonly Source[];
  /** What is not asked, and why. */
  readonly refusals: readonly Attempt[];
  /** Looks further, where that takes longer; may give sources that were asked already. */
  readonly more?: () => Promise<Offer>;
}
