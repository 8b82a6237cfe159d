/**
 * Brings the index up to date with one repository: lists categories and packages, and reads the Manifests whose size or times
 * changed. Keeps what is known of paths that cannot be read. Works in short steps, so that it can be stopped between two of
 * them, and can yield to the event loop where it has no thread of its own.
 */

import { realpathSync } from "node:fs";
import type { KnownPackage, ManifestRows, ScannedPackage } from "../distfile/manifest-rows.ts";
import type { Steps } from "../lib/steps.ts";
import { parseManifest } from "./formats/manifest.ts";
import { type Listing, listFolders, readManifest } from "./read-folder.ts";
import { followInside } from "./repository-files.ts";

/** A file or folder that cannot be read; `reason` is a sentence part. */
export interface UnreadablePath {
  readonly path: string;
  readonly reason: string;
}

export interface ScanReport {
  /** How many packages have a Manifest, and how many DIST entries these have, after the scan. */
  readonly packages: number;
  readonly distfiles: number;
  /** How many Manifests were read because they are new or touched. */
  readonly read: number;
  /** How many of these want other content than before. */
  readonly changed: number;
  /** How many Manifests have disappeared. */
  readonly removed: number;
  /** How many invalid DIST lines the read Manifests have. */
  readonly skipped: number;
  /** The first invalid line, as `path:line: text`. */
  readonly firstSkipped?: string;
  /** Manifests and folders that cannot be read; what was known of them is kept. */
  readonly unreadable: readonly UnreadablePath[];
  /** Reason why the whole repository was kept as it was; sentence part. */
  readonly problem?: string;
  /** Time spent, where the scan also waited for others. */
  readonly tookMs?: number;
}

export interface ScanRequest {
  readonly repositoryId: number;
  readonly location: string;
  /** Reads every Manifest, even with the same stamp. */
  readonly full: boolean;
}

export interface ScanOptions extends ScanRequest {
  readonly rows: ManifestRows;
}

/** Folders of a repository that are not categories; the last three are found in old or unusual repositories. */
const NO_CATEGORIES = new Set(
  "eclass files licenses metadata profiles scripts distfiles packages lost+found".split(" "),
);
/** Returns the folders of a repository that can be categories. */
export function categoriesIn({ folders }: Listing): readonly string[] {
  return folders.filter((name) => !NO_CATEGORIES.has(name));
}

/** Rows written in one step, which takes some 2 ms. */
const ROWS_PER_STEP = 200;
/** How long to work before yielding to the event loop. */
const SLICE_MS = 2;

interface ScanTally {
  packages: number;
  distfiles: number;
  read: number;
  changed: number;
  removed: number;
  skipped: number;
  firstSkipped?: string;
  readonly unreadable: UnreadablePath[];
}

/** State of one scan. */
interface Pass extends ScanOptions {
  /** Real path of the repository. */
  readonly root: string;
  readonly tally: ScanTally;
  /** Packages read, but not written yet. */
  pending: ScannedPackage[];
  pendingRows: number;
}

function count(tally: ScanTally, distfiles: number | undefined): void {
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

/** Returns whether it is a link that leads nowhere, and nothing is known of what it once led to. */
function isUnknownLink(found: ReturnType<typeof readManifest> | Listing, isKnown: boolean): boolean {
  return found.kind === "unreadable" && found.leadsNowhere === true && !isKnown;
}

/** Returns whether the package has a Manifest. @param isLink whether its folder is a link */
function scanPackage(
  { category, name, isLink }: { readonly category: string; readonly name: string; readonly isLink: boolean },
  before: KnownPackage | undefined,
  pass: Pass,
): boolean {
  const { tally, root } = pass;
  const folder = `${pass.location}/${category}/${name}`;
  const path = `${folder}/Manifest`;
  const inside = isLink ? followInside(root, folder) : folder;
  const found = typeof inside === "string" ? readManifest(root, path, pass.full ? undefined : before?.stamp) : inside;
  if (found.kind === "absent" || isUnknownLink(found, before !== undefined)) return false;
  if (found.kind !== "text") {
    count(tally, before?.distfiles);
    if (found.kind === "unreadable") tally.unreadable.push({ path, reason: found.reason });
    return true;
  }
  const { entries, skipped, skippedCount } = parseManifest(found.text);
  const [first] = skipped;
  if (first) tally.firstSkipped ??= `${path}:${first.line}: ${first.text.slice(0, 200)}`;
  tally.skipped += skippedCount;
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
  const inside = followInside(pass.root, path);
  const listing = typeof inside === "string" ? listFolders(path) : inside;
  if (isUnknownLink(listing, known.size > 0)) return;
  if (listing.kind === "unreadable") {
    for (const { distfiles } of known.values()) count(tally, distfiles);
    tally.unreadable.push({ path, reason: listing.reason });
    return;
  }
  const gone = new Set(known.keys());
  for (const name of listing.kind === "listing" ? listing.folders : []) {
    const isLink = listing.kind === "listing" && listing.links.has(name);
    if (scanPackage({ category, name, isLink }, known.get(name), pass)) gone.delete(name);
    if (pass.pendingRows >= ROWS_PER_STEP) write(pass);
    yield;
  }
  tally.removed += gone.size;
  if (gone.size > 0) rows.remove(repositoryId, category, [...gone]);
}

/** Returns the reason why the listing of the repository's folder must be ignored. */
function problemOf(listing: ReturnType<typeof listFolders>, hadPackages: boolean): string | undefined {
  if (listing.kind === "absent") return "is missing";
  if (listing.kind === "unreadable") return `cannot be read: ${listing.reason}`;
  return listing.empty && hadPackages ? "is empty, but had packages" : undefined;
}

/**
 * Scans the repository step by step. Keeps a repository that is missing, or empty where it had packages (not mounted, or
 * being synced), as it was, and reports that.
 * @throws {unknown} what `rows` throws (database errors); what was written until then is consistent
 */
export function* scanSteps(options: ScanOptions): Steps<ScanReport> {
  const { repositoryId, location, rows } = options;
  const tally: ScanTally = { packages: 0, distfiles: 0, read: 0, changed: 0, removed: 0, skipped: 0, unreadable: [] };
  const listing = listFolders(location);
  const knownCategories = rows.categories(repositoryId);
  const problem = problemOf(listing, knownCategories.length > 0);
  if (problem !== undefined || listing.kind !== "listing") {
    for (const category of knownCategories) {
      for (const { distfiles } of rows.packages(repositoryId, category).values()) count(tally, distfiles);
    }
    return problem === undefined ? tally : { ...tally, problem };
  }
  const listed = categoriesIn(listing);
  const pass: Pass = { ...options, root: realpathSync(location), tally, pending: [], pendingRows: 0 };
  for (const category of new Set([...listed, ...knownCategories])) {
    yield* scanCategory(category, pass);
    yield;
  }
  write(pass);
  return tally;
}

function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Runs scanSteps() on this thread, and yields to the event loop in between.
 * @throws {unknown} the signal's reason; what scanSteps() throws
 */
export async function scanRepository(options: ScanOptions & { readonly signal: AbortSignal }): Promise<ScanReport> {
  const { signal } = options;
  const steps = scanSteps(options);
  for (;;) {
    await yieldToEventLoop();
    signal.throwIfAborted();
    const startedAt = performance.now();
    while (performance.now() - startedAt < SLICE_MS) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }
}
