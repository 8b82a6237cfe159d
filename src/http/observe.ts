/**
 * What is told of every request for a distfile to whoever keeps account: called on the hot path, so it only counts.
 */

/** What came of a request, from a bounded set. */
export type RequestOutcome = "hit" | "miss" | "joined" | "absent" | "failed" | "refused" | "other";

export type RequestFailure = "absent" | "failed" | "timed-out" | "late" | "broken-off";

export interface RequestRecord {
  /** As plainAddress() gives it; empty over the Unix socket. */
  readonly client: string;
  readonly outcome: RequestOutcome;
  /** Of the body, sent. */
  readonly bytes: number;
  /** From the request to the answer's headers, and to its end, in milliseconds. */
  readonly firstByteMs: number;
  readonly totalMs: number;
}

export interface RequestRecorder {
  begin(): void;
  end(request: RequestRecord): void;
  /** @param reason in words */
  failed(file: string, kind: RequestFailure, reason: string): void;
}

/** The log's words, as counted. */
const OUTCOMES: Readonly<Record<string, RequestOutcome>> = {
  hit: "hit",
  "hit, revalidated": "hit",
  "hit, old": "hit",
  miss: "miss",
  "miss, joined": "joined",
  absent: "absent",
  failed: "failed",
  "timed-out": "failed",
  late: "failed",
  "bad name": "refused",
  "method not allowed": "refused",
  loop: "refused",
};

export function outcomeOf(logged: string): RequestOutcome {
  return OUTCOMES[logged] ?? "other";
}
