/**
 * GET and HEAD of what else than distfiles a Gentoo mirror carries: from the path to the answer as RFC 9111 and 9211 have it.
 */

import { requestDirectives } from "../cache/mirror-files/cache-control.ts";
import { ageMs, lifetimeMs } from "../cache/mirror-files/freshness.ts";
import type { Revalidated } from "../cache/mirror-files/lookup.ts";
import type { Course, FoundPath } from "../cache/mirror-files/result.ts";
import { UnavailableError } from "../distfile/errors.ts";
import { type MirrorPath, parseMirrorPath } from "../distfile/mirror-path.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Answered, Sent } from "./distfiles.ts";
import { incomingResponse } from "./download-response.ts";
import { byConditions, explain, fileHeaders, lateResponse, notFoundResponse, storedResponse, text } from "./respond.ts";

/** As of distfiles. */
const FIRST_BYTE_DEADLINE_MS = 45_000;

export interface MirrorFilesDeps {
  readonly revalidated: Revalidated;
  readonly clock: Clock;
  readonly loopHeaders: (request: Request) => Readonly<Record<string, string>>;
}

function refused(response: Response, file: string, outcome: string): Answered {
  return { response, file, outcome, source: "-", sent: { bytes: 0 } };
}

const seconds = (ms: number) => String(Math.floor(ms / 1000));

/** Cache-Status (RFC 9211). */
function statusOf({ forwarded, joined, unchanged, old }: Course, isStored: boolean, leftMs?: number): string {
  if (forwarded === "not") return `portcache; hit${old ? `; ttl=${seconds(leftMs ?? 0)}` : ""}`;
  const stored = isStored && !unchanged && !old ? "; stored" : "";
  return `portcache; fwd=${forwarded}${unchanged ? "; fwd-status=304" : ""}${stored}${joined ? "; collapsed" : ""}`;
}

/** The same response with what a cache says of its freshness. */
function withFields(response: Response, fields: Readonly<Record<string, string | undefined>>): Response {
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) response.headers.set(name, value);
  return response;
}

function respondStored(request: Request, found: Extract<FoundPath, { kind: "stored" }>, { clock }: MirrorFilesDeps) {
  const { file, row, blake2b, course } = found;
  const { path, lastModifiedAt, cacheControl, expiresAt, dateAt } = row;
  const stored = { file, digests: { size: file.size, blake2b }, lastModifiedAt };
  const origin = { kind: "fetched", stale: false, url: row.source } as const;
  const name = path as string as Parameters<typeof storedResponse>[1]["name"];
  const { response, bytes } = storedResponse(
    request,
    { kind: "stored", name, stored, origin, body: undefined },
    new WeakMap(),
  );
  const now = clock.now();
  const age = ageMs(row, now);
  withFields(response, {
    "cache-status": statusOf(course, true, Math.min(0, lifetimeMs(row) - age)),
    age: seconds(age),
    date: new Date(dateAt).toUTCString(),
    "cache-control": cacheControl === "" ? undefined : cacheControl,
    expires: expiresAt === null ? undefined : new Date(expiresAt).toUTCString(),
  });
  const isHit = course.forwarded === "not" || course.unchanged || course.old;
  const outcome = course.old ? "hit, old" : course.unchanged ? "hit, revalidated" : isHit ? "hit" : "miss";
  const source = isHit ? "store" : row.source;
  return { response, file: path, outcome, source, sent: { bytes } };
}

/** What a mirror said of it, on its way to the client. */
function upstreamFields(fields: Headers | undefined): Readonly<Record<string, string | undefined>> {
  const known = ["age", "cache-control", "expires", "date"] as const;
  return Object.fromEntries(known.map((name) => [name, fields?.get(name) ?? undefined]));
}

