/**
 * The heart: what answers a request for a distfile. From the store if it is there and right, else joined to the
 * download under way, else from a new one, for at most as long as a client waits for a first byte.
 */
import { type CacheStatus, HIT } from "../distfile/cache-status.ts";
import { contentKey, type Digests } from "../distfile/digests.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy, wantedByText } from "../distfile/wanted-by.ts";
import { within } from "../lib/deadline.ts";
import type { HotFiles } from "../store/memory-cache.ts";
import { fetchTarget, type MissDeps } from "./miss.ts";
import type { KnownFiles } from "./recent-hits.ts";
import type { Found, NotFound, StoredFound, Wanted } from "./result.ts";
import { type FetchTarget, keyOf } from "./start-download.ts";
import type { StoredDistfile, StoredDistfiles } from "./stored-files.ts";

export interface CacheDeps extends MissDeps {
  readonly stored: StoredDistfiles;
  readonly known: KnownFiles;
  readonly hot: HotFiles;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Sees to it that the Manifests known are those on disk now, as far as a client can wait for that. */
  readonly refreshRepositories: (known: boolean) => Promise<void>;
  /** Whether every tree has been read since the start. */
  readonly repositoriesScanned: () => boolean;
  readonly unknown: "mirrors" | "deny";
}

export interface Cache {
  /** A hit on a file that was found right before and has not changed since; at once, as most requests are for such. */
  peek(name: DistfileName, method: Wanted["method"]): StoredFound | undefined;
  /** @param deadlineMs a verdict or a first byte is there within this, or "late" is the answer */
  lookup(wanted: Wanted, deadlineMs: number): Promise<Found>;
}

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
  status: CacheStatus,
  deps: CacheDeps,
): Promise<StoredFound | "stale" | undefined> {
  const { name } = wanted;
  const leave = deps.inUse.enter(name);
  const stored = await deps.stored.find(name, contents).finally(leave);
  if (stored === undefined || stored === "stale") return stored;
  return serveStored(name, wanted.method, stored, status, deps);
}

function serveStored(
  name: DistfileName,
  method: Wanted["method"],
  stored: StoredDistfile,
  status: CacheStatus,
  deps: CacheDeps,
): StoredFound {
  if (method !== "GET") return { kind: "stored", name, stored, status, body: undefined };
  deps.rows.touch(name, deps.clock.now());
  deps.readAhead.served(name);
  return { kind: "stored", name, stored, status, body: deps.hot.use(name, stored.file) };
}

/** What the trees leave to be fetched: each content in turn, or the bare name where no tree knows it. */
function targetsOf(wanted: Wanted, by: readonly WantedBy[], deps: CacheDeps): readonly FetchTarget[] {
  const { name } = wanted;
  const [first] = contentsOf(by);
  const contents = wanted.content ? [wanted.content] : contentsOf(by);
  if (contents.length === 0) return [{ name, expected: undefined, keep: deps.repositoriesScanned() }];
  // By content-hash a client may want another tree's file of this name: it gets that, but the name belongs to the first.
  return contents.map((expected) => ({
    name,
    expected,
    keep: !wanted.content || contentKey(expected) === contentKey(first),
  }));
}

/** The stored file where that has come into question only now. */
async function lookAgain(target: FetchTarget, isFirst: boolean, wanted: Wanted, deps: CacheDeps) {
  const { expected } = target;
  const landed = await deps.flights.waitUntilStored(keyOf(target));
  // The first content is not to be had, so another tree's will do, if it is here already.
  const isOther = !isFirst && expected !== undefined;
  if (!isOther && !landed) return undefined;
  const found = await fromStore(wanted, expected ? [expected] : [], HIT, deps);
  return found === "stale" ? undefined : found;
}

async function fetchAny(wanted: Wanted, by: readonly WantedBy[], stale: boolean, deps: CacheDeps): Promise<Found> {
  if (by.length === 0 && deps.unknown === "deny") {
    return notFound("absent", by, 'No tree knows this file, and [fetcher] unknown is "deny".');
  }
  const attempts: Attempt[] = [];
  const targets = targetsOf(wanted, by, deps);
  for (const target of targets) {
    const here = await lookAgain(target, target === targets[0], wanted, deps);
    if (here) return here;
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
  if (!deps.repositoriesScanned() && deps.wantedBy(wanted.name).length === 0) await deps.refreshRepositories(false);
  const before = await findStored(questions, deps);
  if (before !== undefined && before !== "stale") return before;
  await deps.refreshRepositories(deps.wantedBy(wanted.name).length > 0);
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
