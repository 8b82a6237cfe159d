/**
 * Serves POST /api/v1/ACTION: validates the body, runs the action and sends its report. With `Accept: application/x-ndjson` the
 * response is lines of JSON: progress, then `{"kind":"result","result":…}` or `{"kind":"error",…}`. Closing the connection
 * stops the action, unless the query says `keep=true`: then GET /actions has it.
 */
import * as v from "valibot";
import * as schemas from "../../api/action-schemas.ts";
import {
  type ActionEnd,
  ActionError,
  type ActionName,
  type ActionOptions,
  type ActionRequests,
  type Actions,
  type KeptAction,
  type KeptActions,
} from "../../api/actions.ts";
import { reasonOf } from "../../lib/error-reason.ts";
import { giveBack } from "../../lib/give-back.ts";
import type { Logger } from "../../lib/log.ts";
import { createSteps } from "../../lib/steps.ts";
import { shown } from "../../lib/text.ts";
import { queryOf } from "../target.ts";
import { parseJsonInSteps, UndividedError } from "./json-in-steps.ts";
import { hasLongLists, jsonPieces, validateInSteps } from "./long-lists.ts";
import { API_HEADERS, INTERNAL_ERROR, issueMessage, json, problem, readableJson } from "./problem.ts";

export interface PostDeps {
  readonly actions: Actions;
  readonly kept: KeptActions;
  readonly log: Logger;
  /** Called with every unexpected error. */
  readonly onError: (error: unknown) => void;
}

/** The schema of each action's body, from which the OpenAPI document is generated as well. */
export const ACTION_REQUESTS: { readonly [Name in ActionName]: v.GenericSchema<unknown, ActionRequests[Name]> } = {
  clean: schemas.CleanRequestSchema,
  rescan: schemas.RescanRequestSchema,
  fetch: schemas.FetchRequestSchema,
  verify: schemas.VerifyRequestSchema,
  drop: schemas.DropRequestSchema,
  dismiss: schemas.DismissRequestSchema,
  stop: schemas.StopRequestSchema,
  import: schemas.ImportRequestSchema,
};

/** Actions accepted over the Unix socket only, even with the token. */
export const SOCKET_ONLY: ReadonlySet<ActionName> = new Set(["import"]);

/** Enough for three hundred thousand short names. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const PROGRESS_EVERY_MS = 200;
/** A silent connection gets a keep-alive line after this time. */
const KEEP_ALIVE_MS = 5_000;
const CLIENT_CLOSED = "the client closed the connection";
const PREFIX = "/api/v1/";

function isAction(name: string): name is ActionName {
  return Object.hasOwn(ACTION_REQUESTS, name);
}

/** Returns the action of a request path. */
export function actionAt(path: string): ActionName | undefined {
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : "";
  return isAction(name) ? name : undefined;
}

/** Reads the body; undefined if it is too large. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) return undefined;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  const body = Buffer.concat(pieces);
  pieces.forEach(giveBack);
  return body;
}

/** Words a validation issue for the caller, who does not know the schemas. */
function issueText(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "body";
  if (issue.expected === "never") return `${path}: unknown field`;
  if (issue.type === "strict_object" && issue.received === "undefined") return `${path}: missing`;
  return `${path}: ${issueMessage(issue)}`;
}

function issuesText(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map(issueText).join("; ");
}

/** Returns the validated request, or an error response. @throws {unknown} the reason why the client left, where it did */
async function parse<Name extends ActionName>(
  request: Request,
  name: Name,
): Promise<{ readonly given: ActionRequests[Name] } | Response> {
  let body: Uint8Array | undefined;
  try {
    body = await readBody(request);
  } catch (error) {
    return problem(400, `Cannot read the body: ${reasonOf(error)}`);
  }
  if (!body) return problem(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  let value: unknown;
  try {
    value = body.length === 0 ? {} : await parseJsonInSteps(body, request.signal);
  } catch (error) {
    if (error instanceof UndividedError) return problem(413, error.message);
    if (request.signal.aborted) throw error;
    return problem(400, "The body is not JSON in UTF-8.");
  } finally {
    giveBack(body);
  }
  // Valibot accepts an array as an object without keys.
  if (Array.isArray(value)) return problem(422, "body: expected an object, got an array.");
  const parsed = await validateInSteps(ACTION_REQUESTS[name], value, request.signal);
  return parsed.success ? { given: parsed.output } : problem(422, `${shown(issuesText(parsed.issues))}.`);
}

interface ActionFailure {
  readonly status: number;
  readonly detail: string;
}

function failureOf(error: unknown, name: ActionName, signal: AbortSignal, { log, onError }: PostDeps): ActionFailure {
  if (error instanceof ActionError) return { status: error.status, detail: error.message };
  if (signal.aborted && error === signal.reason) return { status: 503, detail: String(signal.reason) };
  onError(error);
  log.error("Cannot {action}: {error}", { action: name, error });
  return { status: 500, detail: INTERNAL_ERROR };
}

const JSON_HEADERS = { ...API_HEADERS, "content-type": "application/json" };

function jsonStream(value: unknown): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const pieces = jsonPieces(value);
  return new ReadableStream({
    pull(controller) {
      const { value: piece, done } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(piece));
    },
  });
}

