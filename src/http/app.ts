/**
 * Routes requests, as an Elysia application: files, the dashboard, the API, /metrics and /healthz.
 */
import type { Server } from "bun";
import { Elysia } from "elysia";
import type { Registry } from "prom-client";
import type { ActionName, Actions, KeptActions, Upload } from "../api/actions.ts";
import type { ApiState } from "../api/state.ts";
import { isBelowMirrorFolder } from "../distfile/mirror-path.ts";
import type { Clock } from "../lib/clock.ts";
import { noun } from "../lib/format.ts";
import { createLineLimit, type LineLimit } from "../lib/line-limit.ts";
import type { Logger } from "../lib/log.ts";
import { shown } from "../lib/text.ts";
import { type Allow, clientOf } from "./allow.ts";
import { createAnswerQueue } from "./api/answer-queue.ts";
import { API_PREFIX, createApi } from "./api/api.ts";
import type { Events } from "./api/events.ts";
import { type GuardSettings, type Refusal, refuseAction, refuseUpload } from "./api/guard.ts";
import { createGuessDelay, type GuessDelay } from "./api/guess-delay.ts";
import { actionAt, actionResponse, SOCKET_ONLY } from "./api/post.ts";
import { INTERNAL_ERROR, problem } from "./api/problem.ts";
import { MAX_REQUEST_BYTES, uploadResponse } from "./api/upload.ts";
import type { AddressOf } from "./client-address.ts";
import { clientPage } from "./client-page.ts";
import { clientScript } from "./client-script.ts";
import { type DashboardFiles, dashboardRoutes, type Peers } from "./dashboard.ts";
import type { AnswerFile } from "./distfiles.ts";
import { folderPage, isBrowsed } from "./folder-page.ts";
import { isFilePath, isRead, methodsOf } from "./methods.ts";
import type { RequestLog } from "./request-log.ts";
import { type Answer, text, withoutBody } from "./respond.ts";
import { normalPath } from "./target.ts";

export interface AppDeps {
  readonly distfiles: AnswerFile;
  readonly mirrorFiles: AnswerFile;
  readonly requestLog: RequestLog;
  readonly state: ApiState;
  readonly events: Events;
  readonly actions: Actions;
  readonly kept: KeptActions;
  readonly upload: Upload;
  readonly version: string;
  /** What GET /metrics answers. */
  readonly metrics: Pick<Registry, "contentType" | "metrics">;
  /** Undefined if it is not built. */
  readonly dashboard: DashboardFiles | undefined;
  readonly allow: Allow;
  readonly addressOf: AddressOf;
  readonly guard: () => GuardSettings;
  /** Returns whether a request has been through this server already. */
  readonly isLoop: (headers: Headers) => boolean;
  /** Returns whether a request came over the store's Unix socket, whose file mode says who may connect. */
  readonly isOverSocket: (request: Request) => boolean;
  /** Why the server cannot serve now; undefined while it can. */
  readonly unavailableReason: () => string | undefined;
  /** What the server cannot do although it serves; undefined if nothing. */
  readonly degradedReason: () => string | undefined;
  readonly log: Logger;
  readonly clock: Pick<Clock, "sleep">;
  /** Receives every unexpected error. */
  readonly onError: (error: unknown) => void;
}

/** Seconds without a byte in either direction before a connection is closed: upstreams are watched more closely. */
const IDLE_SECONDS = 255;

/** Refused actions in a second that have lines of their own. */
export const MAX_REFUSAL_LINES = 10;

const NOT_ALLOWED = "This address is not in [server] allow.";

function namesFile(request: Request, path: string): boolean {
  return (path.startsWith("/distfiles/") || isBelowMirrorFolder(path)) && !isBrowsed(request, path);
}

/** Lets bodies of files, in either direction, pause for longer than other requests. */
function setTimeoutOf(request: Request, isFile: boolean, server: Pick<Server<unknown>, "timeout"> | null): void {
  if (isFile || request.method === "PUT") server?.timeout(request, IDLE_SECONDS);
}

