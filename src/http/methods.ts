/**
 * Lists the methods that a path accepts, for 405 with Allow (RFC 9110, section 15.5.6; pure). Paths of files have their own check.
 */
import { API_PREFIX } from "./api/api.ts";
import { actionAt } from "./api/post.ts";
import { FILE_ROUTE, ROUTES } from "./api/routes.ts";

const READ = "GET, HEAD";

const READ_PATHS: ReadonlySet<string> = new Set([
  "/",
  "/client",
  "/client.sh",
  "/healthz",
  "/metrics",
  `${API_PREFIX}/openapi.json`,
  `${API_PREFIX}/events`,
  ...ROUTES.map(({ path }) => API_PREFIX + path),
]);

const FILE_PREFIX = API_PREFIX + FILE_ROUTE.path.replace("{name}", "");

/** Returns whether the path is the prefix of files and one name. */
export function isFilePath(path: string): boolean {
  return path.startsWith(FILE_PREFIX) && path.length > FILE_PREFIX.length && !path.includes("/", FILE_PREFIX.length);
}

const PACKAGES_PREFIX = `${API_PREFIX}/packages/`;

/** Returns whether the path is the prefix of packages, a category and a name. */
function isPackagePath(path: string): boolean {
  const parts = path.startsWith(PACKAGES_PREFIX) ? path.slice(PACKAGES_PREFIX.length).split("/", 3) : [];
  return parts.length === 2 && !parts.includes("");
}

export function isRead({ method }: Pick<Request, "method">): boolean {
  return method === "GET" || method === "HEAD";
}

/** Returns the value of Allow; undefined if nothing is at the path. */
export function methodsOf(path: string): string | undefined {
  if (actionAt(path) !== undefined) return "POST";
  if (isFilePath(path)) return `${READ}, PUT`;
  return READ_PATHS.has(path) || isPackagePath(path) ? READ : undefined;
}
