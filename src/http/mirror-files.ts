/**
 * Serves GET and HEAD of the other files of a Gentoo mirror (snapshots, releases): from the path to the cache's result to the
 * response, with the fields of RFC 9111.
 */
import type { TakeTurn } from "../cache/client-turns.ts";
import { ageMs, lifetimeMs, requestDirectives } from "../cache/mirror-files/freshness.ts";
import type { MirrorFileCache, MirrorFileRequest, StoredMirrorFileResult } from "../cache/mirror-files/lookup.ts";
import { parseMirrorPath } from "../distfile/mirror-path.ts";
import { cacheStatusField } from "../distfile/response-outcome.ts";
import type { Clock } from "../lib/clock.ts";
import { clientOf } from "./allow.ts";
import { etagOf } from "./conditional.ts";
import type { AnswerFile } from "./distfiles.ts";
import { answerMiss, FIRST_BYTE_DEADLINE_MS } from "./miss-response.ts";
import { type Answer, fileHeaders, leftAnswer, prepare, storedResponse, text, withoutBody } from "./respond.ts";

export interface MirrorFilesDeps {
  readonly mirrorFileCache: Pick<MirrorFileCache, "lookup">;
  readonly takeTurn: TakeTurn;
  readonly clock: Clock;
  readonly upstreamFor: (request: Request) => MirrorFileRequest["upstream"];
}

const UPSTREAM_FIELDS = ["age", "cache-control", "expires", "date"] as const;

/** Returns what a mirror said of the freshness of a file that is not stored yet. */
function upstreamFields(fields: Headers | undefined): Readonly<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const name of UPSTREAM_FIELDS) {
    const value = fields?.get(name) ?? undefined;
    if (value !== undefined) given[name] = value;
  }
  return given;
}

/** Returns what a cache says of the freshness of a stored file (RFC 9111, section 5). */
function freshnessFields({ cacheControl, expiresAt, dateAt }: StoredMirrorFileResult["metadata"], age: number) {
  return {
    age: String(Math.floor(age / 1000)),
    date: new Date(dateAt).toUTCString(),
    ...(cacheControl === "" ? {} : { "cache-control": cacheControl }),
    ...(expiresAt === null ? {} : { expires: new Date(expiresAt).toUTCString() }),
  };
}

/** @returns answers requests whose path (as normalPath() gives it) is below a mirror's other folders */
export function createMirrorFiles({ mirrorFileCache, takeTurn, clock, upstreamFor }: MirrorFilesDeps): AnswerFile {
  function answerStored(request: Request, found: StoredMirrorFileResult): Answer {
    const { name, stored, metadata, status } = found;
    const age = ageMs(metadata, clock.now());
    const cacheStatus = cacheStatusField(status, true, Math.min(0, lifetimeMs(found) - age));
    const validators = { etag: etagOf(stored.digests.blake2b), lastModifiedAt: stored.file.modifiedAt };
    const headers = prepare(fileHeaders(validators, cacheStatus, freshnessFields(metadata, age)));
    const { response, bytes } = storedResponse(request, stored.file, undefined, headers);
    const source = status.kind === "forwarded" && status.response === "full" ? found.source : "store";
    return { response, file: name, outcome: status, source, sent: { bytes } };
  }

  return async (request, path, client) => {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      const response = text(405, "The files of a mirror are read-only.", { allow: "GET, HEAD" });
      return withoutBody(response, path, { kind: "method-not-allowed" });
    }
    const parsed = parseMirrorPath(path);
    if (parsed === "bad") return withoutBody(text(400, "Invalid file name."), path, { kind: "bad-name" });
    if (parsed === "folder") {
      return withoutBody(text(404, "Folders are not listed: request a file."), path, { kind: "folder" });
    }
    const deadlineAt = performance.now() + FIRST_BYTE_DEADLINE_MS;
    const waiter = { client: clientOf(client), signal: request.signal };
    if (!(await takeTurn(waiter))) return leftAnswer(path);
    const wanted = {
      name: parsed,
      method,
      directives: requestDirectives(request.headers),
      upstream: upstreamFor(request),
      waiter,
    } as const;
    const found = await mirrorFileCache.lookup(wanted, Math.max(0, deadlineAt - performance.now()));
    if (found.kind === "stored") return answerStored(request, found);
    const fields = found.kind === "incoming" ? upstreamFields(found.download.responseFields) : {};
    return await answerMiss(request, parsed, found, fields, deadlineAt, clock);
  };
}
