/**
 * Brings the index up to date with one repository: lists its categories and packages, looks at each Manifest, and
 * reads again only those whose size or times differ. What cannot be read stays as it was. The work goes in steps that
 * leave the event loop free: waiting for the disk is asynchronous, writing is cut into small transactions.
 */
import type { DistEntry } from "../distfile/digests.ts";
import { listFolders, lookAtManifest } from "./look.ts";
import { parseManifest } from "./manifest.ts";

/** A package's Manifest as read. */
export interface ScannedPackage {
  readonly category: string;
  readonly package: string;
  readonly stamp: string;
  readonly entries: readonly DistEntry[];
}

/** A package's Manifest as the index knows it. */
export interface KnownPackage {
  readonly stamp: string;
  readonly distfiles: number;
}

/** What is remembered of repositories, by package. */
export interface PackageRows {
  categories(repositoryId: number): readonly string[];
  packages(repositoryId: number, category: string): ReadonlyMap<string, KnownPackage>;
  /** In one transaction; returns how many want other content than before. */
  replace(repositoryId: number, packages: readonly ScannedPackage[]): number;
  remove(repositoryId: number, category: string, packages: readonly string[]): void;
}

/** A file or folder that could not be read; `reason` is a sentence part. */
export interface UnreadablePath {
  readonly path: string;
  readonly reason: string;
}

export interface ScanReport {
  /** Packages with a Manifest, and DIST entries in them, after the scan. */
  readonly packages: number;
  readonly distfiles: number;
  /** Manifests new or touched, so read. */
  readonly read: number;
  /** Those of them that want other content than before. */
  readonly changed: number;
  /** Manifests gone. */
  readonly removed: number;
  /** DIST lines that cannot be used, in the Manifests read. */
  readonly skipped: number;
  /** The first of these, as `path:line: text`. */
  readonly firstSkipped?: string;
  /** Manifests and folders that could not be read; what was known of them is kept. */
  readonly unreadable: readonly UnreadablePath[];
  /** Why the whole repository is kept as it was; sentence part. */
  readonly problem?: string;
}

export interface ScanOptions {
  readonly repositoryId: number;
  readonly location: string;
  readonly rows: PackageRows;
  /** Reads every Manifest, whatever its stamp says. */
  readonly full: boolean;
  /** Ends the scan between two steps. */
  readonly signal: AbortSignal;
}

/** Folders of a repository that are no categories; the last three lie in old or odd trees. */
const NO_CATEGORIES = new Set(
  "eclass files licenses metadata profiles scripts distfiles packages lost+found".split(" "),
);
/** Manifests looked at and read at once. */
const AT_ONCE = 32;
/** Rows written before others get their turn: some 2 ms. */
const ROWS_PER_STEP = 200;

interface Tally {
  packages: number;
  distfiles: number;
  read: number;
  changed: number;
  removed: number;
  skipped: number;
  firstSkipped?: string;
  readonly unreadable: UnreadablePath[];
}

/** What one scan hands from step to step. */
interface Pass extends ScanOptions {
  readonly tally: Tally;
  /** Read and not yet written. */
  readonly pending: ScannedPackage[];
}

function count(tally: Tally, distfiles: number | undefined): void {
  if (distfiles === undefined) return;
  tally.packages++;
  tally.distfiles += distfiles;
}

/** Lets everything else that waits have its turn. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Writes what is pending, but leaves less than one step for later unless it is the last time. */
async function write({ rows, repositoryId, signal, tally, pending }: Pass, last: boolean): Promise<void> {
  let from = 0;
  let size = 0;
  for (let to = 0; to < pending.length; to++) {
    size += 1 + (pending[to]?.entries.length ?? 0);
    if (size < ROWS_PER_STEP && !(last && to === pending.length - 1)) continue;
    tally.changed += rows.replace(repositoryId, pending.slice(from, to + 1));
    from = to + 1;
    size = 0;
    await giveWay();
    signal.throwIfAborted();
  }
  pending.splice(0, from);
}

