/**
 * Sends requests to the server that holds the store, through the store's Unix socket.
 */
import * as v from "valibot";
import { ActionError, type ActionLine, type ActionName, type ActionOptions } from "../api/actions.ts";
import { ProblemSchema } from "../api/schemas.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { socketPath } from "../server/control-socket.ts";

/** The report of the action, or that no server listens on the socket. */
type ActionResponse<Report> = { readonly report: Report } | "no server";

/** A server runs on the store, but does not answer as it should. */
export class ServerUnreachableError extends Error {}

/** Codes of errors that mean: nothing listens on the socket. */
const NO_LISTENER = new Set(["ENOENT", "ECONNREFUSED", "ENOTDIR"]);

async function* readLines(body: ReadableStream<Uint8Array>): AsyncIterable<ActionLine<unknown>> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

/** @throws {ServerUnreachableError} when the server is of another version */
function parsed<T>(schema: v.GenericSchema<unknown, T>, given: unknown, what: string): T {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  throw new ServerUnreachableError(`The server answered ${what} as another version would: restart it`);
}

/** @throws {ServerUnreachableError} when something listens, but the connection fails */
async function connect(location: string, path: string, init: RequestInit): Promise<Response | "no server"> {
  const unix = socketPath(location);
  try {
    return await fetch(`http://localhost${path}`, { ...init, unix });
  } catch (error) {
    if (init.signal?.aborted) throw init.signal.reason;
    const code = codeOf(error);
    if (NO_LISTENER.has(code)) return "no server";
    const hint = code === "EACCES" ? " (only its owner and group may connect: run this as root or as that user)" : "";
    throw new ServerUnreachableError(`Cannot reach the server at ${unix}: ${reasonOf(error)}${hint}`);
  }
}

/** Reads the report at the end of the lines; undefined if they end without one. @throws {ActionError} as the server reports */
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
    // Any other error means that the server went away.
    if (error instanceof ActionError) throw error;
  }
  return undefined;
}

/**
 * Runs an action in the server.
 * @throws {ActionError} as the server reports
 * @throws {ServerUnreachableError} when it cannot be reached, or goes away meanwhile
 */
export async function requestAction<Report>(
  location: string,
  name: ActionName,
  request: unknown,
  schema: v.GenericSchema<unknown, Report>,
  options: ActionOptions,
): Promise<ActionResponse<Report>> {
  const response = await connect(location, `/api/v1/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify(request),
    signal: options.signal,
  });
  if (response === "no server") return response;
  if (!response.ok || !response.body) {
    const problem = v.safeParse(v.pick(ProblemSchema, ["detail"]), await response.json());
    const detail = problem.success ? problem.output.detail : undefined;
    throw new ServerUnreachableError(
      `The server answered ${response.status}${detail === undefined ? "" : `: ${detail}`}`,
    );
  }
  const reported = await reportIn(response.body, options);
  if (reported) return { report: parsed(schema, reported.report, name) };
  throw new ServerUnreachableError(
    "The server stopped before the command was done: run it again when the server is back",
  );
}

/**
 * Reads a resource of the API; undefined if no server runs on the store.
 * @throws {ServerUnreachableError} when it cannot be reached, or is of another version
 */
export async function readFromServer<T>(
  location: string,
  path: string,
  schema: v.GenericSchema<unknown, T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const response = await connect(location, path, { signal });
  if (response === "no server") return undefined;
  if (!response.ok) throw new ServerUnreachableError(`The server answered ${response.status} for ${path}`);
  return parsed(schema, await response.json(), path);
}
