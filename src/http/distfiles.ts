/**
 * GET and HEAD of distfiles in every layout: from the path to the cache's answer to the response.
 */
import type { Cache } from "../cache/cache.ts";
import type { Found, NotFound, StoredFound } from "../cache/result.ts";
import type { Digests } from "../distfile/digests.ts";
import { UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { incomingResponse } from "./download-response.ts";
import { etagOf } from "./etag.ts";
import {
  byConditions,
  explain,
  fileHeaders,
  lateResponse,
  notFoundResponse,
  outcomeText,
  type PreparedFiles,
  storedResponse,
  text,
} from "./respond.ts";
import type { Target } from "./target.ts";

/** Portage's wget gives up after 60 s of silence; a verdict leaves well before that. */
const FIRST_BYTE_DEADLINE_MS = 45_000;

export interface DistfilesDeps {
  readonly cache: Cache;
  readonly clock: Clock;
  /** Those that want the content with this BLAKE2B or SHA512 (128 hex digits). */
  readonly wantedByDigest: (digest: string) => readonly WantedBy[];
  /** Sees to it that the Manifests known are those on disk now. */
  readonly refreshRepositories: (known: boolean) => Promise<void>;
  readonly loopHeaders: (request: Request) => Readonly<Record<string, string>>;
  /** Text of our own layout.conf. */
  readonly layoutConf: string;
  /** parseTarget(), or one that remembers. */
  readonly parseTarget: (path: string) => Target;
  readonly prepared: PreparedFiles;
}

export interface Sent {
  /** Of the body. */
  readonly bytes: number;
  /** Why it was broken off, where it was. */
  readonly broken?: string | undefined;
  /** Where the bytes came from, where that was not known before they came. */
  readonly source?: string;
}

/** One answered request, for the log. */
export interface Answered {
  readonly response: Response;
  readonly file: string;
  /** "hit", "miss", "absent" … */
  readonly outcome: string;
  /** Where the bytes come from: "store", or a URL. */
  readonly source: string;
  /** Why there is no file, in words. */
  readonly reason?: string;
  /** Of a body that is still coming in known when it has ended. */
  readonly sent: Sent | Promise<Sent>;
}

interface Question {
  readonly name: DistfileName;
  readonly aliases: readonly DistfileName[];
  readonly content: Digests | undefined;
}

/** An answer without a file. */
function refused(response: Response, file: string, outcome: string): Answered {
  return { response, file, outcome, source: "-", sent: { bytes: 0 } };
}

function unfound(name: DistfileName, found: NotFound): Answered {
  return { ...refused(notFoundResponse(name, found), name, found.kind), reason: explain(name, found) };
}

/** A content-hash path means a file by its content, under whichever of its names that can be had. */
function questionOf(target: Target, deps: DistfilesDeps): Question | undefined {
  if (target.kind === "name") return { name: target.name, aliases: [], content: undefined };
  if (target.kind !== "digest") return undefined;
  const wanted = deps.wantedByDigest(target.digest);
  const [first] = wanted;
  if (first) {
    const [name = first.entry.name, ...aliases] = new Set(wanted.map(({ entry }) => entry.name));
    return { name, aliases, content: first.entry };
  }
  return target.name === undefined ? undefined : { name: target.name, aliases: [], content: undefined };
}

/** A HEAD for a file that is not here, from the Manifest and a source's HEAD. */
function headResponse(request: Request, { head, expected }: Extract<Found, { kind: "head" }>): Response {
  const validators = { etag: etagOf(expected?.blake2b), lastModifiedAt: head.lastModifiedAt };
  const status = "portcache; fwd=uri-miss";
  const conditional = byConditions(request, validators, status);
  if (conditional) return conditional;
  const size = expected?.size ?? head.total;
  const length: Record<string, string> = size === undefined ? {} : { "content-length": String(size) };
  return new Response(null, { headers: { ...fileHeaders(validators, status), ...length } });
}

async function respondIncoming(
  request: Request,
  found: Extract<Found, { kind: "incoming" }>,
  /** By performance.now(), which nobody sets. */
  deadlineAt: number,
  clock: Clock,
): Promise<Answered> {
  const { promise: sent, resolve } = Promise.withResolvers<Sent>();
  const onEnd = (bytes: number, broken?: string) => resolve({ bytes, broken, source: found.download.url });
  const firstByte = (offset: number) =>
    within(clock, Math.max(0, deadlineAt - performance.now()), found.download.reached(offset));
  const outcome = outcomeText(found.status);
  const response = await incomingResponse(request, found, firstByte, onEnd).finally(found.release);
  if (response === "late") return refused(lateResponse(found.name), found.name, "late");
  // Answers without a body of the download (304, 412, 416, HEAD) never end one.
  const hasBody = request.method === "GET" && (response.status === 200 || response.status === 206);
  const source = found.download.url;
  return { response, file: found.name, outcome, source, sent: hasBody ? sent : { bytes: 0 } };
}

function respondStored(request: Request, found: StoredFound, { prepared }: DistfilesDeps): Answered {
  const { response, bytes } = storedResponse(request, found, prepared);
  return { response, file: found.name, outcome: outcomeText(found.status), source: "store", sent: { bytes } };
}

async function respond(
  request: Request,
  found: Found,
  question: Question,
  deadlineAt: number,
  deps: DistfilesDeps,
): Promise<Answered> {
  const { name } = question;
  switch (found.kind) {
    case "stored":
      return respondStored(request, found, deps);
    case "incoming":
      return await respondIncoming(request, found, deadlineAt, deps.clock).catch((error: unknown) => {
        // It failed before the first byte of a range further on.
        if (!(error instanceof UnavailableError)) throw error;
        const kind = error.timedOut ? "timed-out" : "failed";
        return unfound(name, { kind, attempts: error.attempts, wantedBy: [], note: "" });
      });
    case "head":
      return refused(headResponse(request, found), name, "miss, HEAD only");
    case "late":
      return refused(lateResponse(name), name, "late");
    default:
      return unfound(name, found);
  }
}

/** Answers a request whose path (as normalPath() gives it) begins with `/distfiles/`; at once where it can. */
export function answerDistfiles(request: Request, path: string, deps: DistfilesDeps): Answered | Promise<Answered> {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    return refused(text(405, "Distfiles can only be read.", { allow: "GET, HEAD" }), path, "method not allowed");
  }
  const target = deps.parseTarget(path);
  if (target.kind === "layout.conf") {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    return refused(new Response(deps.layoutConf, { headers }), "layout.conf", "own");
  }
  if (target.kind === "bad-name") {
    return refused(text(400, `That is not a distfile's name: ${target.reason}.`), path, "bad name");
  }
  const known = target.kind === "name" ? deps.cache.peek(target.name, method) : undefined;
  return known ? respondStored(request, known, deps) : look(request, method, path, target, deps);
}

async function look(
  request: Request,
  method: "GET" | "HEAD",
  path: string,
  target: Target,
  deps: DistfilesDeps,
): Promise<Answered> {
  // What the trees take to be read counts as well: the client waits since now.
  const deadlineAt = performance.now() + FIRST_BYTE_DEADLINE_MS;
  if (target.kind === "digest" && deps.wantedByDigest(target.digest).length === 0)
    await deps.refreshRepositories(false);
  const question = questionOf(target, deps);
  if (!question) {
    const why =
      target.kind === "digest"
        ? "No tree has a file with that digest."
        : "That folder is not the file's by any layout.";
    return refused(text(404, why), path, "absent");
  }
  const wanted = { ...question, method, loopHeaders: deps.loopHeaders(request) } as const;
  const found = await deps.cache.lookup(wanted, Math.max(0, deadlineAt - performance.now()));
  return await respond(request, found, question, deadlineAt, deps);
}
