/**
 * The OpenAPI 3.1 document of /api/v1, made from the very tables and schemas that answer, so that it can't tell anything
 * else.
 */
import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import * as actions from "../../api/action-schemas.ts";
import type { ActionName } from "../../api/actions.ts";
import { FileStorySchema, FilesSchema, StoredFileSchema, TopSchema } from "../../api/file-schemas.ts";
import * as schemas from "../../api/schemas.ts";
import { ACTION_REQUESTS } from "./post.ts";
import { type Described, FILE_ROUTE, ROUTES } from "./routes.ts";

type Json = Readonly<Record<string, unknown>>;

/** What may be asked for, and what comes of it. */
const ACTIONS: Readonly<Record<ActionName, { readonly summary: string; readonly report: v.GenericSchema }>> = {
  rescan: { summary: "Reads the ebuild repositories again", report: actions.RescanReportSchema },
  clean: { summary: "Applies the clean-up policy now", report: actions.CleanReportSchema },
  verify: { summary: "Hashes the stored files again", report: actions.VerifyReportSchema },
  fetch: { summary: "Brings files into the store ahead of need", report: actions.FetchReportSchema },
  drop: { summary: "Removes files from the store", report: actions.DropReportSchema },
  import: { summary: "Adopts the files of a DISTDIR; over the Unix socket only", report: actions.ImportReportSchema },
};

const COMPONENTS = {
  Problem: schemas.ProblemSchema,
  Totals: schemas.TotalsSchema,
  TriedSource: schemas.TriedSourceSchema,
  Download: schemas.DownloadSchema,
  Downloads: schemas.DownloadsSchema,
  Failure: schemas.FailureSchema,
  Status: schemas.StatusSchema,
  StoredFile: StoredFileSchema,
  Files: FilesSchema,
  FileStory: FileStorySchema,
  Top: TopSchema,
  Mirror: schemas.MirrorSchema,
  Progress: actions.ProgressSchema,
};

const OPTIONS = {
  target: "draft-2020-12",
  // What JSON Schema can't say (that a date is one) is said by formats and in words.
  errorMode: "ignore",
  overrideRef: ({ referenceId }: { readonly referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const;

/** As it stands in a document: the dialect is the document's. */
function plain(schema: object): Json {
  const { $schema: _dialect, $defs: _defs, ...rest } = schema as Record<string, unknown>;
  return rest;
}

function output(schema: v.GenericSchema): Json {
  return plain(toJsonSchema(schema, { ...OPTIONS, typeMode: "output", definitions: COMPONENTS }));
}

function input(schema: v.GenericSchema): Json {
  return plain(toJsonSchema(schema, { ...OPTIONS, typeMode: "input" }));
}

const PROBLEM = {
  description: "What went wrong and what to do about it (RFC 9457)",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

function answer(description: string, schema: v.GenericSchema, more: Json = {}): Json {
  return { description, content: { "application/json": { schema: output(schema) }, ...more } };
}

function parametersOf({ path, query }: Described): readonly Json[] {
  const inPath = path.includes("{name}")
    ? [{ name: "name", in: "path", required: true, description: "a distfile's name", schema: { type: "string" } }]
    : [];
  const properties = query ? (input(query)["properties"] as Record<string, Json> | undefined) : undefined;
  const inQuery = Object.entries(properties ?? {}).map(([name, schema]) => ({ name, in: "query", schema }));
  return [...inPath, ...inQuery];
}

const STREAM = {
  "text/event-stream": {
    schema: { type: "string", description: "events `status` and `downloads`, whose data are these schemas as JSON" },
  },
};

/** `/files/{name}` → `getFilesName` */
function operationId(method: string, path: string): string {
  return method + path.replace(/[^a-z]+([a-z])/g, (_match, letter: string) => letter.toUpperCase()).replace(/\W/g, "");
}

function readPaths(): Json {
  const described = [...ROUTES, FILE_ROUTE].map((route) => [
    route.path,
    {
      get: {
        operationId: operationId("get", route.path),
        summary: route.summary,
        tags: ["state"],
        parameters: parametersOf(route),
        responses: {
          "200": answer(route.summary, route.response, route.path === "/downloads" ? STREAM : {}),
          default: PROBLEM,
        },
      },
    },
  ]);
  const events = {
    get: {
      operationId: "getEvents",
      summary: "Status and downloads as server-sent events, every second while they change",
      tags: ["state"],
      responses: { "200": { description: "A stream without end", content: STREAM }, default: PROBLEM },
    },
  };
  return Object.fromEntries([...described, ["/events", events]]);
}

function changePaths(): Json {
  return Object.fromEntries(
    Object.entries(ACTION_REQUESTS).map(([name, request]) => {
      const { summary, report } = ACTIONS[name as ActionName];
      const lines = {
        "application/x-ndjson": {
          schema: { type: "string", description: "lines of progress, the last one the result or an error" },
        },
      };
      const post = {
        operationId: `post${name.charAt(0).toUpperCase()}${name.slice(1)}`,
        summary,
        tags: ["changes"],
        security: [{ token: [] }],
        requestBody: { required: true, content: { "application/json": { schema: input(request) } } },
        responses: { "200": answer(summary, report, lines), default: PROBLEM },
      };
      return [`/${name}`, { post }];
    }),
  );
}

export function createOpenApi(version: string): Json {
  const components = toJsonSchemaDefs(COMPONENTS, { ...OPTIONS, typeMode: "output" });
  return {
    openapi: "3.1.0",
    info: {
      title: "portcache",
      version,
      description:
        "The state of a portcache server, and what can be asked of it. Whoever is served files may read; changes take the token of [server] admin_token, or come over the Unix socket of the store.",
      license: { name: "GPL-3.0-or-later", identifier: "GPL-3.0-or-later" },
    },
    servers: [{ url: "/api/v1" }],
    tags: [
      { name: "state", description: "what the server does and knows" },
      { name: "changes", description: "what it can be told to do" },
    ],
    paths: { ...readPaths(), ...changePaths() },
    components: {
      schemas: Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, plain(schema)])),
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "[server] admin_token" } },
    },
  };
}
