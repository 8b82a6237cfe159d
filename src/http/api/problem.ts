/**
 * Makes the responses of the API: JSON, and errors as problem details (RFC 9457) of type `about:blank`.
 */
import { STATUS_CODES } from "node:http";
import type { BaseIssue } from "valibot";
import type { Problem } from "../../api/schemas.ts";
import { visible } from "../../lib/text.ts";

/** Headers of every response of the API. */
export const API_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // Keeps pages of other origins from embedding a response.
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The detail of an unexpected error: no more of it is shown to a client. */
export const INTERNAL_ERROR = "An unexpected error occurred. The server's log has the details.";

/** Names and reasons come from others: a reader of the JSON sees every character of them. */
export function readableJson(value: unknown): string {
  return visible(JSON.stringify(value), "\\u");
}

/** Types as Valibot names them, and as people do. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ["Array", "a list"],
  ["Object", "an object"],
  ["boolean", "true or false"],
  ["number", "a number"],
  ["string", "a text"],
]);

/** Returns one type or value, or several as `"a", "b" or "c"`; Valibot has them as `("a" | "b" | "c")`. */
function expectedText(text: string): string {
  const choices = text.startsWith("(") ? text.slice(1, -1).split(" | ") : [text];
  const names = choices.map((one) => TYPES.get(one) ?? one.replace(">=", "at least ").replace("<=", "at most "));
  const last = names.pop() ?? "";
  return names.length === 0 ? last : `${names.join(", ")} or ${last}`;
}

/** Returns what a validation expected and what it got. */
export function issueMessage({ message }: BaseIssue<unknown>): string {
  const [, expected, got] = /^Invalid [a-z ]+: Expected (.*) but received (.*)$/s.exec(message) ?? [];
  return expected === undefined ? message : `expected ${expectedText(expected)}, got ${got}`;
}

/** @param detail a sentence; of an error only its message */
export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body: Problem = { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail };
  return new Response(`${readableJson(body)}\n`, {
    status,
    headers: { ...API_HEADERS, "content-type": "application/problem+json", ...headers },
  });
}

/** @param value as declared by a response schema */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  const all = { ...API_HEADERS, "content-type": "application/json", ...headers };
  return new Response(readableJson(value), { status, headers: all });
}
