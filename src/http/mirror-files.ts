/**
 * GET and HEAD of what else than distfiles a Gentoo mirror carries: from the path to the answer as RFC 9111 and 9211 have it.
 */

import { requestDirectives } from "../cache/mirror-files/cache-control.ts";
import { ageMs, lifetimeMs } from "../cache/mirror-files/freshness.ts";
import type { Revalidated } from "../cache/mirror-files/lookup.ts";
import type { FoundPath } from "../cache/mirror-files/result.ts";
import { UnavailableError } from "../distfile/errors.ts";
import { type MirrorPath, parseMirrorPath } from "../distfile/mirror-path.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Answered, Sent } from "./distfiles.ts";
import { incomingResponse } from "./download-response.ts";
import {
  byConditions,
  cacheStatus,
  explain,
  fileHeaders,
  lateResponse,
  notFoundResponse,
  outcomeText,
  storedResponse,
  text,
} from "./respond.ts";

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

/** The same response with what a cache says of its freshness. */
function withFields(response: Response, fields: Readonly<Record<string, string | undefined>>): Response {
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) response.headers.set(name, value);
  return response;
}

function respondStored(request: Request, found: Extract<FoundPath, { kind: "stored" }>, { clock }: MirrorFilesDeps) {
  const { file, row, blake2b, status } = found;
  const { path, lastModifiedAt, cacheControl, expiresAt, dateAt } = row;
  const stored = { file, digests: { size: file.size, blake2b }, lastModifiedAt };
  const name = path as string as Parameters<typeof storedResponse>[1]["name"];
  const { response, bytes } = storedResponse(
    request,
    { kind: "stored", name, stored, status, body: undefined },
    new WeakMap(),
  );
  const now = clock.now();
  const age = ageMs(row, now);
  withFields(response, {
    "cache-status": cacheStatus(status, true, Math.min(0, lifetimeMs(row) - age)),
    age: seconds(age),
    date: new Date(dateAt).toUTCString(),
    "cache-control": cacheControl === "" ? undefined : cacheControl,
    expires: expiresAt === null ? undefined : new Date(expiresAt).toUTCString(),
  });
  const source = status.kind === "forwarded" && status.response === "full" ? row.source : "store";
  return { response, file: path, outcome: outcomeText(status), source, sent: { bytes } };
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
  const { download, status } = found;
  const { promise: sent, resolve } = Promise.withResolvers<Sent>();
  const onEnd = (bytes: number, broken?: string) => resolve({ bytes, broken, source: download.url });
  const firstByte = (offset: number) =>
    within(clock, Math.max(0, deadlineAt - performance.now()), download.reached(offset));
  const name = path as string as Parameters<typeof incomingResponse>[1]["name"];
  const incoming = { kind: "incoming", name, download, status, release: found.release } as const;
  const response = await incomingResponse(request, incoming, firstByte, onEnd).finally(found.release);
  if (response === "late") return refused(lateResponse(path), path, "late");
  if (response.headers.has("cache-status")) {
    withFields(response, { ...upstreamFields(download.fields), "cache-status": cacheStatus(status, download.keeps) });
  }
  // Answers without a body of the download (304, 412, 416, HEAD) never end one.
  const hasBody = request.method === "GET" && (response.status === 200 || response.status === 206);
  return {
    response,
    file: path,
    outcome: outcomeText(status),
    source: download.url,
    sent: hasBody ? sent : { bytes: 0 },
  };
}

function respondHead(request: Request, { head, status: how }: Extract<FoundPath, { kind: "head" }>): Response {
  const validators = { etag: undefined, lastModifiedAt: head.lastModifiedAt };
  const status = cacheStatus(how, false);
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
