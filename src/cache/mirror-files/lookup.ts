/**
 * What answers a request for what else than distfiles a mirror has (RFC 9111): from the store while that is fresh; else a mirror
 * is asked whether it has another one; and where none can be asked, from the store all the same, if that is allowed.
 */
import { type CacheStatus, type Forwarded, type ForwardReason, HIT } from "../../distfile/cache-status.ts";
import { type Attempt, NotModifiedError, UnavailableError } from "../../distfile/errors.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { Download } from "../../fetch/download.ts";
import type { Flights } from "../../fetch/flights.ts";
import { headFrom, type UpstreamHead } from "../../fetch/head.ts";
import { within } from "../../lib/deadline.ts";
import { judge, mayBeStale } from "./freshness.ts";
import { preferred } from "./preferred-mirror.ts";
import type { FoundPath, WantedPath } from "./result.ts";
import { type BeginDeps, startMirrorFileDownload } from "./start-download.ts";
import type { KeptFile } from "./stored-files.ts";

/** What came in vain lately. */
export interface Memory {
  get(key: string): readonly Attempt[] | undefined;
  add(key: string, attempts: readonly Attempt[]): void;
}

export interface RevalidatedDeps extends BeginDeps {
  readonly flights: Flights;
  /** Files that no mirror has. */
  readonly absences: Memory;
  /** Files that no mirror could be asked for: those that are here are given at once meanwhile. */
  readonly troubles: Memory;
}

export interface Revalidated {
  /** @param deadlineMs a verdict or a first byte is there within this, or "late" is the answer */
  lookup(wanted: WantedPath, deadlineMs: number): Promise<FoundPath>;
}

/** Who may have an old one waits no longer than this for a mirror to say whether it is. */
const PATIENCE_MS = 10_000;

/** A distfile's key never begins with a slash. */
function keyOf(path: MirrorPath): string {
  return `/${path}`;
}

async function stored(kept: KeptFile, status: CacheStatus, { method, path }: WantedPath, deps: RevalidatedDeps) {
  const blake2b = await deps.kept.blake2bOf(kept);
  if (method === "GET") deps.rows.touch(path, deps.clock.now());
  return { kind: "stored", ...kept, blake2b, status } as const;
}

/** Why no mirror gave it. */
function unfound(attempts: readonly Attempt[]): FoundPath {
  const { absent, timedOut } = new UnavailableError("", attempts);
  return { kind: absent ? "absent" : timedOut ? "timed-out" : "failed", attempts, wantedBy: [], note: "" };
}

async function answerFrom(download: Download, wanted: WantedPath, status: CacheStatus, deps: RevalidatedDeps) {
  const release = download.hold();
  try {
    await download.reached(0);
    const kept = download.stored ? await deps.kept.get(wanted.path) : undefined;
    if (kept) {
      release();
      return await stored(kept, status, wanted, deps);
    }
    return { kind: "incoming", download, status, release } as const;
  } catch (error) {
    release();
    throw error;
  }
}

/** Whether what a mirror says by HEAD is of the very file that is here (RFC 9111, section 4.3.5). */
function isSame({ file, row }: KeptFile, { total, lastModifiedAt }: UpstreamHead): boolean {
  if (row.lastModified === null || lastModifiedAt === undefined) return false;
  return total === file.size && lastModifiedAt === Date.parse(row.lastModified);
}

/** HEAD downloads nothing. */
async function headOf(
  wanted: WantedPath,
  kept: KeptFile | undefined,
  status: CacheStatus,
  deps: RevalidatedDeps,
): Promise<FoundPath | "unchanged"> {
  const { path, upstream } = wanted;
  const askedAt = deps.clock.now();
  const release = await deps.places.acquire();
  try {
    const sources = () => preferred(deps.sources(path), deps.rows.ofStem(stemOf(path)));
    const head = await headFrom(path, undefined, { sources, refusals: [] }, upstream);
    if (!kept || !isSame(kept, head)) return { kind: "head", head, expected: undefined, status };
    deps.kept.freshen(kept, { ...head, askedAt });
    return "unchanged";
  } finally {
    release();
  }
}