async function respondIncoming(
  request: Request,
  path: MirrorPath,
  found: Extract<FoundPath, { kind: "incoming" }>,
  deadlineAt: number,
  { clock }: MirrorFilesDeps,
): Promise<Answered> {
  const { download, course } = found;
  const { promise: sent, resolve } = Promise.withResolvers<Sent>();
  const onEnd = (bytes: number, broken?: string) => resolve({ bytes, broken, source: download.url });
  const firstByte = (offset: number) =>
    within(clock, Math.max(0, deadlineAt - performance.now()), download.reached(offset));
  const name = path as string as Parameters<typeof incomingResponse>[1]["name"];
  const origin = {
    kind: course.joined ? "joined" : "fetched",
    stale: course.forwarded !== "uri-miss",
    url: "",
  } as const;
  const incoming = { kind: "incoming", name, download, origin, release: found.release } as const;
  const response = await incomingResponse(request, incoming, firstByte, onEnd).finally(found.release);
  if (response === "late") return refused(lateResponse(path), path, "late");
  if (response.headers.has("cache-status")) {
    withFields(response, { ...upstreamFields(download.fields), "cache-status": statusOf(course, download.keeps) });
  }
  // Answers without a body of the download (304, 412, 416, HEAD) never end one.
  const hasBody = request.method === "GET" && (response.status === 200 || response.status === 206);
  const outcome = course.joined ? "miss, joined" : "miss";
  return { response, file: path, outcome, source: download.url, sent: hasBody ? sent : { bytes: 0 } };
}

function respondHead(request: Request, { head, course }: Extract<FoundPath, { kind: "head" }>): Response {
  const validators = { etag: undefined, lastModifiedAt: head.lastModifiedAt };
  const status = statusOf(course, false);
  const conditional = byConditions(request, validators, status);
  if (conditional) return conditional;
  const length: Record<string, string> = head.total === undefined ? {} : { "content-length": String(head.total) };
  return new Response(null, { headers: { ...fileHeaders(validators, status), ...length } });
}

function unfound(path: MirrorPath, found: Extract<FoundPath, { kind: "absent" | "failed" | "timed-out" }>): Answered {
  const why = { ...found, wantedBy: [], note: "" };
  return { ...refused(notFoundResponse(path, why), path, found.kind), reason: explain(path, why) };
}

async function respond(
  request: Request,
  path: MirrorPath,
  found: FoundPath,
  deadlineAt: number,
  deps: MirrorFilesDeps,
): Promise<Answered> {
  switch (found.kind) {
    case "stored":
      return respondStored(request, found, deps);
    case "incoming":
      return await respondIncoming(request, path, found, deadlineAt, deps).catch((error: unknown) => {
        // It failed before the first byte of a range further on.
        if (!(error instanceof UnavailableError)) throw error;
        return unfound(path, { kind: error.timedOut ? "timed-out" : "failed", attempts: error.attempts });
      });
    case "head":
      return refused(respondHead(request, found), path, "miss, HEAD only");
    case "late":
      return refused(lateResponse(path), path, "late");
    case "not-here":
      return refused(
        text(504, `${path} is not here, or may be outdated, and no mirror was to be asked.`),
        path,
        "not here",
      );
    default:
      return unfound(path, found);
  }
}

/** Answers a request whose path (as normalPath() gives it) is below one of a mirror's other folders. */
export async function answerMirrorFiles(request: Request, path: string, deps: MirrorFilesDeps): Promise<Answered> {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    return refused(
      text(405, "What a mirror carries can only be read.", { allow: "GET, HEAD" }),
      path,
      "method not allowed",
    );
  }
  const parsed = parseMirrorPath(path);
  if (parsed === "bad") {
    return refused(text(400, "No mirror can have a file of that name."), path, "bad name");
  }
  if (parsed === "folder") return refused(text(404, "Folders are not listed, ask for a file."), path, "folder");
  const deadlineAt = performance.now() + FIRST_BYTE_DEADLINE_MS;
  const directives = requestDirectives(request.headers);
  const loopHeaders = deps.loopHeaders(request);
  const found = await deps.revalidated.lookup(
    { path: parsed, method, directives, loopHeaders },
    FIRST_BYTE_DEADLINE_MS,
  );
  return await respond(request, parsed, found, deadlineAt, deps);
}
