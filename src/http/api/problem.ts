/**
 * Errors of the API as problem details (RFC 9457). The type is always `about:blank`: the status says what it is, the detail
 * what to do.
 */
import { STATUS_CODES } from "node:http";
import type { Problem } from "../../api/schemas.ts";

/** What every answer of the API carries: it tells of this moment, to this client, and is never anything but JSON. */
export const API_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // No other page may have it, not even as a picture that is none.
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The detail of an unexpected error: no more of it is shown to a client. */
export const INTERNAL_ERROR = "An unexpected error occurred. The server's log has the details.";

/** @param detail in a sentence; no more of an error than its message */
export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body: Problem = { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...API_HEADERS, "content-type": "application/problem+json", ...headers },
  });
}

/** @param value as one of the schemas has it */
export function json(value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { ...API_HEADERS, "content-type": "application/json" } });
}
