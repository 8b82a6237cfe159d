/**
 * Calls the server's API: GET for JSON, POST for actions, whose progress arrives as lines of JSON. URLs are relative to the
 * origin of the page; no other server is contacted.
 */
import type { Progress } from "../api/action-schemas.ts";
import type { ActionLine, ActionName, ActionReports } from "../api/actions.ts";
import type { Problem } from "../api/schemas.ts";

const PREFIX = "/api/v1";

/** The server responded with an error; the message is the server's own. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** @param path below the API, without anything to escape */
export function apiPath(path: string, query: Readonly<Record<string, string | number>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString();
  return `${PREFIX}/${path}${search === "" ? "" : `?${search}`}`;
}

/** @param name any file's name: its slashes and percent signs are escaped, too */
export function filePath(name: string): string {
  return `${PREFIX}/files/${encodeURIComponent(name)}`;
}

/** @param named an address or a name */
export function clientPath(named: string): string {
  return `${PREFIX}/clients/${encodeURIComponent(named)}`;
}

function errorFrom(status: number, text: string): ApiError {
  const unknown = `The server responded with status ${status}.`;
  try {
    const { detail, title } = JSON.parse(text) as Partial<Problem>;
    return new ApiError(status, detail ?? title ?? unknown);
  } catch {
    // Not problem details, so from a proxy in between.
    return new ApiError(status, text.trim().slice(0, 300) || unknown);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  return errorFrom(response.status, await response.text());
}

/**
 * @param path as apiPath() and filePath() return it
 * @throws {ApiError} if the server responds with an error
 * @throws {TypeError} if the server does not respond
 */
export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal, headers: { accept: "application/json" }, cache: "no-store" });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as T;
}

/** Splits a stream into lines as they arrive. */
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
    // Closing the connection stops the action.
    reader.cancel().catch(() => undefined);
  }
}

/** Actions that the dashboard offers. */
export type DashboardAction = Exclude<ActionName, "import" | "stop">;

export interface ActionRequest {
  readonly name: DashboardAction;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RunOptions {
  /** Empty if there is none; a server reached through its Unix socket needs none. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Called once the action goes on without this page. */
  readonly onKept: (id: string) => void;
}

async function post(path: string, body: object, token: string, signal?: AbortSignal): Promise<Response> {
  return await fetch(path, {
    method: "POST",
    signal: signal ?? null,
    headers: {
      accept: "application/x-ndjson",
      "content-type": "application/json",
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

/** Stops an action that goes on without its page. @throws {ApiError} if the server refuses */
export async function stopAction(id: string, token: string): Promise<void> {
  const response = await post(apiPath("stop"), { id }, token);
  if (!response.ok) throw await errorOf(response);
  await response.body?.cancel();
}

/**
 * Runs an action on the server and returns its report.
 * @throws {ApiError} if the server refuses, or the action fails
 */
export async function runAction(
  { name, body }: ActionRequest,
  { token, signal, onProgress, onKept }: RunOptions,
): Promise<ActionReports[DashboardAction]> {
  const response = await post(apiPath(name, { keep: "true" }), body, token, signal);
  if (!response.ok || !response.body) throw await errorOf(response);
  for await (const text of linesOf(response.body)) {
    const line = JSON.parse(text) as ActionLine<ActionReports[DashboardAction]>;
    if (line.kind === "kept") onKept(line.id);
    if (line.kind === "progress") onProgress(line);
    if (line.kind === "result") return line.result;
    if (line.kind === "error") throw new ApiError(line.status, line.detail);
  }
  throw new ApiError(502, "The connection closed before the action finished.");
}

export interface UploadOptions extends Pick<RunOptions, "token" | "signal"> {
  readonly onProgress: (sentBytes: number) => void;
}

/**
 * Uploads a file, which the browser reads from disk while it sends it. By XMLHttpRequest, as fetch() tells no progress.
 * @throws {ApiError} if the server refuses it
 * @throws {TypeError} if the server does not respond, or the upload was stopped
 */
export async function uploadFile(
  name: string,
  file: File,
  { token, signal, onProgress }: UploadOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = new XMLHttpRequest();
  request.upload.onprogress = ({ loaded }) => onProgress(loaded);
  request.onload = () => {
    if (request.status < 300) resolve();
    else reject(errorFrom(request.status, request.responseText));
  };
  request.onerror = () => reject(new TypeError("The connection was lost."));
  request.onabort = request.onerror;
  signal.addEventListener("abort", () => request.abort(), { once: true });
  request.open("PUT", filePath(name));
  if (token !== "") request.setRequestHeader("authorization", `Bearer ${token}`);
  request.send(file);
  await promise;
}
