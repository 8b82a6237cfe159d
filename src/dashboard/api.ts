/**
 * Asking the server: JSON by GET, changes by POST, whose progress comes as lines of JSON. Paths are relative to the origin of
 * the page; nothing else is ever asked.
 */
import type { Problem } from "../api/schemas.ts";

const PREFIX = "/api/v1";

/** The server answered, and said no: the message is its own words. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "RefusedError";
    this.status = status;
  }
}

/** Path and query of something below the API, quoted. */
export function apiPath(path: string, query: Readonly<Record<string, string | number>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString();
  return `${PREFIX}/${path.split("/").map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}

async function refusal(response: Response): Promise<RefusedError> {
  const text = await response.text();
  try {
    const { detail, title } = JSON.parse(text) as Partial<Problem>;
    return new RefusedError(response.status, detail ?? title ?? `It answered ${response.status}.`);
  } catch {
    // Not this server's own words: something stands between.
    return new RefusedError(response.status, text.trim().slice(0, 300) || `It answered ${response.status}.`);
  }
}

/**
 * @param path as apiPath() gives it
 * @throws {RefusedError} where the server says no
 * @throws {TypeError} where it does not answer
 */
export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal, headers: { accept: "application/json" }, cache: "no-store" });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

/** What is told while an action goes on, one object a line. */
export type ActionLine =
  | {
      readonly kind: "progress";
      readonly step: string;
      readonly done: number;
      readonly total: number | null;
      readonly bytes: number;
      readonly total_bytes: number | null;
    }
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly status: number; readonly detail: string };

/** The lines of a stream, as they come. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = done ? "" : (lines.pop() ?? "");
      yield* lines.filter((line) => line !== "");
      if (done) return;
    }
  } finally {
    // Whoever stops listening stops the action.
    reader.cancel().catch(() => undefined);
  }
}

export interface ActionOrder {
  readonly name: "clean" | "rescan" | "fetch" | "verify" | "drop";
  readonly body: Readonly<Record<string, unknown>>;
  /** Empty: none is sent, and the server decides. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: Extract<ActionLine, { kind: "progress" }>) => void;
}

/**
 * Has the server do something and gives its report.
 * @throws {RefusedError} where it says no, or the action fails
 */
export async function act<T>({ name, body, token, signal, onProgress }: ActionOrder): Promise<T> {
  const response = await fetch(apiPath(name), {
    method: "POST",
    signal,
    headers: {
      accept: "application/x-ndjson",
      "content-type": "application/json",
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok || !response.body) throw await refusal(response);
  for await (const text of linesOf(response.body)) {
    const line = JSON.parse(text) as ActionLine;
    if (line.kind === "progress") onProgress(line);
    if (line.kind === "result") return line.result as T;
    if (line.kind === "error") throw new RefusedError(line.status, line.detail);
  }
  throw new RefusedError(502, "The connection ended before the report came.");
}
