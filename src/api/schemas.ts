/**
 * Describes the responses of GET /api/v1 as Valibot schemas, from which the OpenAPI document and the types of the dashboard and
 * of `portcache status` are derived. Sizes are in bytes, timestamps ISO 8601 in UTC; null means unknown or unlimited.
 */
import * as v from "valibot";
import { ATTEMPT_KINDS } from "../distfile/failed-sources.ts";
import { FILE_KINDS } from "../distfile/file-kind.ts";
import { RESOLUTIONS } from "../distfile/reporting.ts";
import { FAILURE_KINDS } from "../distfile/response-outcome.ts";

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const bytes = v.pipe(count, v.description("bytes"));
export const instant = v.pipe(v.string(), v.isoTimestamp());
const ratio = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const milliseconds = v.pipe(v.number(), v.minValue(0), v.description("milliseconds"));

/** Problem details (RFC 9457). */
export const ProblemSchema = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.pipe(v.string(), v.description("what went wrong and how to fix it")),
});

/** Requests for files, by outcome, and what was sent for them. */
const sentCounts = {
  requests: v.pipe(count, v.description("all requests for files")),
  hits: v.pipe(count, v.description("GET served from the store")),
  misses: v.pipe(count, v.description("fetched for this request")),
  joined: v.pipe(count, v.description("served from a download that another request had started")),
  absent: v.pipe(count, v.description("404: no source has the file")),
  failed: v.pipe(count, v.description("every source failed or timed out")),
  refused: v.pipe(count, v.description("invalid requests: malformed names, other methods, loops")),
  bytes_sent: v.pipe(count, v.description("bytes of files sent to clients")),
  bytes_saved: v.pipe(count, v.description("bytes sent without another download: hits and joined downloads")),
};

const requestCounts = {
  ...sentCounts,
  bytes_fetched: v.pipe(count, v.description("bytes downloaded from mirrors and SRC_URI hosts")),
};

const hitRatio = v.pipe(
  v.nullable(ratio),
  v.description("share of hits and joined among requests that received a file; null before the first"),
);

export const TotalsSchema = v.object({ ...requestCounts, hit_ratio: hitRatio });

export const KindTotalsSchema = v.object({
  kind: v.pipe(
    v.picklist(FILE_KINDS),
    v.description("binary-packages: a binhost's packages and index; others: stages and everything else on a mirror"),
  ),
  files: v.pipe(count, v.description("files in the store")),
  bytes: v.pipe(bytes, v.description("bytes in the store")),
  ...sentCounts,
  hit_ratio: hitRatio,
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
    free_bytes: v.pipe(bytes, v.description("free space of the file system")),
    min_free_bytes: bytes,
    free_inodes: v.pipe(v.nullable(count), v.description("null: the file system makes them as it needs them")),
    min_free_inodes: count,
  }),
  since_start: TotalsSchema,
  all_time: TotalsSchema,
  kinds: v.pipe(v.array(KindTotalsSchema), v.description("of all time, by kind of file")),
  in_flight: v.pipe(count, v.description("requests being answered")),
  downloads: v.object({ active: count, waiting: v.pipe(count, v.description("for a download slot (max_downloads)")) }),
  max_rate: v.object({
    bytes_per_second: v.pipe(v.nullable(bytes), v.description("[fetcher] max_rate; null: no limit")),
    hours: v.pipe(v.nullable(v.string()), v.description("[fetcher] max_rate_hours; null: always")),
    in_force: v.pipe(v.boolean(), v.description("whether it limits downloads now")),
  }),
  read_ahead: v.object({ fetched: count, used: count }),
  repositories: v.object({
    total: count,
    packages: count,
    distfiles: count,
    scanned: v.boolean(),
    synced_bytes: v.pipe(bytes, v.description("size of those synced from URLs")),
  }),
  mirrors: v.object({ configured: count, down: v.pipe(count, v.description("unavailable, or asked to wait")) }),
});

export const UpstreamRequestSchema = v.object({
  source: v.pipe(v.string(), v.description("a mirror's URL or a URI from SRC_URI, without credentials")),
  started_at: instant,
  first_byte_ms: v.nullable(milliseconds),
  bytes,
  duration_ms: v.pipe(milliseconds, v.description("up to now while `outcome` is null")),
  outcome: v.nullable(
    v.picklist(["delivered", "absent", "different", "corrupt", "failed", "unreachable", "late", "cancelled"]),
  ),
});

export const DownloadSchema = v.object({
  file: v.string(),
  state: v.picklist(["resolving", "waiting", "fetching"]),
  size: v.nullable(bytes),
  bytes: v.pipe(count, v.description("received from the start of the file without a gap")),
  bytes_per_second: v.pipe(v.number(), v.minValue(0), v.description("current speed")),
  started_at: instant,
  eta_seconds: v.nullable(v.pipe(v.number(), v.minValue(0))),
  clients: v.pipe(count, v.description("clients receiving the file")),
  upstream_requests: v.pipe(v.array(UpstreamRequestSchema), v.description("the latest six, newest last")),
});