/** Returns those of the names that have no Manifest (any more). */
async function scanPackages(
  category: string,
  names: readonly string[],
  known: ReadonlyMap<string, KnownPackage>,
  pass: Pass,
): Promise<readonly string[]> {
  const { tally } = pass;
  const absent: string[] = [];
  const looks = names.map(async (name) => {
    const path = `${pass.location}/${category}/${name}/Manifest`;
    const before = known.get(name);
    const found = await lookAtManifest(path, pass.full ? undefined : before?.stamp);
    if (found.kind === "absent") {
      absent.push(name);
    } else if (found.kind === "text") {
      const { entries, skipped } = parseManifest(found.text);
      const [first] = skipped;
      if (first) tally.firstSkipped ??= `${path}:${first.line}: ${first.text.slice(0, 200)}`;
      tally.skipped += skipped.length;
      count(tally, entries.length);
      tally.read++;
      pass.pending.push({ category, package: name, stamp: found.stamp, entries });
    } else {
      count(tally, before?.distfiles);
      if (found.kind === "unreadable") tally.unreadable.push({ path, reason: found.reason });
    }
  });
  await Promise.all(looks);
  await write(pass, false);
  return absent;
}

async function scanCategory(category: string, pass: Pass): Promise<void> {
  const { repositoryId, location, rows, signal, tally } = pass;
  const known = rows.packages(repositoryId, category);
  const path = `${location}/${category}`;
  const listing = await listFolders(path);
  if (listing.kind === "unreadable") {
    for (const { distfiles } of known.values()) count(tally, distfiles);
    tally.unreadable.push({ path, reason: listing.reason });
    return;
  }
  const names = listing.kind === "listing" ? listing.folders : [];
  const gone = new Set(known.keys()).difference(new Set(names));
  for (let from = 0; from < names.length; from += AT_ONCE) {
    const absent = await scanPackages(category, names.slice(from, from + AT_ONCE), known, pass);
    for (const name of absent) if (known.has(name)) gone.add(name);
    signal.throwIfAborted();
  }
  tally.removed += gone.size;
  if (gone.size > 0) rows.remove(repositoryId, category, [...gone]);
}

/** Why the listing of the repository's own folder is not to be believed. */
function problemOf(listing: Awaited<ReturnType<typeof listFolders>>, hadPackages: boolean): string | undefined {
  if (listing.kind === "absent") return "is not there";
  if (listing.kind === "unreadable") return `cannot be read: ${listing.reason}`;
  return listing.empty && hadPackages ? "lies empty, but had packages" : undefined;
}

/**
 * One pass over the repository. One that is not there, or lies empty where it had packages (not mounted, or being
 * synced), is kept as it was, and the report says so.
 * @throws {unknown} the signal's reason; what `rows` throws (database errors). What was written until then holds.
 */
export async function scanRepository(options: ScanOptions): Promise<ScanReport> {
  const { repositoryId, location, rows, signal } = options;
  const tally: Tally = { packages: 0, distfiles: 0, read: 0, changed: 0, removed: 0, skipped: 0, unreadable: [] };
  signal.throwIfAborted();
  const listing = await listFolders(location);
  const knownCategories = rows.categories(repositoryId);
  const problem = problemOf(listing, knownCategories.length > 0);
  if (problem !== undefined || listing.kind !== "listing") {
    for (const category of knownCategories) {
      for (const { distfiles } of rows.packages(repositoryId, category).values()) count(tally, distfiles);
    }
    return problem === undefined ? tally : { ...tally, problem };
  }
  const listed = listing.folders.filter((name) => !NO_CATEGORIES.has(name));
  const pass: Pass = { ...options, tally, pending: [] };
  for (const category of new Set([...listed, ...knownCategories])) await scanCategory(category, pass);
  await write(pass, true);
  return tally;
}