async function reportResponse(
  act: (options: ActionOptions) => Promise<unknown>,
  name: ActionName,
  signal: AbortSignal,
  deps: PostDeps,
) {
  try {
    const report = await act({ onProgress: () => undefined, signal });
    return hasLongLists(report) ? new Response(jsonStream(report), { headers: JSON_HEADERS }) : json(report);
  } catch (error) {
    const { status, detail } = failureOf(error, name, signal, deps);
    return problem(status, detail);
  }
}

/** Streams progress at the pace of the reader: it gets the latest progress, and misses the rest. */
function streamResponse(
  act: (options: ActionOptions) => Promise<unknown>,
  name: ActionName,
  abort: AbortController,
  kept: KeptAction | undefined,
  deps: PostDeps,
): Response {
  const encoder = new TextEncoder();
  let latest: schemas.Progress | undefined;
  let sentAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      const line = (value: unknown) => send(`${readableJson(value)}\n`);
      const sendProgress = () => {
        const silent = performance.now() - sentAt >= KEEP_ALIVE_MS;
        if ((!latest && !silent) || (controller.desiredSize ?? 0) <= 0) return;
        line(latest ?? { kind: "alive" });
        latest = undefined;
        sentAt = performance.now();
      };
      const end = async (last: ActionEnd) => {
        clearInterval(timer);
        kept?.end(last);
        const endStep = createSteps();
        if (latest && !closed) line(latest);
        for (const piece of jsonPieces(last)) {
          if (closed) return;
          send(piece);
          await endStep();
        }
        if (closed) return;
        send("\n");
        controller.close();
      };
      timer = setInterval(sendProgress, PROGRESS_EVERY_MS);
      const onProgress = (progress: schemas.Progress) => {
        latest = progress;
        kept?.progress(progress);
      };
      if (kept) line({ kind: "kept", id: kept.id });
      void act({ onProgress, signal: abort.signal }).then(
        (result) => end({ kind: "result", result }),
        (error: unknown) => {
          const { status, detail } = failureOf(error, name, abort.signal, deps);
          return end({ kind: "error", status, detail });
        },
      );
    },
    cancel() {
      closed = true;
      clearInterval(timer);
      if (!kept) abort.abort(new Error(CLIENT_CLOSED));
    },
  });
  return new Response(stream, { headers: { ...API_HEADERS, "content-type": "application/x-ndjson" } });
}

/** @param request already admitted by refuseAction() */
export async function actionResponse<Name extends ActionName>(
  request: Request,
  name: Name,
  deps: PostDeps,
): Promise<Response> {
  const parsed = await parse(request, name).catch((error: unknown) => {
    if (request.signal.aborted) return problem(503, CLIENT_CLOSED);
    throw error;
  });
  if (parsed instanceof Response) return parsed;
  const abort = new AbortController();
  const act = (options: ActionOptions) => deps.actions[name](parsed.given, options);
  if (/\bapplication\/x-ndjson\b/i.test(request.headers.get("accept") ?? "")) {
    const isKept = queryOf(request.url).get("keep") === "true";
    const kept = isKept ? deps.kept.start(name, (reason) => abort.abort(reason)) : undefined;
    if (isKept && !kept) return problem(503, "Too many actions run already. Wait for one to end.");
    return streamResponse(act, name, abort, kept, deps);
  }
  const onClose = () => abort.abort(new Error(CLIENT_CLOSED));
  request.signal.addEventListener("abort", onClose, { once: true });
  return await reportResponse(act, name, abort.signal, deps);
}