export const DownloadsSchema = v.object({
  at: instant,
  total: v.pipe(count, v.description("active downloads")),
  downloads: v.pipe(v.array(DownloadSchema), v.description("at most 100, those waiting for a download slot last")),
});

export const FailureSchema = v.object({
  file: v.string(),
  kind: v.picklist(FAILURE_KINDS),
  reason: v.pipe(v.string(), v.description("each source with its error, and the packages that list the file")),
  sources: v.pipe(
    v.array(
      v.object({
        kind: v.pipe(
          v.picklist(ATTEMPT_KINDS),
          v.description("corrupt: the whole file came and its digests are wrong; bad: another file or a message came"),
        ),
        count,
        sources: v.pipe(v.array(v.string()), v.description("the first of them")),
      }),
    ),
    v.description("sources that were asked, by how they failed, wrong bytes first"),
  ),
  count: v.pipe(count, v.description("failures of this kind")),
  first_at: instant,
  last_at: instant,
});

export const MirrorSchema = v.object({
  url: v.pipe(v.string(), v.description("a mirror's URL or the origin of a SRC_URI host, without credentials")),
  kind: v.picklist(["mirror", "host"]),
  bytes_per_second: v.nullable(v.number()),
  first_byte_ms: v.object({ p50: v.nullable(milliseconds), p95: v.nullable(milliseconds) }),
  success_rate: v.pipe(v.nullable(ratio), v.description("a 404 counts as success")),
  requests: v.pipe(
    v.object({ delivered: v.number(), absent: v.number(), failed: v.number() }),
    v.description("exponentially decayed counts"),
  ),
  circuit: v.picklist(["closed", "open", "half-open", "waiting"]),
  open_until: v.nullable(instant),
  transfers: v.pipe(v.nullable(count), v.description("requests in progress; null if no server is running")),
  last_request_at: v.nullable(instant),
});

export const MirrorsSchema = v.object({ mirrors: v.array(MirrorSchema) });

export const RepositoriesSchema = v.object({
  repositories: v.array(
    v.object({
      name: v.string(),
      location: v.string(),
      bytes: v.pipe(v.nullable(bytes), v.description("size; null if it is not synced from a URL")),
      packages: count,
      distfiles: count,
      scanned_at: v.nullable(instant),
      duration_ms: milliseconds,
      unreadable: v.pipe(count, v.description("Manifests and folders that the last scan could not read")),
      skipped: v.pipe(count, v.description("invalid DIST lines")),
      problem: v.nullable(v.string()),
    }),
  ),
  pending: v.pipe(v.array(v.string()), v.description("URLs of repositories not cloned yet")),
  problems: v.array(v.string()),
});

export const HistorySchema = v.object({
  resolution: v.picklist(RESOLUTIONS),
  points: v.pipe(
    v.array(v.object({ at: v.pipe(instant, v.description("start of the bucket")), ...requestCounts })),
    v.description("oldest first, without gaps, up to the current bucket"),
  ),
});

export const FailuresSchema = v.object({ failures: v.array(FailureSchema) });

export const CleanupSchema = v.object({
  files: v.pipe(count, v.description("files that a clean-up would remove now")),
  bytes,
  next: v.pipe(
    v.array(v.object({ name: v.string(), size: bytes, reason: v.picklist(["orphan", "age", "space"]) })),
    v.description("the first files to be removed, in order"),
  ),
});

export type Problem = v.InferOutput<typeof ProblemSchema>;
export type KindTotals = v.InferOutput<typeof KindTotalsSchema>;
export type Totals = v.InferOutput<typeof TotalsSchema>;
export type Status = v.InferOutput<typeof StatusSchema>;
export type UpstreamRequestReport = v.InferOutput<typeof UpstreamRequestSchema>;
export type DownloadState = v.InferOutput<typeof DownloadSchema>;
export type DownloadsResponse = v.InferOutput<typeof DownloadsSchema>;
export type Failure = v.InferOutput<typeof FailureSchema>;
export type MirrorsResponse = v.InferOutput<typeof MirrorsSchema>;
export type Mirror = v.InferOutput<typeof MirrorSchema>;
export type RepositoriesResponse = v.InferOutput<typeof RepositoriesSchema>;
export type HistoryResponse = v.InferOutput<typeof HistorySchema>;
export type FailuresResponse = v.InferOutput<typeof FailuresSchema>;
export type CleanupResponse = v.InferOutput<typeof CleanupSchema>;
