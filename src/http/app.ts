/**
 * The server's routes (SPEC 3), as an Elysia application over handed-in parts.
 */
import { Elysia } from "elysia";
import type { Registry } from "prom-client";
import type { ActionName } from "../api/actions.ts";
import { isBelowMirrorFolder } from "../distfile/mirror-path.ts";
import { type Allow, plainAddress } from "./allow.ts";
import { API_PREFIX, type ApiDeps, createApi } from "./api/api.ts";
import { refuseChange } from "./api/guard.ts";
import { actionAt, answerAction, type PostDeps, SOCKET_ONLY } from "./api/post.ts";
import { problem } from "./api/problem.ts";
import { type DashboardFiles, dashboardRoutes, type Peers } from "./dashboard.ts";
import { type Answered, answerDistfiles, type DistfilesDeps } from "./distfiles.ts";
import { isRead, methodsOf } from "./methods.ts";
import { answerMirrorFiles, type MirrorFilesDeps } from "./mirror-files.ts";
import type { RequestRecorder } from "./observe.ts";
import { type TellDeps, tell } from "./request-log.ts";
import { text } from "./respond.ts";
import { normalPath } from "./target.ts";

export interface AppDeps extends DistfilesDeps, MirrorFilesDeps, PostDeps, Pick<TellDeps, "infoLine" | "hitLines"> {
  readonly allow: Allow;
  /** Undefined where it is not built. */
  readonly dashboard: DashboardFiles | undefined;
  /** Whether a request has been through this server already. */
  readonly isLoop: (headers: Headers) => boolean;
  /** Whether it came by the Unix socket of the store, whose file mode says who may. */
  readonly isBySocket: (request: Request) => boolean;
  /** Why the server cannot serve now; undefined while it can. */
  readonly unavailableReason: () => string | undefined;
  /** What the server cannot do although it serves; undefined if nothing. */
  readonly degradedReason: () => string | undefined;
  readonly recorder: RequestRecorder;
  /** What GET /metrics answers. */
  readonly metrics: Pick<Registry, "contentType" | "metrics">;
  readonly api: Pick<ApiDeps, "state" | "events" | "guard" | "version">;
}

/** Seconds without a byte in either direction before a connection is closed: upstreams are watched more closely. */
const IDLE_SECONDS = 255;

function answer(request: Request, path: string, deps: AppDeps): Answered | Promise<Answered> {
  if (deps.isLoop(request.headers)) {
    const response = text(
      508,
      "This request has been through this server before: check which mirrors name each other.",
    );
    return { response, file: path, outcome: "loop", source: "-", sent: { bytes: 0 } };
  }
  return isBelowMirrorFolder(path) ? answerMirrorFiles(request, path, deps) : answerDistfiles(request, path, deps);
}

const NOT_ALLOWED = "This address is not in [server] allow.";

/** Why this client is not served, where it is not. */
function refusal(request: Request, peers: Peers | null, deps: AppDeps): string | undefined {
  if (deps.isBySocket(request)) return undefined;
  return deps.allow.permits(plainAddress(peers?.requestIP(request)?.address ?? "")) ? undefined : NOT_ALLOWED;
}

/** A POST that names an action. */
async function change(request: Request, action: ActionName, client: string, deps: AppDeps): Promise<Response> {
  if (SOCKET_ONLY.has(action) && !deps.isBySocket(request)) {
    return problem(403, `${action} is for portcache's commands on the server's own machine alone.`);
  }
  const refused = refuseChange(request.headers, deps.isBySocket(request), deps.api.guard());
  if (refused) {
    deps.log.warn("{client} may not ask for {action}: {detail}", { client, action, detail: refused.detail });
    return problem(refused.status, refused.detail, refused.headers);
  }
  deps.log.info("{client} asks for {action}", { client, action });
  return await answerAction(request, action, deps);
}

/** What no route has taken: the method is wrong, or there is nothing. */
function refuseOthers({ method }: Request, path: string): Response {
  const allow = methodsOf(path);
  const refuse = path.startsWith("/api/") ? problem : text;
  if (allow !== undefined) return refuse(405, `${path} takes ${allow}, not ${method}.`, { allow });
  const hint =
    refuse === problem ? `${API_PREFIX}/openapi.json tells what there is` : "Distfiles are below /distfiles/";
  return refuse(404, `There is nothing here. ${hint}.`);
}

/** Answers /healthz: 503 takes the server out of service; a degraded one still serves, so it answers 200. */
function health(request: Request, path: string, { unavailableReason, degradedReason }: AppDeps): Response {
  if (!isRead(request)) return refuseOthers(request, path);
  const unavailable = unavailableReason();
  if (unavailable !== undefined) return text(503, unavailable);
  const degraded = degradedReason();
  return text(200, degraded === undefined ? "ok" : `degraded: ${degraded}`);
}

function answerOthers(request: Request, path: string, client: string, deps: AppDeps): Response | Promise<Response> {
  const action = request.method === "POST" ? actionAt(path) : undefined;
  return action === undefined ? refuseOthers(request, path) : change(request, action, client, deps);
}

/** The platform opens files after they have been answered with: somebody may have removed one in between. */
function unopened(error: Error, { log }: AppDeps): Response {
  log.warn("Cannot send what was found: {error}", { error });
  return text(503, "The file is gone from the store since it was found there. Ask again.", { "retry-after": "1" });
}

export function createApp(deps: AppDeps) {
  const refuseClient = (request: Request, peers: Peers | null) => refusal(request, peers, deps);
  // Bun would answer for routes that are mere responses by itself, without asking who the client is.
  return new Elysia({ nativeStaticResponse: false, serve: { error: (error) => unopened(error, deps) } })
    .use(
      dashboardRoutes(deps.dashboard, (request, peers) => {
        const refused = refuseClient(request, peers);
        return refused === undefined ? undefined : text(403, refused);
      }),
    )
    .use(createApi({ ...deps.api, refuseClient, log: deps.log, onError: deps.onError }))
    .get("/metrics", async ({ request, server }) => {
      const refused = refuseClient(request, server);
      if (refused !== undefined) return text(403, refused);
      const headers = { "content-type": deps.metrics.contentType, "cache-control": "no-store" };
      return new Response(await deps.metrics.metrics(), { headers });
    })
    .onError(({ error, request }) => {
      deps.onError(error);
      deps.log.error("{method} {url}: {error}", { method: request.method, url: request.url, error });
      return text(500, "Something went wrong here, the server's log has more.");
    })
    .all("/*", ({ request, server }) => {
      const startedAt = performance.now();
      const path = normalPath(request.url);
      if (path === "/healthz") return health(request, path, deps);
      const bySocket = deps.isBySocket(request);
      const client = bySocket ? "socket" : plainAddress(server?.requestIP(request)?.address ?? "");
      if (!bySocket && !deps.allow.permits(client)) return text(403, NOT_ALLOWED);
      if (!path.startsWith("/distfiles/") && !isBelowMirrorFolder(path))
        return answerOthers(request, path, client, deps);
      if (!bySocket) server?.timeout(request, IDLE_SECONDS);
      const asked = { client, method: request.method, startedAt };
      const answered = answer(request, path, deps);
      deps.recorder.begin();
      // Hits are answered here and now: they are most of all, and a promise has its price.
      if (!(answered instanceof Promise)) return tell(asked, answered, deps);
      return answered.then(
        (late) => tell(asked, late, deps),
        (error: unknown) => {
          deps.recorder.end({ client, outcome: "failed", bytes: 0, firstByteMs: 0, totalMs: 0 });
          throw error;
        },
      );
    });
}
