/**
 * The heart: what answers a request for a distfile. From the store if it is there and right, else joined to the
 * download under way, else from a new one, for at most as long as a client waits for a first byte.
 */
import { contentKey, type Digests } from "../distfile/digests.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Download } from "../fetch/download.ts";
import type { Flights } from "../fetch/flights.ts";
import { headFrom } from "../fetch/head.ts";
import { within } from "../lib/deadline.ts";
import type { HotFiles } from "../store/hot.ts";
import type { Absences } from "./absences.ts";
import { type BeginDeps, beginDownload, keyOf, type Target } from "./begin.ts";
import type { Found, NotFound, Origin, StoredFound, Wanted } from "./found.ts";
import type { KnownFiles } from "./known.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { StoredDistfile, StoredDistfiles } from "./stored.ts";
import { contentsOf, type WantedBy, wantedByText } from "./wanted.ts";

export interface CacheDeps extends BeginDeps {
  readonly stored: StoredDistfiles;
  readonly known: KnownFiles;
  readonly hot: HotFiles;
  readonly flights: Flights;
  readonly absences: Absences;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Sees to it that the Manifests known are those on disk now, as far as a client can wait for that. */
  readonly settleTrees: (known: boolean) => Promise<void>;
  /** Whether every tree has been read since the start. */
  readonly treesScanned: () => boolean;
  readonly unknown: "mirrors" | "deny";
  readonly readAhead: Pick<ReadAhead, "missed" | "served">;
}

export interface Cache {
  /** A hit on a file that was found right before and has not changed since; at once, as most requests are for such. */
  peek(name: DistfileName, method: Wanted["method"]): StoredFound | undefined;
  /** @param deadlineMs a verdict or a first byte is there within this, or "late" is the answer */
  lookup(wanted: Wanted, deadlineMs: number): Promise<Found>;
}

const HIT: Origin = { kind: "hit", stale: false, url: "" };

function notFound(
  kind: NotFound["kind"],
  by: readonly WantedBy[],
  note: string,
  attempts: readonly Attempt[] = [],
): NotFound {
  return { kind, attempts, wantedBy: wantedByText(by), note };
}

async function fromStore(
  wanted: Wanted,
  contents: readonly Digests[],
  origin: Origin,
  deps: CacheDeps,
): Promise<StoredFound | "stale" | undefined> {
  const { name } = wanted;
  const leave = deps.inUse.enter(name);
  const stored = await deps.stored.find(name, contents).finally(leave);
  if (stored === undefined || stored === "stale") return stored;
  return serveStored(name, wanted.method, stored, origin, deps);
}

function serveStored(
  name: DistfileName,
  method: Wanted["method"],
  stored: StoredDistfile,
  origin: Origin,
  deps: CacheDeps,
): StoredFound {
  if (method !== "GET") return { kind: "stored", name, stored, origin, body: undefined };
  deps.rows.touch(name, deps.clock.now());
  deps.readAhead.served(name);
  return { kind: "stored", name, stored, origin, body: deps.hot.use(name, stored.file) };
}

/** What the trees leave to be fetched: each content in turn, or the bare name where no tree knows it. */
function targetsOf(wanted: Wanted, by: readonly WantedBy[], deps: CacheDeps): readonly Target[] {
  const { name } = wanted;
  const [first] = contentsOf(by);
  const contents = wanted.content ? [wanted.content] : contentsOf(by);
  if (contents.length === 0) return [{ name, expected: undefined, keep: deps.treesScanned() }];
  // By content-hash a client may want another tree's file of this name: it gets that, but the name belongs to the first.
  return contents.map((expected) => ({
    name,
    expected,
    keep: !wanted.content || contentKey(expected) === contentKey(first),
  }));
}