async function forward(
  wanted: WantedPath,
  kept: KeptFile | undefined,
  reason: ForwardReason,
  deps: RevalidatedDeps,
): Promise<FoundPath | "unchanged"> {
  const { path, method, upstream } = wanted;
  const status: Forwarded = { kind: "forwarded", reason, collapsed: false, response: "full" };
  // One found on disk has no validators but a date that anybody may have given it, which takes more than a 304.
  const isStray = kept?.row.source === "";
  try {
    if ((method === "HEAD" || isStray) && !deps.flights.join(keyOf(path))) {
      const head = await headOf(wanted, kept, status, deps);
      if (method === "HEAD" || head === "unchanged") return head;
    }
    const known = isStray ? undefined : kept;
    // No await between join and start: that is what makes it one download.
    const joined = deps.flights.join(keyOf(path));
    const download =
      joined ?? deps.flights.start(keyOf(path), () => startMirrorFileDownload(path, known, upstream, deps));
    return await answerFrom(download, wanted, { ...status, collapsed: joined !== undefined }, deps);
  } catch (error) {
    if (error instanceof NotModifiedError) return "unchanged";
    if (!(error instanceof UnavailableError)) throw error;
    return unfound(error.attempts);
  }
}

/** The old one, where no mirror could be asked and it may be used. */
async function orOld(
  wanted: WantedPath,
  kept: KeptFile | undefined,
  found: FoundPath,
  deps: RevalidatedDeps,
): Promise<FoundPath> {
  const { path, directives } = wanted;
  if (found.kind === "absent") {
    if (kept) await deps.kept.remove(path);
    deps.absences.add(path, found.attempts);
    return found;
  }
  if (found.kind !== "failed" && found.kind !== "timed-out") return found;
  deps.troubles.add(path, found.attempts);
  if (!kept) return found;
  // 504 where the file is here and must not be used (RFC 9111, section 5.2.2.2).
  if (!mayBeStale(kept.row) || directives.has("no-cache")) return { ...found, kind: "timed-out" };
  const status: Forwarded = { kind: "forwarded", reason: "stale", collapsed: false, response: "none" };
  return await stored(kept, status, wanted, deps);
}

/** Nobody waits for it any more: what it may hold is not needed. */
function letGo(search: Promise<FoundPath | "unchanged">, { path }: WantedPath, { log }: RevalidatedDeps): void {
  void search.then(
    (missed) => missed !== "unchanged" && missed.kind === "incoming" && missed.release(),
    (error: unknown) => log.error("Cannot answer for {file}: {error}", { file: path, error }),
  );
}

async function ask(
  wanted: WantedPath,
  kept: KeptFile | undefined,
  reason: ForwardReason,
  deps: RevalidatedDeps,
): Promise<FoundPath> {
  const asking = forward(wanted, kept, reason, deps);
  const isPatient = !kept || !mayBeStale(kept.row) || wanted.directives.has("no-cache");
  const found = isPatient ? await asking : await within(deps.clock, PATIENCE_MS, asking);
  if (found === "late") {
    letGo(asking, wanted, deps);
    const none = [{ source: "all mirrors", kind: "timeout", detail: "are slow to answer" }] as const;
    return await orOld(wanted, kept, { kind: "timed-out", attempts: none, wantedBy: [], note: "" }, deps);
  }
  if (found !== "unchanged") return await orOld(wanted, kept, found, deps);
  const current = await deps.kept.get(wanted.path);
  const status: Forwarded = { kind: "forwarded", reason, collapsed: false, response: "not-modified" };
  // Somebody removed it while it was asked for: the next asking finds that there is none.
  return current
    ? await stored(current, status, wanted, deps)
    : { kind: "failed", attempts: [], wantedBy: [], note: "" };
}

async function find(wanted: WantedPath, deps: RevalidatedDeps): Promise<FoundPath> {
  const { path, directives } = wanted;
  const leave = deps.enter(path);
  try {
    const kept = await deps.kept.get(path);
    const verdict = kept && judge(kept.row, directives, deps.clock.now());
    if (kept && verdict === "fresh") return await stored(kept, HIT, wanted, deps);
    if (directives.has("only-if-cached")) return { kind: "not-here" };
    const insists = directives.has("no-cache");
    const absent = kept || insists ? undefined : deps.absences.get(path);
    if (absent) return unfound(absent);
    const inTrouble = verdict === "stale" && !insists && deps.troubles.get(path) !== undefined;
    if (kept && inTrouble && mayBeStale(kept.row)) return await stored(kept, { ...HIT, stale: true }, wanted, deps);
    return await ask(wanted, kept, kept ? (verdict === "asked" ? "request" : "stale") : "uri-miss", deps);
  } finally {
    leave();
  }
}

export function createRevalidated(deps: RevalidatedDeps): Revalidated {
  return {
    async lookup(wanted, deadlineMs) {
      const search = find(wanted, deps);
      const found = await within(deps.clock, deadlineMs, search);
      if (found !== "late") return found;
      letGo(search, wanted, deps);
      return { kind: "late" };
    },
  };
}
