/**
 * Serves GET /api/v1 as Elysia routes: checks the client and the query, and responds with JSON.
 */
import { Elysia } from "elysia";
import * as v from "valibot";
import type { ApiState } from "../../api/state.ts";
import { parseFileName } from "../../distfile/mirror-path.ts";
import type { Logger } from "../../lib/log.ts";
import { shown } from "../../lib/text.ts";
import { clientOf } from "../allow.ts";
import type { AddressOf } from "../client-address.ts";
import type { Peers } from "../dashboard.ts";
import { decodeName, INVALID_NAME, normalPath, queryOf } from "../target.ts";
import type { InTurn } from "./answer-queue.ts";
import type { Events } from "./events.ts";
import { type GuardSettings, refuseRead } from "./guard.ts";
import { createOpenApi } from "./openapi.ts";
import { INTERNAL_ERROR, issueMessage, json, problem } from "./problem.ts";
import { type ApiRoute, CLIENT_ROUTE, FILE_ROUTE, PACKAGE_ROUTE, ROUTES } from "./routes.ts";

export const API_PREFIX = "/api/v1";

export interface ApiDeps {
  readonly state: ApiState;
  readonly events: Events;
  readonly guard: () => GuardSettings;
  readonly version: string;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
  readonly inTurn: InTurn;
  readonly addressOf: AddressOf;
}

function issuesText(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? "query"}: ${issueMessage(issue)}`).join("; ");
}

async function routeResponse(request: Request, route: ApiRoute, state: ApiState): Promise<Response> {
  try {
    return json(await route.answer(state, Object.fromEntries(queryOf(request.url))));
  } catch (error) {
    if (!(error instanceof v.ValiError)) throw error;
    return problem(400, `Invalid query: ${shown(issuesText(error.issues))}.`);
  }
}

function lastPart({ url }: Request): string {
  const path = normalPath(url);
  return decodeName(path.slice(path.lastIndexOf("/") + 1));
}

async function fileResponse(request: Request, state: ApiState): Promise<Response> {
  const name = parseFileName(lastPart(request));
  if (name !== undefined) return json(await state.file(name));
  return problem(400, `Invalid file name: ${INVALID_NAME}.`);
}

async function packageResponse({ url }: Request, state: ApiState): Promise<Response> {
  const [name = "", category = ""] = normalPath(url).split("/").reverse().map(decodeName);
  const found = await state.package(category, name);
  return found ? json(found) : problem(404, `No ebuild repository has the package ${shown(`${category}/${name}`)}.`);
}

function wantsEvents({ headers }: Request): boolean {
  return /\btext\/event-stream\b/i.test(headers.get("accept") ?? "");
}

/** @param refuseClient returns why a client is not served; undefined if it is */
export function createApi(
  { state, events, guard, version, log, onError, inTurn, addressOf }: ApiDeps,
  refuseClient: (request: Request, peers: Peers | null) => string | undefined,
) {
  const clientIn = (request: Request, peers: Peers | null) => clientOf(addressOf(request, peers));

  /** @param refuse returns the answer of those that need not wait for one */
  async function respond(
    request: Request,
    peers: Peers | null,
    answer: () => Response | Promise<Response>,
    refuse?: (client: string) => Response | undefined,
  ) {
    const refused = refuseClient(request, peers);
    if (refused !== undefined) return problem(403, refused);
    const refusal = refuseRead(request.headers, guard());
    if (refusal) return problem(refusal.status, refusal.detail);
    const client = clientIn(request, peers);
    try {
      return refuse?.(client) ?? (await inTurn(request.signal, client, answer));
    } catch (error) {
      onError(error);
      log.error("{method} {url}: {error}", { method: request.method, url: shown(request.url), error });
      return problem(500, INTERNAL_ERROR);
    }
  }

  const app = new Elysia();
  for (const route of ROUTES) {
    app.get(API_PREFIX + route.path, ({ request, server }) =>
      respond(request, server, () =>
        route.path === "/downloads" && wantsEvents(request)
          ? events.subscribe(request.signal, clientIn(request, server))
          : routeResponse(request, route, state),
      ),
    );
  }
  let document: object | undefined;
  app.get(`${API_PREFIX}/openapi.json`, ({ request, server }) =>
    respond(request, server, () => {
      document ??= createOpenApi(version);
      return json(document);
    }),
  );
  app.get(`${API_PREFIX}/events`, ({ request, server }) =>
    respond(request, server, () => events.subscribe(request.signal, clientIn(request, server)), events.refuse),
  );
  app.get(API_PREFIX + CLIENT_ROUTE.path.replace("{address}", ":address"), ({ request, server }) =>
    respond(request, server, async () => json(await state.client(lastPart(request)))),
  );
  app.get(
    API_PREFIX + PACKAGE_ROUTE.path.replace("{category}", ":category").replace("{name}", ":name"),
    ({ request, server }) => respond(request, server, () => packageResponse(request, state)),
  );
  return app.get(API_PREFIX + FILE_ROUTE.path.replace("{name}", ":name"), ({ request, server }) =>
    respond(request, server, () => fileResponse(request, state)),
  );
}
