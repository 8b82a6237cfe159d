/**
 * Lists the GET routes of /api/v1 with their summaries, schemas and handlers. The OpenAPI document is generated from this table.
 */
import * as v from "valibot";
import { ActionsSchema } from "../../api/action-schemas.ts";
import { ClientDetailsSchema, ClientsSchema } from "../../api/client-schemas.ts";
import { FileDetailsSchema, FilesSchema, TopSchema } from "../../api/file-schemas.ts";
import { PackageDetailsSchema, PackagesSchema } from "../../api/package-schemas.ts";
import {
  FilesQuerySchema,
  HistoryQuerySchema,
  LimitQuerySchema,
  PackagesQuerySchema,
  RequestsQuerySchema,
} from "../../api/queries.ts";
import { RequestsSchema } from "../../api/request-schemas.ts";
import {
  CleanupSchema,
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

/** The part of a route that the OpenAPI document shows. */
export interface Described {
  /** Below /api/v1; `{name}` is the placeholder of a file's name, `{address}` that of a client's address or name. */
  readonly path: string;
  readonly summary: string;
  readonly query?: QuerySchema;
  readonly response: Schema;
}

export interface ApiRoute extends Described {
  /** @throws {v.ValiError} if the query is not valid */
  readonly answer: (state: ApiState, query: Readonly<Record<string, string>>) => unknown;
}

function route<R extends Schema>(
  path: string,
  summary: string,
  response: R,
  answer: (state: ApiState) => v.InferOutput<R> | Promise<v.InferOutput<R>>,
): ApiRoute {
  return { path, summary, response, answer };
}

function queried<Q extends QuerySchema, R extends Schema>(
  path: string,
  summary: string,
  query: Q,
  response: R,
  answer: (state: ApiState, query: v.InferOutput<Q>) => v.InferOutput<R> | Promise<v.InferOutput<R>>,
): ApiRoute {
  return { path, summary, query, response, answer: (state, given) => answer(state, v.parse(query, given)) };
}

export const FILE_ROUTE: Described = {
  path: "/files/{name}",
  summary: "Details of one file: why it is or is not stored, packages that list it, fetch history, failures",
  response: FileDetailsSchema,
};

export const CLIENT_ROUTE: Described = {
  path: "/clients/{address}",
  summary: "One client, by its address or name: its counts, and the packages and files that it asked for",
  response: ClientDetailsSchema,
};

export const PACKAGE_ROUTE: Described = {
  path: "/packages/{category}/{name}",
  summary: "One package: its versions and slots, and its files, stored or not",
  response: PackageDetailsSchema,
};

export const ROUTES: readonly ApiRoute[] = [
  route(
    "/status",
    "Health, store size, and request and byte counts since start and of all time",
    StatusSchema,
    (state) => state.status(),
  ),
  route(
    "/downloads",
    "Active downloads; with `Accept: text/event-stream` the same as /events",
    DownloadsSchema,
    (state) => state.downloads(),
  ),
  queried("/files", "Stored files, with search, sorting and paging", FilesQuerySchema, FilesSchema, (state, query) =>
    state.files(query),
  ),
  queried(
    "/packages",
    "Packages, and files that they list, by a part of their names",
    PackagesQuerySchema,
    PackagesSchema,
    (state, query) => state.packages(query),
  ),
  route("/mirrors", "Measured performance and state of mirrors and SRC_URI hosts", MirrorsSchema, (state) =>
    state.mirrors(),
  ),
  route("/repositories", "Ebuild repositories and their last scan", RepositoriesSchema, (state) =>
    state.repositories(),
  ),
  queried(
    "/history",
    "Requests and bytes over time; minutes are kept for a day, hours for a month, days for five years",
    HistoryQuerySchema,
    HistorySchema,
    (state, query) => state.history(query),
  ),
  queried(
    "/requests",
    "Requests of clients, newest first, with filters and paging",
    RequestsQuerySchema,
    RequestsSchema,
    (state, query) => state.requests(query),
  ),
  queried("/clients", "Clients, most bytes first", LimitQuerySchema, ClientsSchema, (state, { limit }) =>
    state.clients(limit),
  ),
  queried("/failures", "Recent failures and their reasons", LimitQuerySchema, FailuresSchema, (state, { limit }) =>
    state.failures(limit),
  ),
  route(
    "/actions",
    "Actions started with ?keep=true: how far they are, or how they ended lately",
    ActionsSchema,
    (state) => state.actions(),
  ),
  queried("/cleanup", "Files that clean-up would remove now", LimitQuerySchema, CleanupSchema, (state, { limit }) =>
    state.cleanup(limit),
  ),
  queried(
    "/top",
    "Most requested files and packages, largest and newest files",
    LimitQuerySchema,
    TopSchema,
    (state, { limit }) => state.top(limit),
  ),
];
