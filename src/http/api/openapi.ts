/**
 * Generates the OpenAPI 3.1 document of /api/v1 from the same routes and schemas that serve the requests.
 */
import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import * as actions from "../../api/action-schemas.ts";
import type { ActionName } from "../../api/actions.ts";
import { ClientSchema } from "../../api/client-schemas.ts";
import { FileDetailsSchema, FilesSchema, StoredFileSchema, TopSchema } from "../../api/file-schemas.ts";
import { RequestSchema } from "../../api/request-schemas.ts";
import * as schemas from "../../api/schemas.ts";
import { keysOf } from "../../lib/records.ts";
import { ACTION_REQUESTS } from "./post.ts";
import { CLIENT_ROUTE, type Described, FILE_ROUTE, PACKAGE_ROUTE, ROUTES } from "./routes.ts";

type Json = Readonly<Record<string, unknown>>;

const ACTIONS: Readonly<Record<ActionName, { readonly summary: string; readonly report: v.GenericSchema }>> = {
  rescan: { summary: "Rescans the ebuild repositories", report: actions.RescanReportSchema },
  clean: { summary: "Runs clean-up now", report: actions.CleanReportSchema },
  verify: { summary: "Verifies the stored files", report: actions.VerifyReportSchema },
  fetch: { summary: "Downloads files into the store", report: actions.FetchReportSchema },
  drop: { summary: "Removes files from the store", report: actions.DropReportSchema },
  stop: { summary: "Stops an action that was started with ?keep=true", report: actions.StopReportSchema },
  dismiss: { summary: "Takes failures off the list", report: actions.DismissReportSchema },
  import: {
    summary: "Imports the files of a DISTDIR, or a single one (Unix socket only)",
    report: actions.ImportReportSchema,
  },
};

const COMPONENTS = {
  Problem: schemas.ProblemSchema,
  Totals: schemas.TotalsSchema,
  UpstreamRequest: schemas.UpstreamRequestSchema,
  Download: schemas.DownloadSchema,
  Downloads: schemas.DownloadsSchema,
  Failure: schemas.FailureSchema,
  Status: schemas.StatusSchema,
  StoredFile: StoredFileSchema,
  Files: FilesSchema,
  FileDetails: FileDetailsSchema,
  Top: TopSchema,
  Request: RequestSchema,
  Client: ClientSchema,
  Mirror: schemas.MirrorSchema,
  Progress: actions.ProgressSchema,
};

const OPTIONS = {
  target: "draft-2020-12",
  // What JSON Schema cannot express (such as valid dates) is left to formats and descriptions.
  errorMode: "ignore",
  overrideRef: ({ referenceId }: { readonly referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const;

/** Strips what the enclosing document declares once: the dialect and the shared definitions. */
function plain(schema: ReturnType<typeof toJsonSchema>): Json {
  const { $schema: _dialect, $defs: _defs, ...rest } = schema;
  return rest;
}

function output(schema: v.GenericSchema): Json {
  return plain(toJsonSchema(schema, { ...OPTIONS, typeMode: "output", definitions: COMPONENTS }));
}

function input(schema: v.GenericSchema): Json {
  return plain(toJsonSchema(schema, { ...OPTIONS, typeMode: "input" }));
}

const PROBLEM = {
  description: "Problem details (RFC 9457)",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

function answer(description: string, schema: v.GenericSchema, more: Json = {}): Json {
  return { description, content: { "application/json": { schema: output(schema) }, ...more } };
}

const IN_PATH = [
  { name: "name", description: "a file's or a package's name" },
  { name: "address", description: "a client's address or name" },
  { name: "category", description: "a package's category" },
];

function parametersOf({ path, query }: Described): readonly Json[] {
  const inPath = IN_PATH.filter(({ name }) => path.includes(`{${name}}`)).map((one) => ({
    ...one,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query?.entries ?? {}).map(([name, entry]) => ({
    name,
    in: "query",
    schema: input(entry),
  }));
  return [...inPath, ...inQuery];
}

const STREAM = {
  "text/event-stream": {
    schema: {
      type: "string",
      description:
        "events `status`, `downloads` and `requests`; their data is JSON of the schemas Status and Downloads, and the id of the latest request",
    },
  },
};

const UPLOAD = {
  operationId: "putFilesName",
  summary: "Stores a file that a Manifest confirms, such as one with RESTRICT=fetch",
  tags: ["actions"],
  security: [{ token: [] }],
  parameters: parametersOf(FILE_ROUTE),
  requestBody: { required: true, content: { "application/octet-stream": {} } },
  responses: {
    "200": answer("The file was in the store already", actions.UploadReportSchema),
    "201": answer("The file is stored", actions.UploadReportSchema),
    default: PROBLEM,
  },
};

/** `/files/{name}` → `getFilesName` */
function operationId(method: string, path: string): string {
  return method + path.replace(/[^a-z]+([a-z])/g, (_match, letter: string) => letter.toUpperCase()).replace(/\W/g, "");
}

function readPaths(): Json {
  const described = [...ROUTES, FILE_ROUTE, CLIENT_ROUTE, PACKAGE_ROUTE].map((route) => [
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
      summary:
        "Status, downloads and that there are new requests as server-sent events, sent when they change, at most once a second",
      tags: ["state"],
      responses: { "200": { description: "An endless stream", content: STREAM }, default: PROBLEM },
    },
  };
  const { [FILE_ROUTE.path]: file, ...others } = Object.fromEntries(described);
  return { ...others, [FILE_ROUTE.path]: { ...file, put: UPLOAD }, "/events": events };
}

function actionPaths(): Json {
  return Object.fromEntries(
    keysOf(ACTION_REQUESTS).map((name) => {
      const { summary, report } = ACTIONS[name];
      const lines = {
        "application/x-ndjson": {
          schema: {
            type: "string",
            description: "progress as lines of JSON, then one line with the result or an error",
          },
        },
      };
      const post = {
        operationId: `post${name.charAt(0).toUpperCase()}${name.slice(1)}`,
        summary,
        tags: ["actions"],
        security: [{ token: [] }],
        requestBody: { required: true, content: { "application/json": { schema: input(ACTION_REQUESTS[name]) } } },
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
        "State and actions of a portcache server. Every client that may fetch files may read the state; actions need the token in [server] admin_token or the store's Unix socket.",
      license: { name: "GPL-3.0-or-later", identifier: "GPL-3.0-or-later" },
    },
    servers: [{ url: "/api/v1" }],
    tags: [
      { name: "state", description: "state of the server" },
      { name: "actions", description: "actions that change the store" },
    ],
    paths: { ...readPaths(), ...actionPaths() },
    components: {
      schemas: Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, plain(schema)])),
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "[server] admin_token" } },
    },
  };
}
