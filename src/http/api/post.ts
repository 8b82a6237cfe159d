/**
 * POST /api/v1/ACTION: the body is checked, the action run, and its report sent; with `Accept: application/x-ndjson` as lines
 * of JSON while it goes on: progress, and last `{"kind":"result","result":…}` or `{"kind":"error",…}` with problem details.
 * Whoever closes the connection stops it.
 */
import * as v from "valibot";
import * as schemas from "../../api/action-schemas.ts";
import { ActionError, type ActionName, type ActionOptions, type Actions } from "../../api/actions.ts";
import { reasonOf } from "../../lib/error-reason.ts";
import type { Logger } from "../../lib/log.ts";
import { API_HEADERS, INTERNAL_ERROR, json, problem } from "./problem.ts";

export interface PostDeps {
  readonly actions: Actions;
  readonly log: Logger;
  /** Told of every error that nobody foresaw. */
  readonly onError: (error: unknown) => void;
}

/** A body as each action takes it; the OpenAPI document is made from the same. */
export const ACTION_REQUESTS: Readonly<Record<ActionName, v.GenericSchema<unknown, unknown>>> = {
  clean: schemas.CleanRequestSchema,
  rescan: schemas.RescanRequestSchema,
  fetch: schemas.FetchRequestSchema,
  verify: schemas.VerifyRequestSchema,
  drop: schemas.DropRequestSchema,
  import: schemas.ImportRequestSchema,
};

/** Taken by the socket alone, whoever else may change things. */
export const SOCKET_ONLY: ReadonlySet<ActionName> = new Set(["import"]);

/** Thirty thousand names of files fit well. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** How often a reader gets news, and how long a connection is silent at most. */
const NEWS_EVERY_MS = 200;
const SIGN_OF_LIFE_MS = 5_000;
const PREFIX = "/api/v1/";

/** The action that the path means. */
export function actionAt(path: string): ActionName | undefined {
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : "";
  return Object.hasOwn(ACTION_REQUESTS, name) ? (name as ActionName) : undefined;
}

/** The body's bytes, or undefined where they are too many. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) return undefined;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** In words for who asks, not for who writes schemas. */
function complaintOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "body";
  if (issue.expected === "never") return `${path}: there is nothing of that name to be given`;
  if (issue.type === "strict_object" && issue.received === "undefined") return `${path}: is missing`;
  return `${path}: ${issue.message}`;
}

function complaint(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map(complaintOf).join("; ");
}

/** What the action takes, or the answer that says why it is none. */
async function parse(request: Request, name: ActionName): Promise<{ readonly given: unknown } | Response> {
  let body: Uint8Array | undefined;
  try {
    body = await readBody(request);
  } catch (error) {
    return problem(400, `The body broke off: ${reasonOf(error)}`);
  }
  if (!body) return problem(413, `A body may have ${MAX_BODY_BYTES} bytes.`);
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    return problem(400, `The body is no JSON: ${reasonOf(error)}`);
  }
  // Valibot takes a list for an object without keys.
  if (Array.isArray(value)) return problem(422, "body: Invalid type: Expected Object but received Array.");
  const parsed = v.safeParse(ACTION_REQUESTS[name], value);
  return parsed.success ? { given: parsed.output } : problem(422, `${complaint(parsed.issues)}.`);
}

interface Failure {
  readonly status: number;
  readonly detail: string;
}

function failureOf(error: unknown, name: ActionName, signal: AbortSignal, { log, onError }: PostDeps): Failure {
  if (error instanceof ActionError) return { status: error.status, detail: error.message };
  if (signal.aborted && error === signal.reason) return { status: 503, detail: String(signal.reason) };
  onError(error);
  log.error("Cannot {action}: {error}", { action: name, error });
  return { status: 500, detail: INTERNAL_ERROR };
}

async function answerWhole(
  act: (options: ActionOptions) => Promise<unknown>,
  name: ActionName,
  signal: AbortSignal,
  deps: PostDeps,
) {
  try {
    return json(await act({ onProgress: () => undefined, signal }));
  } catch (error) {
    const { status, detail } = failureOf(error, name, signal, deps);
    return problem(status, detail);
  }
}

/** Progress as it comes, but no more than a reader takes: the latest counts. */
function answerLines(
  act: (options: ActionOptions) => Promise<unknown>,
  name: ActionName,
  stopping: AbortController,
  deps: PostDeps,
): Response {
  const encoder = new TextEncoder();
  let latest: schemas.Progress | undefined;
  let sentAt = 0;
  let timer: NodeJS.Timeout | undefined;

  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const line = (value: unknown) => controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      const tell = () => {
        const silent = performance.now() - sentAt >= SIGN_OF_LIFE_MS;
        if ((!latest && !silent) || (controller.desiredSize ?? 0) <= 0) return;
        line(latest ?? { kind: "alive" });
        latest = undefined;
        sentAt = performance.now();
      };
      const end = (last: unknown) => {
        clearInterval(timer);
        if (stopping.signal.aborted && gone) return;
        if (latest) line(latest);
        line(last);
        controller.close();
      };
      timer = setInterval(tell, NEWS_EVERY_MS);
      const onProgress = (progress: schemas.Progress) => {
        latest = progress;
      };
      act({ onProgress, signal: stopping.signal }).then(
        (result) => end({ kind: "result", result }),
        (error: unknown) => {
          const { status, detail } = failureOf(error, name, stopping.signal, deps);
          end({ kind: "error", status, detail });
        },
      );
    },
    cancel: leave,
  });
  let gone = false;
  function leave() {
    gone = true;
    clearInterval(timer);
    stopping.abort(new Error("whoever asked for it has gone"));
  }
  return new Response(stream, { headers: { ...API_HEADERS, "content-type": "application/x-ndjson" } });
}

/** @param name as actionAt() gives it; whether the change may be made has been seen to */
export async function answerAction(request: Request, name: ActionName, deps: PostDeps): Promise<Response> {
  const parsed = await parse(request, name);
  if (parsed instanceof Response) return parsed;
  const stopping = new AbortController();
  // The schema of this very action has made it what the action takes.
  const action = deps.actions[name] as (request: unknown, run: ActionOptions) => Promise<unknown>;
  const act = (options: ActionOptions) => action(parsed.given, options);
  if (/\bapplication\/x-ndjson\b/i.test(request.headers.get("accept") ?? "")) {
    return answerLines(act, name, stopping, deps);
  }
  const leave = () => stopping.abort(new Error("whoever asked for it has gone"));
  request.signal.addEventListener("abort", leave, { once: true });
  return await answerWhole(act, name, stopping.signal, deps);
}
