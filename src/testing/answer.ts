/**
 * Parses requests and plans the answers of a mirror without faults: single ranges and validators by RFC 9110.
 */
import { createHash } from "node:crypto";
import { type Content, readContent, sizeOf } from "./content.ts";
import { type Plan, replaceBody } from "./faults.ts";

export interface Request {
  readonly method: string;
  /** As sent: percent-quoted, and with the authority where the upstream is used as a proxy. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Last-Modified of every file of a fake upstream, unless a test sets another. */
export const LAST_MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT";

/** Parses the head of a request, without the empty line at its end. */
export function parseRequest(head: string): Request {
  const [first = "", ...lines] = head.split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method, target, headers };
}

/** Returns a strong ETag, the same for the same content. */
function fakeEtagOf(content: Content): string {
  const what = typeof content === "object" && "seed" in content ? JSON.stringify(content) : readContent(content);
  return `"${createHash("sha256").update(what).digest("hex").slice(0, 32)}"`;
}

/** Returns [start, end) of a single range, "unsatisfiable", or undefined for a header that is ignored. */
function parseRange(header: string, size: number): readonly [number, number] | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : [size - length, size];
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return [start, last === "" ? size : Math.min(Number(last) + 1, size)];
}

function isUnmodified({ headers }: Request, etag: string, lastModified: string): boolean {
  const tags = headers["if-none-match"];
  if (tags !== undefined) return tags === "*" || tags.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
  const since = headers["if-modified-since"];
  return since !== undefined && Date.parse(since) >= Date.parse(lastModified);
}

function newPlan(request: Request, content: Content): Plan {
  return {
    method: request.method,
    path: request.target,
    status: 200,
    headers: {},
    content,
    start: 0,
    end: sizeOf(content),
    framing: "length",
    latencyMs: 0,
    silent: false,
    cut: undefined,
    rate: undefined,
    corruptAt: undefined,
  };
}

export function planAbsent(request: Request): Plan {
  const plan = newPlan(request, "");
  replaceBody(plan, 404, "text/html", "<h1>404 Not Found</h1>\n");
  return plan;
}

/** Plans the answer to a GET or HEAD of a file that the mirror has. */
export function planFile(request: Request, content: Content, lastModified = LAST_MODIFIED): Plan {
  const plan = newPlan(request, content);
  const etag = fakeEtagOf(content);
  plan.headers = {
    "Content-Type": "application/octet-stream",
    ETag: etag,
    "Last-Modified": lastModified,
    "Accept-Ranges": "bytes",
  };
  if (isUnmodified(request, etag, lastModified)) {
    plan.status = 304;
    plan.end = 0;
    return plan;
  }
  const { range, "if-range": ifRange } = request.headers;
  if (range === undefined || (ifRange !== undefined && ifRange !== etag && ifRange !== lastModified)) return plan;
  const size = sizeOf(content);
  const requested = parseRange(range, size);
  if (requested === "unsatisfiable") {
    plan.status = 416;
    plan.end = 0;
    plan.headers["Content-Range"] = `bytes */${size}`;
  } else if (requested) {
    plan.status = 206;
    [plan.start, plan.end] = requested;
    plan.headers["Content-Range"] = `bytes ${plan.start}-${plan.end - 1}/${size}`;
  }
  return plan;
}
