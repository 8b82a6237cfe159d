/**
 * Writes one line per request for a file and passes what came of it to the statistics and to the request history. Of requests that
 * start no download only so many a second have lines of their own, and are in the history.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import { fileKind } from "../distfile/file-kind.ts";
import {
  CLIENT_LEFT,
  type CountedOutcome,
  countedAs,
  failureOf,
  type ResponseOutcome,
  type ResponseRecorder,
} from "../distfile/response-outcome.ts";
import type { Clock } from "../lib/clock.ts";
import { noun } from "../lib/format.ts";
import { createLineLimit } from "../lib/line-limit.ts";
import { cut, shown } from "../lib/text.ts";
import type { Answer, Sent } from "./respond.ts";

/** A request, as the log shows it. */
export interface LoggedRequest {
  readonly client: string;
  readonly method: string;
  /** By performance.now(). */
  readonly startedAt: number;
}

export interface RequestLogDeps {
  /** Writes a line at info, with its values for programs. */
  readonly infoLine: (text: string, properties: Readonly<Record<string, unknown>>) => void;
  readonly recorder: ResponseRecorder;
  readonly clock: Pick<Clock, "sleep">;
}

export interface RequestLog {
  /** To be called when a request for a file has come. */
  begin(): void;
  /** Records the answer once its body has ended or is in the platform's hands. @returns its response */
  end(request: LoggedRequest, answer: Answer): Response;
  /** To be called instead of end() if an unexpected error took the place of an answer. */
  fail(request: LoggedRequest, path: string): void;
}

/** Hits, and requests that joined a download, in a second that have lines of their own: nobody reads more. */
export const MAX_HIT_LINES = 1000;
/** Answers without a file in a second that have lines of their own: anybody can ask for any number of them. */
export const MAX_OTHER_LINES = 100;

/** The longest name of a distfile, by which its failures are listed; paths that name no file may be as long as a request. */
const MAX_NAME = 255;

/** Returns whether a download was started for the answer, which limits how many there can be. */
function isCostly(outcome: ResponseOutcome): boolean {
  return outcome.kind === "forwarded" && outcome.response === "full" && !outcome.collapsed;
}

/** Returns what an answer counts as: who asked for headers alone, or for a part that is not there, got no file. */
function countOf(method: string, { outcome, response }: Answer): CountedOutcome {
  const counted = countedAs(outcome);
  const isFile = counted === "hit" || counted === "miss" || counted === "joined";
  const isEmpty = method === "HEAD" || response.status === 412 || response.status === 416;
  return isFile && isEmpty ? "other" : counted;
}

export function createRequestLog({ infoLine, recorder, clock }: RequestLogDeps): RequestLog {
  const hitLines = createLineLimit(MAX_HIT_LINES, clock, (hits, bytes) => {
    const text = `${hits} more ${noun(hits, "hit or joined request", "hits and joined requests")}, ${bytes} ${noun(bytes, "byte")}: only ${MAX_HIT_LINES} a second have their own lines`;
    infoLine(text, { hits, bytes });
  });
  const otherLines = createLineLimit(MAX_OTHER_LINES, clock, (answers) => {
    const text = `${answers} more ${noun(answers, "answer")} without a file: only ${MAX_OTHER_LINES} a second have their own lines`;
    infoLine(text, { answers });
  });

  function hasLine(outcome: ResponseOutcome, startedAt: number, bytes: number): boolean {
    if (outcome.kind === "hit") return hitLines.take(startedAt, bytes);
    if (isCostly(outcome)) return true;
    // The body of a joined download may have taken hours to send.
    return outcome.kind === "forwarded" ? hitLines.take(performance.now(), bytes) : otherLines.take(startedAt);
  }

  function record(request: LoggedRequest, answer: Answer, sent: Sent, firstByteMs: number): void {
    const { client, startedAt } = request;
    const method = shown(request.method);
    const { bytes, brokenOff } = sent;
    const counted = countOf(request.method, answer);
    recorder.end({ client, kind: fileKind(answer.file), outcome: counted, bytes, firstByteMs });
    const failure = failureOf(answer.outcome, brokenOff);
    if (failure) recorder.failed(cut(answer.file, MAX_NAME), failure);
    if (!hasLine(answer.outcome, startedAt, bytes)) return;
    const file = shown(answer.file);
    const outcome = outcomeText(answer.outcome, brokenOff);
    const { status } = answer.response;
    const source = shown((sent.source ?? answer.source) || "-");
    const milliseconds = Math.round(performance.now() - startedAt);
    recorder.logged({
      client,
      method,
      file: cut(answer.file, MAX_NAME),
      outcome: counted,
      detail: detailText(answer.outcome, brokenOff),
      status,
      bytes,
      milliseconds,
      source,
    });
    infoLine(
      `${client} ${method} ${file}: ${outcome}, ${status}, ${bytes} ${noun(bytes, "byte")}, ${milliseconds} ms, from ${source}`,
      {
        client,
        method,
        file,
        outcome,
        status,
        bytes,
        milliseconds,
        source,
      },
    );
  }

  return {
    begin: recorder.begin,
    end(request, answer) {
      const firstByteMs = performance.now() - request.startedAt;
      if (answer.sent instanceof Promise) void answer.sent.then((sent) => record(request, answer, sent, firstByteMs));
      else record(request, answer, answer.sent, firstByteMs);
      return answer.response;
    },
    fail({ client }, path) {
      recorder.end({ client, kind: fileKind(path), outcome: "failed", bytes: 0, firstByteMs: 0 });
    },
  };
}

/** The log's words for answers that are not from the cache. */
const WORDS: Readonly<Record<Exclude<ResponseOutcome["kind"], CacheStatus["kind"]>, string>> = {
  absent: "absent",
  failed: "failed",
  "timed-out": "timed-out",
  late: "late",
  "not-stored": "not stored",
  head: "miss (HEAD only)",
  generated: "generated",
  "unknown-path": "absent",
  folder: "folder",
  "bad-name": "bad name",
  "method-not-allowed": "method not allowed",
  "not-allowed": "client not allowed",
  loop: "loop",
  busy: "refused, too many waiting",
  left: "the client left",
};

/** Returns the log's words for an outcome. */
export function outcomeWords(outcome: ResponseOutcome): string {
  if (outcome.kind === "hit") return outcome.stale ? "hit (stale)" : "hit";
  if (outcome.kind !== "forwarded") return WORDS[outcome.kind];
  if (outcome.response === "none") return "hit (stale)";
  if (outcome.response === "not-modified") return "hit (revalidated)";
  return outcome.collapsed ? "miss (joined)" : "miss";
}

/** Returns the words of an outcome without a reason that others may have written. */
function detailText(outcome: ResponseOutcome, brokenOff: string | undefined): string {
  if (brokenOff === undefined) return outcomeWords(outcome);
  return `${outcomeWords(outcome)}, ${brokenOff === CLIENT_LEFT ? CLIENT_LEFT : "broken off"}`;
}

function outcomeText(outcome: ResponseOutcome, brokenOff: string | undefined): string {
  const words = outcomeWords(outcome);
  return brokenOff === undefined ? words : `${words}, broken off (${brokenOff})`;
}
