/**
 * Describes where a file can be fetched from, and how each request to such a source is recorded.
 */
import type { Attempt } from "./errors.ts";

/**
 * How a request to a source ended. `absent`: the source answers that it does not have the file. `different`: it answers with
 * another file, or a message, in its place. `corrupt`: the whole file came, and its digests are wrong. `unreachable`: it
 * accepted no connection or stayed silent. `failed`: any other fault of the source. `late`: a hedged request to another
 * source, sent afterwards, was answered first. `cancelled`: the request was not needed any more, which says nothing about
 * the source.
 */
export type RequestOutcome =
  | "delivered"
  | "absent"
  | "different"
  | "corrupt"
  | "failed"
  | "unreachable"
  | "late"
  | "cancelled";

/** Records one request to a source. */
export interface RequestRecorder {
  /** Notes how long after the request the first byte of the body came. */
  firstByte(afterMs: number): void;
  /**
   * @param waitedMs time spent waiting for these bytes; time taken by our own disk or by a slow reader does not count. Undefined for
   * bytes that were left waiting themselves, whose speed is not known
   */
  received(bytes: number, waitedMs: number | undefined): void;
  /** Ends the record; only the first call counts. */
  end(outcome: RequestOutcome): void;
}

/** Where a source may have one file. */
export interface FileLocation {
  /** The first to ask; the others only where those before it do not have the file. */
  readonly urls: readonly [string, ...string[]];
  /** Why the source may have the file although it is at none of the URLs, as after a clause: "its layout.conf ...". */
  readonly doubt?: string | undefined;
  /** Notes which of several URLs has the file. */
  readonly noteFound?: (url: string) => void;
}

/** A mirror or a URI that one file can be fetched from. */
export interface Source {
  /** The name that people know the source by: a mirror's URL, or the URI of the file. */
  readonly label: string;
  /** The configured origin, whose address is not checked; undefined for URIs from ebuilds. */
  readonly trustedOrigin: string | undefined;
  /**
   * Finds the file's URLs at this source when its turn comes (a mirror's layout.conf may have to be fetched first).
   * @throws {SourceError}
   */
  locate(): Promise<FileLocation>;
  /**
   * Starts the record of a request, which the caller has to end. Several may be open at once.
   * @param bytes how many the source is to send, as far as that is known
   */
  startRequest(bytes: number | undefined): RequestRecorder;
  /** Returns how long the first byte may take before another source is asked as well. */
  hedgeDelayMs(): number;
  /** Estimates from past requests how long the bytes would take; undefined while the source's circuit is open. */
  expectedMs(bytes: number): number | undefined;
  status(): SourceStatus;
  /** Notes whether the source answered a range request with the range. */
  noteRange(honoured: boolean): void;
}

/** What is known of a source at this moment, for the choice of a second source to fetch from. */
export interface SourceStatus {
  /** The host that the source's connections count against: a download uses each host once at a time. */
  readonly host: string;
  /** Whether another connection may be opened: the circuit is closed, and the host has fewer than its limit. */
  readonly available: boolean;
  /** The measured speed of one transfer; undefined before the first. */
  readonly bytesPerSecond: number | undefined;
  /** False after the source has ignored a range. */
  readonly acceptsRanges: boolean;
}

/** Knows which hosts asked not to be asked again for a while (429 and 503 with Retry-After), by HOST:PORT. */
export interface HostWaits {
  /** Returns until when the host asked to wait, in milliseconds since the epoch; undefined where it does not. */
  waitUntil(host: string): number | undefined;
  /** Notes that the host asks not to be asked before then. */
  wait(host: string, until: number): void;
}

/** The sources of one file. */
export interface SourceList {
  /** Returns the sources in the order to try, by what is known when it is called. */
  sources(): readonly Source[];
  /** Sources that must not be tried, with the reasons. */
  readonly refusals: readonly Attempt[];
  /**
   * Finds the whole list, which takes a while: these sources may be asked meanwhile, and the others as well where these are late.
   * May return sources that are in this list.
   */
  readonly rest?: () => Promise<SourceList>;
  /** Searches further, which may take long; may return sources that were in the first list. */
  readonly more?: () => Promise<SourceList>;
}
