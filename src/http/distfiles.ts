/**
 * Serves GET and HEAD of distfiles in every layout of GLEP 75: from the path to the cache's result to the response.
 */
import type { TakeTurn } from "../cache/client-turns.ts";
import type { Cache } from "../cache/lookup.ts";
import type { DistfileRequest, StoredResult } from "../cache/result.ts";
import type { StoredContent } from "../cache/stored-files.ts";
import { cacheStatusField } from "../distfile/response-outcome.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Clock } from "../lib/clock.ts";
import { clientOf } from "./allow.ts";
import { etagOf } from "./conditional.ts";
import { answerMiss, FIRST_BYTE_DEADLINE_MS } from "./miss-response.ts";
import {
  type Answer,
  fileHeaders,
  leftAnswer,
  type PreparedHeaders,
  prepare,
  storedResponse,
  text,
  withoutBody,
} from "./respond.ts";
import { createTargetParser, type Target } from "./target.ts";

/** Other names of one content under which it is looked for: each may cost requests to all sources. */
const MAX_ALIASES = 8;
/** The platform sends files from this size on by sendfile(2), on the event loop. */
const LARGE_BYTES = 1024 * 1024;

export interface DistfilesDeps {
  readonly cache: Cache;
  /** For the look-up of a file that is no known hit. */
  readonly takeTurn: TakeTurn;
  /** For the first bytes of a large file. */
  readonly takeLargeTurn: TakeTurn;
  readonly clock: Clock;
  /** Returns the packages that want the content with this BLAKE2B or SHA512 (128 hex digits). */
  readonly wantedByDigest: (digest: string) => readonly WantedBy[];
  /** Reads Manifests that changed on disk. */
  readonly refreshRepositories: (known: boolean) => Promise<unknown>;
  /** Returns the client that sends upstream what this request needs. */
  readonly upstreamFor: (request: Request) => DistfileRequest["upstream"];
  /** Text of our own layout.conf. */
  readonly layoutConf: () => string;
}

/** Answers at once where it can: hits are most of all, and a promise has its price (measured). */
export type AnswerFile = (request: Request, path: string, client: string) => Answer | Promise<Answer>;

type RequestedFile = Pick<DistfileRequest, "name" | "aliases" | "content">;

/** @returns answers requests whose path (as normalPath() gives it) begins with `/distfiles/` */
export function createDistfiles(deps: DistfilesDeps): AnswerFile {
  const { cache, clock, wantedByDigest } = deps;
  const parseTarget = createTargetParser();
  /** Made once for each stored file that is known, and gone with it. */
  const preparedHits = new WeakMap<StoredContent, PreparedHeaders>();

  function prepareHeaders({ stored, status }: StoredResult): PreparedHeaders {
    const validators = { etag: etagOf(stored.digests.blake2b), lastModifiedAt: stored.file.modifiedAt };
    return prepare(fileHeaders(validators, cacheStatusField(status, true)));
  }

  function headersOf(found: StoredResult): PreparedHeaders {
    if (found.status.kind !== "hit") return prepareHeaders(found);
    const known = preparedHits.get(found.stored);
    if (known) return known;
    const prepared = prepareHeaders(found);
    preparedHits.set(found.stored, prepared);
    return prepared;
  }

  function answerStored(request: Request, found: StoredResult): Answer {
    const { response, bytes } = storedResponse(request, found.stored.file, found.body, headersOf(found));
    return { response, file: found.name, outcome: found.status, source: found.source ?? "store", sent: { bytes } };
  }

  /** A socket takes megabytes at once, so that the beginnings of a thousand large files would hold up all others for a second. */
  async function answerLarge(request: Request, path: string, client: string, found: StoredResult): Promise<Answer> {
    const mayBegin = await deps.takeLargeTurn({ client: clientOf(client), signal: request.signal });
    return mayBegin ? answerStored(request, found) : leftAnswer(path);
  }

  function answerKnown(request: Request, path: string, client: string, known: StoredResult): Answer | Promise<Answer> {
    const isLarge = known.body === undefined && known.stored.file.size >= LARGE_BYTES;
    return isLarge ? answerLarge(request, path, client, known) : answerStored(request, known);
  }

  /** A content-hash path means a file by its content, under whichever of its names is available. */
  function requestedFile(target: Target): RequestedFile | undefined {
    if (target.kind === "name") return { name: target.name, aliases: [], content: undefined };
    if (target.kind !== "digest") return undefined;
    const wanted = wantedByDigest(target.digest);
    const [first] = wanted;
    if (first) {
      const [name = first.entry.name, ...aliases] = new Set(wanted.map(({ entry }) => entry.name));
      return { name, aliases: aliases.slice(0, MAX_ALIASES), content: first.entry };
    }
    return target.name === undefined ? undefined : { name: target.name, aliases: [], content: undefined };
  }

  async function lookup(
    request: Request,
    method: DistfileRequest["method"],
    path: string,
    client: string,
    target: Target,
  ): Promise<Answer> {
    // The time until its turn and that reading Manifests takes counts as well: the client waits since now.
    const deadlineAt = performance.now() + FIRST_BYTE_DEADLINE_MS;
    const waiter = { client: clientOf(client), signal: request.signal };
    if (!(await deps.takeTurn(waiter))) return leftAnswer(path);
    if (target.kind === "digest" && wantedByDigest(target.digest).length === 0) await deps.refreshRepositories(false);
    const file = requestedFile(target);
    if (!file) {
      const why =
        target.kind === "digest"
          ? "No ebuild repository has a file with this digest."
          : "The folder does not belong to this file in any layout.";
      return withoutBody(text(404, why), path, { kind: "unknown-path" });
    }
    const wanted: DistfileRequest = { ...file, method, upstream: deps.upstreamFor(request), waiter };
    const found = await cache.lookup(wanted, Math.max(0, deadlineAt - performance.now()));
    if (found.kind === "stored") return answerStored(request, found);
    return await answerMiss(request, file.name, found, {}, deadlineAt, clock);
  }

  return (request, path, client) => {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      const response = text(405, "Distfiles are read-only.", { allow: "GET, HEAD" });
      return withoutBody(response, path, { kind: "method-not-allowed" });
    }
    const target = parseTarget(path);
    if (target.kind === "layout.conf") {
      const headers = { "content-type": "text/plain; charset=utf-8" };
      const body = deps.layoutConf();
      const sent = { bytes: method === "HEAD" ? 0 : body.length };
      const answer = withoutBody(new Response(body, { headers }), "layout.conf", { kind: "generated" });
      return { ...answer, source: "this server", sent };
    }
    if (target.kind === "bad-name") {
      return withoutBody(text(400, `Invalid file name: ${target.reason}.`), path, { kind: "bad-name" });
    }
    const known = target.kind === "name" ? cache.peek(target.name, method) : undefined;
    return known ? answerKnown(request, path, client, known) : lookup(request, method, path, client, target);
  };
}