async function answerFrom(download: Download, wanted: Wanted, origin: Origin, deps: CacheDeps): Promise<Found> {
  const release = download.hold();
  try {
    await download.reached(0);
    if (download.stored) {
      const contents = download.expected ? [download.expected] : [];
      const found = await fromStore(wanted, contents, { ...origin, url: download.url }, deps);
      if (found !== undefined && found !== "stale") {
        release();
        return found;
      }
    }
    return { kind: "incoming", name: wanted.name, download, origin, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Whether a failure is worth remembering: absence, and where another content may do instead also its not being had. */
function isLasting(error: UnavailableError, another: boolean): boolean {
  return error.absent || (another && error.attempts.every(({ kind }) => kind === "absent" || kind === "bad"));
}

interface Task {
  readonly target: Target;
  readonly wanted: Wanted;
  /** An outdated file of that name is in the store. */
  readonly stale: boolean;
  /** Another content may be served instead. */
  readonly another: boolean;
}

async function fetchTarget(
  { target, wanted, stale, another }: Task,
  deps: CacheDeps,
): Promise<Found | readonly Attempt[]> {
  const key = keyOf(target);
  const remembered = deps.absences.get(key);
  if (remembered) return remembered;
  // No await between join and start: that is what makes it one download.
  const joined = deps.flights.join(key);
  if (!joined && wanted.method === "HEAD") return await headOf(target, key, wanted, deps);
  let download: Download;
  try {
    download = joined ?? deps.flights.start(key, () => beginDownload(target, wanted.loopHeaders, deps));
  } catch (error) {
    deps.log.error("Cannot begin to fetch {file}: {error}", { file: target.name, error });
    return [{ source: "this server", kind: "failed", detail: "cannot take it, its log says why" }];
  }
  joined?.urge();
  try {
    const found = await answerFrom(download, wanted, { kind: joined ? "joined" : "fetched", stale, url: "" }, deps);
    if (joined) deps.readAhead.served(target.name);
    else if (target.expected && target.keep) deps.readAhead.missed(target.name, target.expected);
    return found;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (isLasting(error, another)) deps.absences.add(key, error.attempts);
    return error.attempts;
  }
}

async function headOf(
  { name, expected }: Target,
  key: string,
  { loopHeaders }: Wanted,
  deps: CacheDeps,
): Promise<Found | readonly Attempt[]> {
  // Random names cost upstream as little by HEAD as by GET.
  const release = expected ? undefined : await deps.unknownDownloads.acquire();
  try {
    const head = await headFrom(name, expected, await deps.offer(name, expected), loopHeaders, deps.settings);
    return { kind: "head", name, head, expected };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (error.absent) deps.absences.add(key, error.attempts);
    return error.attempts;
  } finally {
    release?.();
  }
}

async function fetchAny(wanted: Wanted, by: readonly WantedBy[], stale: boolean, deps: CacheDeps): Promise<Found> {
  if (by.length === 0 && deps.unknown === "deny") {
    return notFound("absent", by, 'No tree knows this file, and [fetcher] unknown is "deny".');
  }
  const attempts: Attempt[] = [];
  const targets = targetsOf(wanted, by, deps);
  for (const target of targets) {
    // The first content is not to be had, so another tree's will do, if it is here already.
    const other =
      target === targets[0] || !target.expected ? undefined : await fromStore(wanted, [target.expected], HIT, deps);
    if (other !== undefined && other !== "stale") return other;
    const outcome = await fetchTarget({ target, wanted, stale, another: targets.length > 1 }, deps);
    if ("kind" in outcome) return outcome;
    attempts.push(...outcome);
  }
  const { absent, timedOut } = new UnavailableError("", attempts);
  const note = by.length === 0 ? "No tree knows this file." : "";
  return notFound(absent ? "absent" : timedOut ? "timed-out" : "failed", by, note, attempts);
}

/** The file under whichever of its names it is stored; "stale" where only an outdated one is. */
async function findStored(questions: readonly Wanted[], deps: CacheDeps): Promise<Found | "stale" | undefined> {
  let stale: "stale" | undefined;
  for (const wanted of questions) {
    // By name the first tree's content counts.
    const contents = wanted.content ? [wanted.content] : contentsOf(deps.wantedBy(wanted.name)).slice(0, 1);
    const { revision } = deps.known;
    const found = await fromStore(wanted, contents, HIT, deps);
    if (found === "stale") stale = found;
    else if (found) {
      if (!wanted.content) deps.known.put(wanted.name, found.stored, revision);
      return found;
    }
  }
  return stale;
}

async function find(wanted: Wanted, deps: CacheDeps): Promise<Found> {
  const questions = [wanted.name, ...wanted.aliases].map((name) => ({ ...wanted, name }));
  // Without the index all that is known of a stored file is that it is there.
  if (!deps.treesScanned() && deps.wantedBy(wanted.name).length === 0) await deps.settleTrees(false);
  const before = await findStored(questions, deps);
  if (before !== undefined && before !== "stale") return before;
  await deps.settleTrees(deps.wantedBy(wanted.name).length > 0);
  // The trees may have changed meanwhile, and somebody else may have brought the file.
  const after = await findStored(questions, deps);
  if (after !== undefined && after !== "stale") return after;
  let found: Found = { kind: "late" };
  for (const question of questions) {
    found = await fetchAny(question, deps.wantedBy(question.name), after === "stale", deps);
    if (found.kind !== "absent") break;
  }
  return found;
}

export function createCache(deps: CacheDeps): Cache {
  return {
    peek(name, method) {
      deps.inUse.note(name);
      const stored = deps.known.get(name, deps.hot.holds(name));
      return stored && serveStored(name, method, stored, HIT, deps);
    },
    async lookup(wanted, deadlineMs) {
      const search = find(wanted, deps);
      const found = await within(deps.clock, deadlineMs, search);
      if (found !== "late") return found;
      // What it may hold has to be let go.
      void search.then(
        (missed) => missed.kind === "incoming" && missed.release(),
        (error: unknown) => deps.log.error("Cannot answer for {file}: {error}", { file: wanted.name, error }),
      );
      return { kind: "late" };
    },
  };
}
