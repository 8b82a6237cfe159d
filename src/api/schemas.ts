/**
 * The answers of /api/v1, as Valibot schemas: what the page and `portcache status` build on, and what the OpenAPI document
 * is made from. Sizes are bytes, instants ISO 8601 in UTC; null stands for what is not known or has no limit.
 */
import * as v from "valibot";
import { RESOLUTIONS } from "./queries.ts";

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const bytes = v.pipe(count, v.description("bytes"));
export const instant = v.pipe(v.string(), v.isoTimestamp());
const ratio = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const milliseconds = v.pipe(v.number(), v.minValue(0), v.description("milliseconds"));

/** RFC 9457. */
export const ProblemSchema = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.pipe(v.string(), v.description("what went wrong and what to do about it")),
});

/** Requests for distfiles, by what came of them. */
const outcomes = {
  requests: v.pipe(count, v.description("all requests for distfiles")),
  hits: v.pipe(count, v.description("answered from the store")),
  misses: v.pipe(count, v.description("fetched for this request")),
  joined: v.pipe(count, v.description("served from a download that another request had begun")),
  absent: v.pipe(count, v.description("404: no source has the file")),
  failed: v.pipe(count, v.description("sources failed, or nothing came in time")),
  refused: v.pipe(count, v.description("wrong requests: bad names, other methods, loops")),
  bytes_sent: v.pipe(count, v.description("bytes of files sent to clients")),
  bytes_saved: v.pipe(count, v.description("bytes sent that were not fetched for it: of hits and of joined downloads")),
  bytes_fetched: v.pipe(count, v.description("bytes that came from mirrors and hosts")),
};

export const TotalsSchema = v.object({
  ...outcomes,
  hit_ratio: v.pipe(v.nullable(ratio), v.description("hits and joined, of all that got a file; null before the first")),
});

export const StatusSchema = v.object({
  version: v.string(),
  now: instant,
  started_at: instant,
  uptime_seconds: v.pipe(v.number(), v.minValue(0)),
  health: v.object({
    state: v.picklist(["ok", "degraded", "unavailable"]),
    reason: v.nullable(v.string()),
  }),
  changes_over_tcp: v.pipe(v.boolean(), v.description("whether [server] admin_token is set")),
  store: v.object({
    location: v.string(),
    files: count,
    bytes,
    max_bytes: v.nullable(bytes),
    free_bytes: v.pipe(bytes, v.description("free on the file system")),
    min_free_bytes: bytes,
  }),
  since_start: TotalsSchema,
  all_time: TotalsSchema,
  in_flight: v.pipe(count, v.description("requests whose answer has not ended")),
  downloads: v.object({ active: count, waiting: v.pipe(count, v.description("for a place of max_downloads")) }),
  read_ahead: v.object({ fetched: count, used: count }),
  repositories: v.object({ trees: count, packages: count, distfiles: count, scanned: v.boolean() }),
  mirrors: v.object({ configured: count, out_of_order: count }),
});

export const TriedSourceSchema = v.object({
  source: v.pipe(v.string(), v.description("a mirror's URL or a URI of SRC_URI, without credentials")),
  asked_at: instant,
  first_byte_ms: v.nullable(milliseconds),
  bytes,
  duration_ms: v.pipe(milliseconds, v.description("so far, while `outcome` is null")),
  outcome: v.nullable(v.picklist(["delivered", "absent", "failed", "unreachable", "late", "cancelled"])),
});

export const DownloadSchema = v.object({
  file: v.string(),
  state: v.picklist(["resolving", "waiting", "fetching"]),
  size: v.nullable(bytes),
  bytes: v.pipe(count, v.description("here so far, from the start without a gap")),
  bytes_per_second: v.pipe(v.number(), v.minValue(0), v.description("lately")),
  started_at: instant,
  eta_seconds: v.nullable(v.pipe(v.number(), v.minValue(0))),
  clients: v.pipe(count, v.description("that read along")),
  sources: v.pipe(v.array(TriedSourceSchema), v.description("the latest six asked, the latest last")),
});