function answerFile(request: Request, path: string, client: string, deps: AppDeps): Answer | Promise<Answer> {
  if (deps.isLoop(request.headers)) {
    const why = "This request has already been through this server: check which mirrors name each other.";
    return withoutBody(text(508, why), path, { kind: "loop" });
  }
  return isBelowMirrorFolder(path) ? deps.mirrorFiles(request, path, client) : deps.distfiles(request, path, client);
}

/** Returns why a client is not served; undefined if it is. */
function refuseAddress(request: Request, peers: Peers | null, deps: AppDeps): string | undefined {
  if (deps.isOverSocket(request)) return undefined;
  return deps.allow.permits(deps.addressOf(request, peers)) ? undefined : NOT_ALLOWED;
}

/** What bounds the refusals of actions. */
interface RefusalLimits {
  readonly lines: LineLimit;
  readonly guesses: GuessDelay;
}

/** Answers a request that may not change anything, and logs that. */
async function answerRefused(
  refusal: Refusal,
  what: string,
  client: string,
  limits: RefusalLimits,
  log: Logger,
): Promise<Response> {
  // What else the client sends, such as a large file, is not read.
  const close = { connection: "close" };
  if (refusal.isGuess && !(await limits.guesses.wait()))
    return problem(429, "Too many wrong tokens: try again later.", { "retry-after": "5", ...close });
  if (limits.lines.take(performance.now()))
    log.warn("Refused {action} from {client}: {detail}", { client, action: what, detail: refusal.detail });
  return problem(refusal.status, refusal.detail, { ...refusal.headers, ...close });
}

/** Answers a POST that names an action. */
async function answerPost(
  request: Request,
  action: ActionName,
  client: string,
  limits: RefusalLimits,
  deps: AppDeps,
): Promise<Response> {
  const { isOverSocket, guard, log } = deps;
  if (SOCKET_ONLY.has(action) && !isOverSocket(request)) {
    return problem(403, `${action} is accepted over the store's Unix socket only: use portcache on the server itself.`);
  }
  const refusal = refuseAction(request.headers, isOverSocket(request), guard());
  if (refusal) return await answerRefused(refusal, action, client, limits, log);
  log.info(`${client === "socket" ? "A command over the socket" : "{client}"} requests {action}`, { client, action });
  return await actionResponse(request, action, deps);
}

/** Answers a PUT of a file. */
async function answerUpload(
  request: Request,
  path: string,
  client: string,
  limits: RefusalLimits,
  deps: AppDeps,
): Promise<Response> {
  const refusal = refuseUpload(request.headers, deps.isOverSocket(request), deps.guard());
  if (refusal) return await answerRefused(refusal, "an upload", client, limits, deps.log);
  return await uploadResponse(request, path, client, deps);
}

/** Answers a request that no route takes: 405 if the path takes other methods, else 404. */
function refuseRoute({ method }: Request, path: string): Response {
  const allow = methodsOf(path);
  const refuse = path.startsWith("/api/") ? problem : text;
  if (allow !== undefined)
    return refuse(405, `${shown(path)} accepts ${allow.replaceAll(", ", " and ")}, not ${shown(method)}.`, { allow });
  const hint = refuse === problem ? `${API_PREFIX}/openapi.json describes the API` : "Distfiles are below /distfiles/";
  return refuse(404, `Nothing is here. ${hint}.`);
}

/** Answers /healthz: 503 takes the server out of service; a degraded one still serves, so it answers 200. */
function answerHealth(request: Request, path: string, { unavailableReason, degradedReason }: AppDeps): Response {
  if (!isRead(request)) return refuseRoute(request, path);
  const unavailable = unavailableReason();
  if (unavailable !== undefined) return text(503, unavailable);
  const degraded = degradedReason();
  return text(200, degraded === undefined ? "ok" : `degraded: ${degraded}`);
}

