/**
 * One line per request for a file (SPEC 8), and the same to whoever keeps account.
 */
import type { Answered, Sent } from "./distfiles.ts";
import type { HitLines } from "./hit-lines.ts";
import { outcomeOf, type RequestFailure, type RequestRecorder } from "./observe.ts";
import { CLIENT_LEFT } from "./respond.ts";

/** A request, as the log tells of it. */
export interface Asked {
  readonly client: string;
  readonly method: string;
  /** By performance.now(). */
  readonly startedAt: number;
}

export interface TellDeps {
  /** Writes a line at info, with what is in it for programs. */
  readonly infoLine: (text: string, properties: Readonly<Record<string, unknown>>) => void;
  readonly recorder: RequestRecorder;
  readonly hitLines: HitLines;
}

/** What went wrong with a file, where something did. */
function failureOf({ outcome, reason }: Answered, broken: string | undefined): [RequestFailure, string] | undefined {
  if (outcome === "late") return ["late", "No byte came within the time that clients wait; the download went on."];
  if (reason !== undefined) return [outcome as RequestFailure, reason];
  // That a client leaves is its own affair.
  if (broken === undefined || broken === CLIENT_LEFT) return undefined;
  return ["broken-off", `The transfer broke off: ${broken}.`];
}

/** The path of what was no file's may be as long as a request. */
const MOST_SHOWN = 300;

function shorten(file: string): string {
  return file.length > MOST_SHOWN ? `${file.slice(0, MOST_SHOWN)}…` : file;
}

function account(
  asked: Asked,
  answer: Answered,
  sent: Sent,
  firstByteMs: number,
  { infoLine, recorder: observer, hitLines }: TellDeps,
): void {
  const { client, method, startedAt } = asked;
  const { response } = answer;
  const file = shorten(answer.file);
  const source = (sent.source ?? answer.source) || "-";
  const totalMs = performance.now() - startedAt;
  observer.end({ client, outcome: outcomeOf(answer.outcome), bytes: sent.bytes, firstByteMs, totalMs });
  if (answer.outcome === "hit" && !hitLines.take(startedAt, sent.bytes)) return;
  const failure = failureOf(answer, sent.broken);
  if (failure) observer.failed(file, ...failure);
  const outcome = sent.broken === undefined ? answer.outcome : `${answer.outcome}, broken off (${sent.broken})`;
  const { status } = response;
  const { bytes } = sent;
  const milliseconds = Math.round(totalMs);
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

/** Sees to both, once the body has ended or is in the platform's hands, and gives the response. */
export function tell(asked: Asked, answer: Answered, deps: TellDeps): Response {
  const firstByteMs = performance.now() - asked.startedAt;
  if (answer.sent instanceof Promise) void answer.sent.then((sent) => account(asked, answer, sent, firstByteMs, deps));
  else account(asked, answer, answer.sent, firstByteMs, deps);
  return answer.response;
}
