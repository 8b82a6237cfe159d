/**
 * The dashboard's files: the page at `/`, what it loads below `/dashboard/`, through @elysiajs/static from a folder that
 * in the executable lies inside of it. The names of what it loads hold a hash of the content, so that browsers need
 * never ask again.
 */
import { existsSync, readFileSync } from "node:fs";
import { staticPlugin } from "@elysiajs/static";
import { type AnyElysia, Elysia } from "elysia";
import { text } from "./respond.ts";

/** Where the bundle expects its parts: scripts/build passes the same to the bundler. */
const PREFIX = "/dashboard";

const COMMON_HEADERS = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };

const PAGE_HEADERS = {
  ...COMMON_HEADERS,
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-cache",
  // Names of files and messages of upstreams are shown: whatever is in them, nothing but our own script may run.
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  "x-frame-options": "DENY",
};

/** Who knows the address of a request's client: the server. */
export interface Peers {
  requestIP(request: Request): { readonly address: string } | null;
}

export interface DashboardFiles {
  readonly page: string;
  /** Routes of everything but the page. */
  readonly assets: AnyElysia;
}

/** @returns undefined where the folder holds no dashboard (it is not built) */
export async function readDashboard(folder: string): Promise<DashboardFiles | undefined> {
  const page = `${folder}/index.html`;
  if (!existsSync(page)) return undefined;
  const assets = await staticPlugin({
    assets: folder,
    prefix: PREFIX,
    // A route for each file there is, rather than a look into the file system for each path asked.
    alwaysStatic: true,
    // The plugin's own tags are not quoted, and its answers for HTML have a Content-Range under 200 and no headers.
    etag: false,
    ignorePatterns: [/\.html$/],
    headers: { ...COMMON_HEADERS, "cache-control": "public, max-age=31536000, immutable" },
  });
  return { page: readFileSync(page, "utf8"), assets };
}

function answerPage({ headers }: Request, page: string, etag: string): Response {
  const asked = headers.get("if-none-match");
  if (asked?.includes(etag)) return new Response(null, { status: 304, headers: { ...PAGE_HEADERS, etag } });
  return new Response(page, { headers: { ...PAGE_HEADERS, etag } });
}

/**
 * Routes for GET and HEAD of the dashboard, where there is one.
 * @param refuse gives the answer for clients that are not served, else undefined
 */
export function dashboardRoutes(
  files: DashboardFiles | undefined,
  refuse: (request: Request, peers: Peers | null) => Response | undefined,
): AnyElysia {
  const routes = new Elysia({ name: "dashboard" }).onBeforeHandle(({ request, server }) => refuse(request, server));
  if (!files) return routes.get("/", () => text(404, "The dashboard is not built (scripts/build makes it)."));
  const { page, assets } = files;
  const etag = `"${Bun.hash(page).toString(16)}"`;
  return routes.get("/", ({ request }) => answerPage(request, page, etag)).use(assets);
}
