/**
 * For how long an answer of a mirror holds (RFC 9111, section 4.2), as pure functions over what was stored of it. Mirrors say
 * little: where they say nothing the name tells most. A file with a date in its path never changes as a rule; anything else
 * (`gentoo-latest.tar.xz`, `latest-stage3.txt`, a binhost's `Packages`) may change any day, and asking costs a 304.
 */
import type { MirrorFileRow } from "../../index/mirror-files.ts";
import { type Directives, parseCacheControl, secondsMs } from "./cache-control.ts";

/** What of a stored answer counts. */
export type Answered = Pick<
  MirrorFileRow,
  "path" | "lastModified" | "cacheControl" | "expiresAt" | "dateAt" | "answeredAt" | "initialAgeMs" | "outdated"
>;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Of the time since the last change (section 4.2.2). */
const HEURISTIC_SHARE = 0.1;
/** `gentoo-20260821.tar.xz`, `20260816T170000Z/…`. */
const DATED = /(?:^|[^0-9])20\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?![0-9])/;
const DATED_MS = { least: 60 * MINUTE_MS, most: 7 * DAY_MS };
/** Many machines ask in the same minute: that is one request to a mirror. */
const UNDATED_MS = { least: 10_000, most: 5 * MINUTE_MS };
/** Of one that tells no time of its last change. */
const UNKNOWN_MS = MINUTE_MS;

/** Whether its name says of which day it is. */
export function isDated(path: string): boolean {
  return DATED.test(path);
}

function heuristicMs({ path, lastModified, dateAt }: Answered): number {
  const { least, most } = isDated(path) ? DATED_MS : UNDATED_MS;
  const modifiedAt = lastModified === null ? Number.NaN : Date.parse(lastModified);
  const share = Number.isNaN(modifiedAt) ? UNKNOWN_MS : HEURISTIC_SHARE * Math.max(0, dateAt - modifiedAt);
  return Math.min(most, Math.max(least, share));
}

/** From the answer on, as a shared cache has to see it. */
export function lifetimeMs(answer: Answered): number {
  const directives = parseCacheControl(answer.cacheControl);
  const told = secondsMs(directives, "s-maxage") ?? secondsMs(directives, "max-age");
  if (told !== undefined) return told;
  return answer.expiresAt === null ? heuristicMs(answer) : Math.max(0, answer.expiresAt - answer.dateAt);
}

/** How old it is now (section 4.2.3). A clock that was set back makes nothing younger. */
export function ageMs({ answeredAt, initialAgeMs }: Answered, now: number): number {
  return initialAgeMs + Math.max(0, now - answeredAt);
}

/** "fresh": to be used. "stale": to be revalidated. "asked": fresh, but the client wants to be sure. */
export type Verdict = "fresh" | "stale" | "asked";

export function judge(answer: Answered, request: Directives, now: number): Verdict {
  const age = ageMs(answer, now);
  const left = answer.outdated ? Number.NEGATIVE_INFINITY : lifetimeMs(answer) - age;
  const mayReuse = !parseCacheControl(answer.cacheControl).has("no-cache") && !answer.outdated;
  if (!mayReuse || left <= 0) return mayReuse && withinMaxStale(answer, request, -left) ? "fresh" : "stale";
  const most = secondsMs(request, "max-age");
  const isTooOld = most !== undefined && age >= most;
  return request.has("no-cache") || isTooOld || left < (secondsMs(request, "min-fresh") ?? 0) ? "asked" : "fresh";
}

/** Whether the client takes one that is stale by so much (section 5.2.1.2). */
function withinMaxStale(answer: Answered, request: Directives, staleMs: number): boolean {
  if (!request.has("max-stale") || request.has("no-cache") || request.has("max-age") || !mayBeStale(answer))
    return false;
  return request.get("max-stale") === "" || staleMs <= (secondsMs(request, "max-stale") ?? 0);
}

/** Whether it may be used when it is stale and no mirror can be asked (section 4.2.4). */
export function mayBeStale({ cacheControl }: Pick<Answered, "cacheControl">): boolean {
  const directives = parseCacheControl(cacheControl);
  // s-maxage implies proxy-revalidate (section 5.2.2.10).
  return !["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].some((name) => directives.has(name));
}
