/**
 * Brings the index up to date with one repository: lists its categories and packages, looks at each Manifest, and
 * reads again only those whose size or times differ. What cannot be read stays as it was. The work goes in short steps: a
 * thread takes them one after the other, and where there is none others get their turn in between.
 */
import type { DistEntry } from "../distfile/digests.ts";
import { parseManifest } from "./formats/manifest.ts";
import { listFolders, readManifest } from "./read-folder.ts";

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
  /** What it cost, where that is not the time until it was done. */
  readonly tookMs?: number;
}

/** Which repository to scan, and how. */
export interface ScanRequest {
  readonly repositoryId: number;
  readonly location: string;
  /** Reads every Manifest, whatever its stamp says. */
  readonly full: boolean;
}

export interface ScanOptions extends ScanRequest {
  readonly rows: PackageRows;
}

/** Folders of a repository that are no categories; the last three lie in old or odd trees. */
const NO_CATEGORIES = new Set(
  "eclass files licenses metadata profiles scripts distfiles packages lost+found".split(" "),
);
/** Rows written in one step: some 2 ms. */
const ROWS_PER_STEP = 200;
/** How long steps are taken before others get their turn. */
const TURN_MS = 2;

/** Between two of them what was written holds together, and the scan may end. */
type Steps<T> = Generator<undefined, T, undefined>;

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
  pending: ScannedPackage[];
  pendingRows: number;
}

function count(tally: Tally, distfiles: number | undefined): void {
  if (distfiles === undefined) return;
  tally.packages++;
  tally.distfiles += distfiles;
}

function write(pass: Pass): void {
  const { rows, repositoryId, tally, pending } = pass;
  if (pending.length === 0) return;
  pass.pending = [];
  pass.pendingRows = 0;
  tally.changed += rows.replace(repositoryId, pending);
}

/** Whether the package has a Manifest. */
function scanPackage(category: string, name: string, before: KnownPackage | undefined, pass: Pass): boolean {
  const { tally } = pass;
  const path = `${pass.location}/${category}/${name}/Manifest`;
  const found = readManifest(path, pass.full ? undefined : before?.stamp);
  if (found.kind === "absent") return false;
  if (found.kind !== "text") {
    count(tally, before?.distfiles);
    if (found.kind === "unreadable") tally.unreadable.push({ path, reason: found.reason });
    return true;
  }
  const { entries, skipped } = parseManifest(found.text);
  const [first] = skipped;
  if (first) tally.firstSkipped ??= `${path}:${first.line}: ${first.text.slice(0, 200)}`;
  tally.skipped += skipped.length;
  count(tally, entries.length);
  tally.read++;
  pass.pending.push({ category, package: name, stamp: found.stamp, entries });
  pass.pendingRows += 1 + entries.length;
  return true;
}

function* scanCategory(category: string, pass: Pass): Steps<void> {
  const { repositoryId, location, rows, tally } = pass;
  const known = rows.packages(repositoryId, category);
  const path = `${location}/${category}`;
  const listing = listFolders(path);
  if (listing.kind === "unreadable") {
    for (const { distfiles } of known.values()) count(tally, distfiles);
    tally.unreadable.push({ path, reason: listing.reason });
    return;
  }
  const gone = new Set(known.keys());
  for (const name of listing.kind === "listing" ? listing.folders : []) {
    if (scanPackage(category, name, known.get(name), pass)) gone.delete(name);
    if (pass.pendingRows >= ROWS_PER_STEP) write(pass);
    yield;
  }
  tally.removed += gone.size;
  if (gone.size > 0) rows.remove(repositoryId, category, [...gone]);
}

/** Why the listing of the repository's own folder is not to be believed. */
function problemOf(listing: ReturnType<typeof listFolders>, hadPackages: boolean): string | undefined {
  if (listing.kind === "absent") return "is not there";
  if (listing.kind === "unreadable") return `cannot be read: ${listing.reason}`;
  return listing.empty && hadPackages ? "lies empty, but had packages" : undefined;
}

/**
 * One pass over the repository, step by step. One that is not there, or lies empty where it had packages (not mounted, or
 * being synced), is kept as it was, and the report says so.
 * @throws {unknown} what `rows` throws (database errors). What was written until then holds.
 */
export function* scanSteps(options: ScanOptions): Steps<ScanReport> {
  const { repositoryId, location, rows } = options;
  const tally: Tally = { packages: 0, distfiles: 0, read: 0, changed: 0, removed: 0, skipped: 0, unreadable: [] };
  const listing = listFolders(location);
  const knownCategories = rows.categories(repositoryId);
  const problem = problemOf(listing, knownCategories.length > 0);
  if (problem !== undefined || listing.kind !== "listing") {
    for (const category of knownCategories) {
      for (const { distfiles } of rows.packages(repositoryId, category).values()) count(tally, distfiles);
    }
    return problem === undefined ? tally : { ...tally, problem };
  }
  const listed = listing.folders.filter((name) => !NO_CATEGORIES.has(name));
  const pass: Pass = { ...options, tally, pending: [], pendingRows: 0 };
  for (const category of new Set([...listed, ...knownCategories])) {
    yield* scanCategory(category, pass);
    yield;
  }
  write(pass);
  return tally;
}

/** Lets everything else that waits have its turn. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * All steps of scanSteps() on this thread, with turns for everything else in between.
 * @throws {unknown} the signal's reason; what scanSteps() throws
 */
export async function scanRepository(options: ScanOptions & { readonly signal: AbortSignal }): Promise<ScanReport> {
  const { signal } = options;
  const steps = scanSteps(options);
  for (;;) {
    await giveWay();
    signal.throwIfAborted();
    const begunAt = performance.now();
    while (performance.now() - begunAt < TURN_MS) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }
}
