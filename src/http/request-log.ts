/**
 * Writes one line per request for a file and passes what came of it to the statistics. Beyond a thousand hits a second
 * nobody reads their lines, a disk fills with 15 GB a day and more, and the lines take a third of what hits cost (measured): the
 * others share one line a second.
 */
import {
  countedAs,
  failureOf,
  outcomeWords,
  type ResponseOutcome,
  type ResponseRecorder,
} from "../distfile/response-outcome.ts";
import type { Clock } from "../lib/clock.ts";
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
  fail(request: LoggedRequest): void;
}

/** Paths that name no file may be as long as a request. */
const MAX_SHOWN = 300;

function shorten(file: string): string {
  return file.length > MAX_SHOWN ? `${file.slice(0, MAX_SHOWN)}…` : file;
}

const PERIOD_MS = 1000;
const MAX_HIT_LINES = 1000;

export function createRequestLog({ infoLine, recorder, clock }: RequestLogDeps): RequestLog {
  let periodStartedAt = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let skippedHits = 0;
  let skippedBytes = 0;

  function writeSkipped(): void {
    const text = `${skippedHits} more hits, ${skippedBytes} bytes: only ${MAX_HIT_LINES} hits a second have their own lines`;
    infoLine(text, { hits: skippedHits, bytes: skippedBytes });
    skippedHits = 0;
    skippedBytes = 0;
  }

  /** Returns whether a hit has a line of its own; if not, it is counted for the shared one. */
  function takeLine(now: number, bytes: number): boolean {
    if (now - periodStartedAt >= PERIOD_MS) {
      periodStartedAt = now;
      lines = 0;
    }
    if (lines < MAX_HIT_LINES) {
      lines++;
      return true;
    }
    if (skippedHits === 0) void clock.sleep(PERIOD_MS).then(writeSkipped);
    skippedHits++;
    skippedBytes += bytes;
    return false;
  }

  function record(request: LoggedRequest, answer: Answer, sent: Sent, firstByteMs: number): void {
    const { client, method, startedAt } = request;
    const { bytes, brokenOff } = sent;
    recorder.end({ client, outcome: countedAs(answer.outcome), bytes, firstByteMs });
    if (answer.outcome.kind === "hit" && !takeLine(startedAt, bytes)) return;
    const file = shorten(answer.file);
    const failure = failureOf(answer.outcome, brokenOff);
    if (failure) recorder.failed(file, failure.kind, failure.reason);
    const outcome = outcomeText(answer.outcome, brokenOff);
    const { status } = answer.response;
    const source = (sent.source ?? answer.source) || "-";
    const milliseconds = Math.round(performance.now() - startedAt);
    infoLine(`${client} ${method} ${file}: ${outcome} ${status}, ${bytes} bytes, ${milliseconds} ms, from ${source}`, {
      client,
      method,
      file,
      outcome,
      status,
      bytes,
      milliseconds,
      source,
    });
  }

  return {
    begin: recorder.begin,
    end(request, answer) {
      const firstByteMs = performance.now() - request.startedAt;
      if (answer.sent instanceof Promise) void answer.sent.then((sent) => record(request, answer, sent, firstByteMs));
      else record(request, answer, answer.sent, firstByteMs);
      return answer.response;
    },
    fail({ client }) {
      recorder.end({ client, outcome: "failed", bytes: 0, firstByteMs: 0 });
    },
  };
}

function outcomeText(outcome: ResponseOutcome, brokenOff: string | undefined): string {
  const words = outcomeWords(outcome);
  return brokenOff === undefined ? words : `${words}, broken off (${brokenOff})`;
}
