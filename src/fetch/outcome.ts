/**
 * What an error says of the source it came from, for those who choose sources.
 */
import type { SourceError } from "../distfile/errors.ts";
import type { RequestOutcome } from "../distfile/source.ts";
import { SlowSourceError } from "./throughput.ts";

/** Error codes of the platform's client and resolver that say: no connection. */
const NO_CONNECTION = new Set([
  "ConnectionRefused",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
  "FailedToOpenSocket",
]);

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

export function outcomeOf(error: SourceError): RequestOutcome {
  // That one is slow its speed says, which is measured.
  if (error instanceof SlowSourceError) return error.silent ? "failed" : "cancelled";
  // Something else under that name is no worse than nothing: mirrors are late with files made anew, and one such file must not
  // put all others out of reach.
  if (error.kind === "absent" || error.kind === "bad") return "absent";
  if (error.kind === "timeout" || NO_CONNECTION.has(codeOf(error.cause))) return "unreachable";
  return "failed";
}
