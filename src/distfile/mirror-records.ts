/**
 * Describes what is kept over restarts of the hosts that files come from, and of mirrors.
 */

export interface HostStats {
  /** Exponential moving average; undefined before the first sample. */
  readonly firstByteMs: number | undefined;
  /** The newest samples, oldest first: their distribution shows what is late. */
  readonly recentFirstByteMs: readonly number[];
  /** Throughput of one transfer while a reader waited for bytes; averaged; undefined before the first sample. */
  readonly bytesPerSecond: number | undefined;
  /** How many bytes the throughput was measured over; decays with time. */
  readonly speedBytes: number;
  /** Counts of requests by outcome; decay with time. */
  readonly delivered: number;
  readonly absent: number;
  readonly failed: number;
  /** Points for failures since the last success; enough of them open the circuit. */
  readonly strikes: number;
  /** When an open circuit lets one request through; undefined: closed. */
  readonly openUntil: number | undefined;
  /** How long the circuit stays open this time; 0 once the host works. */
  readonly openForMs: number;
  /** The time up to which counts have decayed, in milliseconds since the epoch; 0: never asked. */
  readonly seenAt: number;
}

/** What is known of a host. */
export interface HostRecord {
  /** A mirror's URL, or the origin of a server of SRC_URI. */
  readonly host: string;
  readonly stats: HostStats;
  readonly lastRequestAt: number;
  /** Requests under way when it was written. */
  readonly activeRequests: number;
  /** Until when the host asked not to be asked again; 0: it did not. */
  readonly waitUntil: number;
}

export interface HostRows {
  all(): readonly HostRecord[];
  /** Writes them in one transaction. */
  putAll(records: readonly HostRecord[]): void;
  forget(keys: readonly string[]): void;
}

/** Counts one mirror's answers for files that only this repository wants. */
export interface MirrorAnswers {
  readonly mirror: string;
  /** Name of the repository. */
  readonly repository: string;
  readonly found: number;
  readonly absent: number;
}

export interface MirrorAnswerRows {
  all(): readonly MirrorAnswers[];
  put(answers: MirrorAnswers): void;
}

/** A mirror's layout.conf as last fetched. */
export interface StoredLayout {
  /** Empty where the mirror is flat and has none. */
  readonly layoutConf: string;
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
}

export interface MirrorLayoutRows {
  get(url: string): StoredLayout | undefined;
  put(url: string, layout: StoredLayout): void;
}