function answerRest(
  request: Request,
  path: string,
  client: string,
  limits: RefusalLimits,
  deps: AppDeps,
): Response | Promise<Response> {
  if (isBrowsed(request, path)) return folderPage(path);
  if (request.method === "PUT" && isFilePath(path)) return answerUpload(request, path, client, limits, deps);
  const action = request.method === "POST" ? actionAt(path) : undefined;
  return action === undefined ? refuseRoute(request, path) : answerPost(request, action, client, limits, deps);
}

/** The platform opens files after they were answered with: somebody may have removed one in between. */
function answerVanished(error: Error, { log }: AppDeps): Response {
  log.warn("Cannot send a stored file: {error}", { error });
  return text(503, "The file was removed from the store during this request. Try again.", { "retry-after": "1" });
}

export function createApp(deps: AppDeps) {
  const { allow, isOverSocket, log, metrics, onError, requestLog } = deps;
  const lines = createLineLimit(MAX_REFUSAL_LINES, deps.clock, (refusals) => {
    log.warn(`{refusals} more ${noun(refusals, "action")} refused: only {most} a second have their own lines`, {
      refusals,
      most: MAX_REFUSAL_LINES,
    });
  });
  const inTurn = createAnswerQueue();
  const limits: RefusalLimits = { lines, guesses: createGuessDelay(deps.clock) };
  const refuseClient = (request: Request, peers: Peers | null) => refuseAddress(request, peers, deps);
  // Bun would answer for routes that are mere responses by itself, without asking who the client is.
  return new Elysia({
    nativeStaticResponse: false,
    serve: { error: (error) => answerVanished(error, deps), maxRequestBodySize: MAX_REQUEST_BYTES },
  })
    .use(
      dashboardRoutes(deps.dashboard, (request, peers) => {
        const refusal = refuseClient(request, peers);
        return refusal === undefined ? undefined : text(403, refusal);
      }),
    )
    .use(createApi({ ...deps, inTurn }, refuseClient))
    .get("/client", ({ request, server }) => {
      const refusal = refuseClient(request, server);
      return refusal === undefined ? clientPage(request, deps.guard().hostnames) : text(403, refusal);
    })
    .get("/client.sh", ({ request, server }) => {
      const refusal = refuseClient(request, server);
      return refusal === undefined ? clientScript(request) : text(403, refusal);
    })
    .get("/metrics", async ({ request, server }) => {
      const refusal = refuseClient(request, server);
      if (refusal !== undefined) return text(403, refusal);
      const client = clientOf(deps.addressOf(request, server));
      return await inTurn(request.signal, client, async () => {
        const headers = { "content-type": metrics.contentType, "cache-control": "no-store" };
        return new Response(await metrics.metrics(), { headers });
      });
    })
    .onError(({ error, request }) => {
      onError(error);
      log.error("{method} {url}: {error}", { method: request.method, url: shown(request.url), error });
      return text(500, INTERNAL_ERROR);
    })
    .all("/*", ({ request, server }) => {
      const startedAt = performance.now();
      const path = normalPath(request.url);
      if (path === "/healthz") return answerHealth(request, path, deps);
      const overSocket = isOverSocket(request);
      const client = overSocket ? "socket" : deps.addressOf(request, server);
      const logged = { client, method: request.method, startedAt };
      if (!overSocket && !allow.permits(client)) {
        requestLog.begin();
        return requestLog.end(logged, withoutBody(text(403, NOT_ALLOWED), path, { kind: "not-allowed" }));
      }
      const isFile = namesFile(request, path);
      if (!overSocket) setTimeoutOf(request, isFile, server);
      if (!isFile) return answerRest(request, path, client, limits, deps);
      const answer = answerFile(request, path, client, deps);
      requestLog.begin();
      // Hits are answered here and now: they are most of all, and a promise has its price.
      if (!(answer instanceof Promise)) return requestLog.end(logged, answer);
      return answer.then(
        (late) => requestLog.end(logged, late),
        (error: unknown) => {
          requestLog.fail(logged, path);
          throw error;
        },
      );
    });
}
