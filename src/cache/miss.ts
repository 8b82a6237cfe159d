/**
 * One content that is not in the store: joined to the download under way, else from a new one; what it failed of is
 * remembered for a while.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { Download } from "../fetch/download.ts";
import type { Flights } from "../fetch/flights.ts";
import { headFrom } from "../fetch/head.ts";
import { incoming } from "./answer.ts";
import type { NegativeCache } from "./negative-cache.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { DistfileRequest, LookupResult } from "./result.ts";
import { type BeginDeps, type FetchTarget, keyOf, startDistfileDownload } from "./start-download.ts";

export interface MissDeps extends BeginDeps {
  readonly flights: Flights;
  readonly negativeCache: NegativeCache;
}

/** Whether a failure is worth remembering: absence, and where another content may do instead also its not being had. */
function isLasting(error: UnavailableError, another: boolean): boolean {
  return error.absent || (another && error.attempts.every(({ kind }) => kind === "absent" || kind === "bad"));
}

export interface FetchTask {
  readonly target: FetchTarget;
  readonly request: DistfileRequest;
  /** An outdated file of that name is in the store. */
  readonly stale: boolean;
  /** Another content may be served instead. */
  readonly another: boolean;
}

/** What brings this content, or why that can't be had: joined to the download under way, else a new one. */
export async function fetchTarget(
  { target, request, stale, another }: FetchTask,
  readAhead: Pick<ReadAhead, "missed" | "served">,
  deps: MissDeps,
): Promise<LookupResult | readonly Attempt[]> {
  const key = keyOf(target);
  const remembered = deps.negativeCache.get(key);
  if (remembered) return remembered;
  // No await between join and start: that is what makes it one download.
  const joined = deps.flights.join(key);
  const reason = stale ? "stale" : "uri-miss";
  const status: CacheStatus = { kind: "forwarded", reason, collapsed: joined !== undefined, response: "full" };
  if (!joined && request.method === "HEAD") return await headOf(target, key, request, status, deps);
  let download: Download;
  try {
    download = joined ?? deps.flights.start(key, () => startDistfileDownload(target, request.upstream, deps));
  } catch (error) {
    deps.log.error("Cannot begin to fetch {file}: {error}", { file: target.name, error });
    return [{ source: "this server", kind: "failed", detail: "cannot take it, its log says why" }];
  }
  joined?.raisePriority();
  try {
    const found = await incoming(download, status);
    if (joined) readAhead.served(target.name);
    else if (target.expected && target.keep) readAhead.missed(target.name, target.expected);
    return found;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (isLasting(error, another)) deps.negativeCache.add(key, error.attempts);
    return error.attempts;
  }
}

async function headOf(
  { name, expected }: FetchTarget,
  key: string,
  { upstream }: DistfileRequest,
  status: CacheStatus,
  deps: MissDeps,
): Promise<LookupResult | readonly Attempt[]> {
  // Random names cost upstream as little by HEAD as by GET.
  const release = expected ? undefined : await deps.unknownDownloads.acquire();
  try {
    const head = await headFrom(name, expected, await deps.findSources(name, expected), upstream);
    return { kind: "head", head, expected, status };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (error.absent) deps.negativeCache.add(key, error.attempts);
    return error.attempts;
  } finally {
    release?.();
  }
}
