/**
 * Serves the dashboard: the page at `/` and its assets below `/dashboard/`, from a folder that is embedded in the executable.
 * The names of assets contain a hash of their content, so browsers cache them forever.
 */
import { existsSync, readFileSync } from "node:fs";
import { staticPlugin } from "@elysiajs/static";
import { type AnyElysia, Elysia } from "elysia";
import { text } from "./respond.ts";

/** Path prefix of the assets; scripts/build passes the same to the bundler. */
const PREFIX = "/dashboard";

const COMMON_HEADERS = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };

const PAGE_HEADERS = {
  ...COMMON_HEADERS,
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-cache",
  // The page shows file names and messages of upstreams: whatever they contain, only its own script may run.
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  "x-frame-options": "DENY",
};

/** The part of the server that knows the address of a client. */
export interface Peers {
  requestIP(request: Request): { readonly address: string } | null;
}

export interface DashboardFiles {
  readonly page: string;
  /** Routes of all files except the page. */
  readonly assets: AnyElysia;
}

/** @returns undefined if the folder contains no dashboard, because it was not built */
export async function readDashboard(folder: string): Promise<DashboardFiles | undefined> {
  const page = `${folder}/index.html`;
  if (!existsSync(page)) return undefined;
  const assets = await staticPlugin({
    assets: folder,
    prefix: PREFIX,
    // One route per file instead of a file system lookup per request.
    alwaysStatic: true,
    // The plugin's ETags are not quoted, and its responses for HTML have a Content-Range under 200 and no headers.
    etag: false,
    ignorePatterns: [/\.html$/],
    headers: { ...COMMON_HEADERS, "cache-control": "public, max-age=31536000, immutable" },
  });
  return { page: readFileSync(page, "utf8"), assets };
}

function pageResponse({ headers }: Request, page: string, etag: string): Response {
  const known = headers.get("if-none-match");
  if (known?.includes(etag)) return new Response(null, { status: 304, headers: { ...PAGE_HEADERS, etag } });
  return new Response(page, { headers: { ...PAGE_HEADERS, etag } });
}

/**
 * Creates the routes of the dashboard, or one that says how to build it.
 * @param refuse returns the response to clients that are not allowed, else undefined
 */
export function dashboardRoutes(
  files: DashboardFiles | undefined,
  refuse: (request: Request, peers: Peers | null) => Response | undefined,
): AnyElysia {
  const routes = new Elysia({ name: "dashboard" }).onBeforeHandle(({ request, server }) => refuse(request, server));
  if (!files) return routes.get("/", () => text(404, "The dashboard is not built: run scripts/build."));
  const { page, assets } = files;
  const etag = `"${Bun.hash(page).toString(16)}"`;
  return routes.get("/", ({ request }) => pageResponse(request, page, etag)).use(assets);
}
