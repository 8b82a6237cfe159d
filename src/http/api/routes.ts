/**
 * The GET routes of /api/v1 as a table: what each is for, what it takes and gives, and who answers. The OpenAPI document
 * is made from the same table, so it can't tell anything else.
 */
import type * as v from "valibot";
import { FileStorySchema, FilesSchema, TopSchema } from "../../api/file-schemas.ts";
import { FilesQuerySchema, HistoryQuerySchema, LimitQuerySchema } from "../../api/queries.ts";
import {
  CleanupSchema,
  ClientsSchema,
  DownloadsSchema,
  FailuresSchema,
  HistorySchema,
  MirrorsSchema,
  RepositoriesSchema,
  StatusSchema,
} from "../../api/schemas.ts";
import type { ApiState } from "../../api/state.ts";

type Schema = v.GenericSchema<unknown, unknown>;
type QuerySchema = v.ObjectSchema<v.ObjectEntries, undefined>;

/** What the OpenAPI document tells of a route. */
export interface Described {
  /** Below /api/v1; `{name}` stands for a file's name. */
  readonly path: string;
  readonly summary: string;
  readonly query?: QuerySchema;
  readonly response: Schema;
}

export interface Route extends Described {
  /** What it is given was checked by its schema. */
  readonly answer: (state: ApiState, query: unknown) => unknown;
}

/** A route whose answer is what its schema says. */
function route<R extends Schema>(
  path: string,
  summary: string,
  response: R,
  answer: (state: ApiState) => v.InferOutput<R> | Promise<v.InferOutput<R>>,
): Route {
  return { path, summary, response, answer };
}

function queried<Q extends QuerySchema, R extends Schema>(
  path: string,
  summary: string,
  query: Q,
  response: R,
  answer: (state: ApiState, query: v.InferOutput<Q>) => v.InferOutput<R> | Promise<v.InferOutput<R>>,
): Route {
  return { path, summary, query, response, answer: (state, given) => answer(state, given as v.InferOutput<Q>) };
}

/** Answered by name, which no query holds. */
export const FILE_ROUTE: Described = {
  path: "/files/{name}",
  summary: "All that is known of one file: why it is or is not here, who wants it, which sources were tried",
  response: FileStorySchema,
};

export const ROUTES: readonly Route[] = [
  route("/status", "Health, store, requests and bytes since the start and ever", StatusSchema, (state) =>
    state.status(),
  ),
  route(
    "/downloads",
    "Downloads under way; with `Accept: text/event-stream` the same as /events",
    DownloadsSchema,
    (state) => state.downloads(),
  ),
  queried("/files", "Stored files: searched, sorted, page by page", FilesQuerySchema, FilesSchema, (state, query) =>
    state.files(query),
  ),
  route("/mirrors", "What was measured of mirrors and of hosts of SRC_URI", MirrorsSchema, (state) => state.mirrors()),
  route("/repositories", "Ebuild repositories and their last scan", RepositoriesSchema, (state) =>
    state.repositories(),
  ),
  queried(
    "/history",
    "Requests and bytes in buckets of time; minutes are kept for a day, hours for a month, days for five years",
    HistoryQuerySchema,
    HistorySchema,
    (state, query) => state.history(query),
  ),
  queried("/clients", "Who asked, most bytes first", LimitQuerySchema, ClientsSchema, (state, { limit }) =>
    state.clients(limit),
  ),
  queried("/failures", "What went wrong lately, and why", LimitQuerySchema, FailuresSchema, (state, { limit }) =>
    state.failures(limit),
  ),
  queried("/cleanup", "What clean-up would remove now", LimitQuerySchema, CleanupSchema, (state, { limit }) =>
    state.cleanup(limit),
  ),
  queried(
    "/top",
    "Files and packages most asked for, the largest and the latest files",
    LimitQuerySchema,
    TopSchema,
    (state, { limit }) => state.top(limit),
  ),
];
