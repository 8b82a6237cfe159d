/**
 * Asks the server that holds the store for an action, through the store's socket.
 */
import type { Progress } from "../api/action-schemas.ts";
import { ActionError, type ActionName, type ActionOptions } from "../api/actions.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { socketPath } from "../server/control-socket.ts";

/** What came of asking: the report, or that nobody listens there. */
export type Asked = { readonly report: unknown } | "no server";

type Line =
  | Progress
  | { readonly kind: "alive" }
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly status: number; readonly detail: string };

/** There is a server, and it can't be had. */
export class ServerUnreachableError extends Error {}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Nobody listens (any more). */
const NOBODY = new Set(["ENOENT", "ECONNREFUSED", "ENOTDIR"]);

async function* readLines(body: ReadableStream<Uint8Array>): AsyncIterable<Line> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

/** @throws {ServerUnreachableError} where something listens that may not be asked */
async function connect(location: string, path: string, init: RequestInit): Promise<Response | "no server"> {
  const unix = socketPath(location);
  try {
    return await fetch(`http://localhost${path}`, { ...init, unix });
  } catch (error) {
    if (init.signal?.aborted) throw init.signal.reason;
    const code = codeOf(error);
    if (NOBODY.has(code)) return "no server";
    const hint = code === "EACCES" ? ", only its owner and its group may (run this as root, or as that user)" : "";
    throw new ServerUnreachableError(`Cannot reach the server at ${unix}: ${reasonOf(error)}${hint}`);
  }
}

/** The report at the end of the lines; undefined where they end without one. @throws {ActionError} as the server says */
async function reportIn(
  body: ReadableStream<Uint8Array>,
  options: ActionOptions,
): Promise<{ readonly report: unknown } | undefined> {
  try {
    for await (const line of readLines(body)) {
      if (line.kind === "progress") options.onProgress(line);
      else if (line.kind === "result") return { report: line.result };
      else if (line.kind === "error") throw new ActionError(422, line.detail);
    }
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    // Any other failure of the transfer is the server's end.
    if (error instanceof ActionError) throw error;
  }
  return undefined;
}

/**
 * @throws {ActionError} as the server says
 * @throws {ServerUnreachableError} where it can't be asked, or went away meanwhile
 */
export async function requestAction(
  location: string,
  name: ActionName,
  request: unknown,
  options: ActionOptions,
): Promise<Asked> {
  const response = await connect(location, `/api/v1/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify(request),
    signal: options.signal,
  });
  if (response === "no server") return response;
  if (!response.ok || !response.body) {
    const { detail } = (await response.json()) as { detail?: string };
    throw new ServerUnreachableError(`The server answers ${response.status}: ${detail ?? "nothing"}`);
  }
  const reported = await reportIn(response.body, options);
  if (reported) return reported;
  throw new ServerUnreachableError("The server went away before it was done: ask again once it is back");
}

/**
 * What a GET of the API gives, through the socket.
 * @throws {ServerUnreachableError} where it can't be asked
 */
export async function readFromServer(location: string, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await connect(location, path, { signal });
  if (response === "no server") return undefined;
  if (!response.ok) throw new ServerUnreachableError(`The server answers ${response.status} for ${path}`);
  return await response.json();
}