export const DownloadsSchema = v.object({
  at: instant,
  total: v.pipe(count, v.description("under way")),
  downloads: v.pipe(v.array(DownloadSchema), v.description("a hundred at most, those that wait for a place last")),
});

export const FailureSchema = v.object({
  file: v.string(),
  kind: v.picklist(["absent", "failed", "timed-out", "late", "broken-off"]),
  reason: v.pipe(v.string(), v.description("in words: who was asked, what they said, which package wants the file")),
  count: v.pipe(count, v.description("how often in a row")),
  first_at: instant,
  last_at: instant,
});

export const MirrorSchema = v.object({
  place: v.pipe(v.string(), v.description("a mirror's URL, or the origin of a host of SRC_URI, without credentials")),
  kind: v.picklist(["mirror", "host"]),
  bytes_per_second: v.nullable(v.number()),
  first_byte_ms: v.object({ p50: v.nullable(milliseconds), p95: v.nullable(milliseconds) }),
  success_rate: v.pipe(v.nullable(ratio), v.description("having no such file is an answer like any other")),
  requests: v.pipe(
    v.object({ delivered: v.number(), absent: v.number(), failed: v.number() }),
    v.description("counts in which older requests weigh less"),
  ),
  circuit: v.picklist(["closed", "open", "half-open"]),
  open_until: v.nullable(instant),
  transfers: v.pipe(v.nullable(count), v.description("requests under way")),
  last_asked: v.nullable(instant),
});

export const MirrorsSchema = v.object({ mirrors: v.array(MirrorSchema) });

export const RepositoriesSchema = v.object({
  repositories: v.array(
    v.object({
      name: v.string(),
      location: v.string(),
      packages: count,
      distfiles: count,
      scanned_at: v.nullable(instant),
      took_ms: milliseconds,
      unreadable: v.pipe(count, v.description("Manifests and folders that the last scan could not read")),
      skipped: v.pipe(count, v.description("DIST lines that can't be used")),
      problem: v.nullable(v.string()),
    }),
  ),
  pending: v.pipe(v.array(v.string()), v.description("URLs of trees that have not been cloned yet")),
  problems: v.array(v.string()),
});

export const HistorySchema = v.object({
  resolution: v.picklist(RESOLUTIONS),
  points: v.pipe(
    v.array(v.object({ at: v.pipe(instant, v.description("begin of the bucket")), ...outcomes })),
    v.description("oldest first, without gaps, up to the bucket of now"),
  ),
});

export const ClientsSchema = v.object({
  recorded: v.pipe(v.boolean(), v.description("[server] client_statistics")),
  clients: v.array(
    v.object({
      address: v.string(),
      requests: count,
      hits: count,
      bytes,
      first_seen: instant,
      last_seen: instant,
    }),
  ),
});

export const FailuresSchema = v.object({ failures: v.array(FailureSchema) });

export const CleanupSchema = v.object({
  files: v.pipe(count, v.description("that would go now")),
  bytes,
  next: v.pipe(
    v.array(v.object({ name: v.string(), size: bytes, reason: v.picklist(["orphan", "age", "space"]) })),
    v.description("the first of them, in the order in which they would go"),
  ),
});

export type Problem = v.InferOutput<typeof ProblemSchema>;
export type Totals = v.InferOutput<typeof TotalsSchema>;
export type Status = v.InferOutput<typeof StatusSchema>;
export type TriedSource = v.InferOutput<typeof TriedSourceSchema>;
export type DownloadState = v.InferOutput<typeof DownloadSchema>;
export type Downloads = v.InferOutput<typeof DownloadsSchema>;
export type Failure = v.InferOutput<typeof FailureSchema>;
export type Mirrors = v.InferOutput<typeof MirrorsSchema>;
export type Repositories = v.InferOutput<typeof RepositoriesSchema>;
export type History = v.InferOutput<typeof HistorySchema>;
export type Clients = v.InferOutput<typeof ClientsSchema>;
export type Failures = v.InferOutput<typeof FailuresSchema>;
export type Cleanup = v.InferOutput<typeof CleanupSchema>;
