/**
 * One line per request for a file (SPEC 8).
 */
import type { Logger } from "../lib/log.ts";
import type { Answered, Sent } from "./distfiles.ts";

/** A request, as the log tells of it. */
export interface Asked {
  readonly client: string;
  readonly method: string;
  /** By performance.now(). */
  readonly startedAt: number;
}

function logRequest({ client, method, startedAt }: Asked, answer: Answered, sent: Sent, log: Logger): void {
  const { file, source, response } = answer;
  const outcome = sent.broken === undefined ? answer.outcome : `${answer.outcome}, broken off (${sent.broken})`;
  log.info("{client} {method} {file}: {outcome} {status}, {bytes} bytes, {milliseconds} ms, from {source}", {
    client,
    method,
    file,
    outcome,
    status: response.status,
    bytes: sent.bytes,
    milliseconds: Math.round(performance.now() - startedAt),
    source,
  });
}

/** Sees to the line, once the body has ended or is in the platform's hands, and gives the response. */
export function tell(asked: Asked, answer: Answered, log: Logger): Response {
  if (answer.sent instanceof Promise) void answer.sent.then((sent) => logRequest(asked, answer, sent, log));
  else logRequest(asked, answer, answer.sent, log);
  return answer.response;
}
