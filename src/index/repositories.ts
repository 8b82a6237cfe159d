/**
 * What the trees want, as last scanned: their Manifests and DIST lines, and the two look-ups that every request makes,
 * by name and by digest. Writing is the scan's business (repos/scan.ts), which says what changed.
 */
import { and, eq, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { IndexDatabase } from "./open.ts";
import { distEntries, manifests, repositories } from "./schema.ts";

/** A package whose Manifest has the file. */
export interface WantedBy {
  /** Name of the repository; two may share one, so `location` tells them apart. */
  readonly repository: string;
  readonly location: string;
  readonly category: string;
  readonly package: string;
  readonly entry: DistEntry;
}

export interface PackageStamp {
  /** Changes whenever the Manifest does. */
  readonly stamp: string;
  /** How many DIST entries it has. */
  readonly distfiles: number;
}

export interface PackageEntries {
  readonly category: string;
  readonly package: string;
  readonly stamp: string;
  readonly entries: readonly DistEntry[];
}

export interface RepositoryCounts {
  readonly packages: number;
  /** DIST lines, not names: one file may be wanted by many packages. */
  readonly distfiles: number;
}

export interface RepositoryRows {
  /**
   * Makes these the repositories, in this order, and forgets all others with what they wanted (some 300 ms for a tree
   * of ::gentoo's size). Returns their ids in the same order.
   */
  configure(wanted: readonly { readonly name: string; readonly location: string }[]): readonly number[];
  categories(repositoryId: number): readonly string[];
  packages(repositoryId: number, category: string): ReadonlyMap<string, PackageStamp>;
  /**
   * All in one transaction: a reader sees each package as it was or as it is. Writes only what differs, as most
   * Manifests that were touched say the same; returns how many want other content than before.
   */
  replace(repositoryId: number, packages: readonly PackageEntries[]): number;
  remove(repositoryId: number, category: string, packages: readonly string[]): void;
  /** First repository first, then by category and package. */
  entriesByName(name: DistfileName): readonly WantedBy[];
  /** `digest` is a BLAKE2B or SHA512 in lower-case hex; order as by name. */
  entriesByDigest(digest: string): readonly WantedBy[];
  /** What the package wants, by name. */
  entriesOf(location: string, category: string, name: string): ReadonlyMap<string, DistEntry>;
  counts(): RepositoryCounts;
  /** Another number whenever what is wanted may have changed. */
  readonly revision: number;
}

/** How many of a digest's digits the index holds (schema.ts, dist_entries). */
const DIGEST_START = 5;

const { placeholder } = sql;

/** Exported for the test that asks SQLite how it goes about them. */
export function wantedByQuery(db: IndexDatabase, condition: SQL | undefined) {
  return db
    .select({
      repository: repositories.name,
      location: repositories.location,
      category: manifests.category,
      package: manifests.package,
      name: distEntries.name,
      size: distEntries.size,
      blake2b: distEntries.blake2b,
      sha512: distEntries.sha512,
    })
    .from(distEntries)
    .innerJoin(manifests, eq(manifests.id, distEntries.manifestId))
    .innerJoin(repositories, eq(repositories.id, manifests.repositoryId))
    .where(condition)
    .orderBy(repositories.position, manifests.category, manifests.package);
}

const isPackage = and(
  eq(repositories.location, placeholder("location")),
  eq(manifests.category, placeholder("category")),
  eq(manifests.package, placeholder("package")),
);

export const hasName = eq(distEntries.name, placeholder("name"));

export const hasDigest = or(
  and(eq(distEntries.blake2bStart, placeholder("start")), eq(distEntries.blake2b, placeholder("digest"))),
  and(eq(distEntries.sha512Start, placeholder("start")), eq(distEntries.sha512, placeholder("digest"))),
);

type WantedByRow = ReturnType<ReturnType<typeof wantedByQuery>["all"]>[number];

function toWantedBy({ name, size, blake2b, sha512, ...by }: WantedByRow): WantedBy {
  const hashes = { ...(blake2b === null ? {} : { blake2b }), ...(sha512 === null ? {} : { sha512 }) };
  // Rows come from parsed Manifests, whose names were checked.
  return { ...by, entry: { name: name as DistfileName, size, ...hashes } };
}

function prepareWriting(db: IndexDatabase) {
  return {
    putManifest: db
      .insert(manifests)
      .values({
        repositoryId: placeholder("repositoryId"),
        category: placeholder("category"),
        package: placeholder("package"),
        stamp: placeholder("stamp"),
        distfiles: placeholder("distfiles"),
      })
      .onConflictDoUpdate({
        target: [manifests.repositoryId, manifests.category, manifests.package],
        set: { stamp: sql`excluded.stamp`, distfiles: sql`excluded.distfiles` },
      })
      .returning({ id: manifests.id })
      .prepare(),
    forgetEntry: db
      .delete(distEntries)
      .where(and(eq(distEntries.manifestId, placeholder("manifestId")), eq(distEntries.name, placeholder("name"))))
      .prepare(),
    putEntry: db
      .insert(distEntries)
      .values({
        manifestId: placeholder("manifestId"),
        name: placeholder("name"),
        size: placeholder("size"),
        blake2b: placeholder("blake2b"),
        sha512: placeholder("sha512"),
      })
      .prepare(),
    forgetManifest: db
      .delete(manifests)
      .where(
        and(
          eq(manifests.repositoryId, placeholder("repositoryId")),
          eq(manifests.category, placeholder("category")),
          eq(manifests.package, placeholder("package")),
        ),
      )
      .prepare(),
  };
}

function prepareReading(db: IndexDatabase) {
  return {
    byName: wantedByQuery(db, hasName).prepare(),
    byDigest: wantedByQuery(db, hasDigest).prepare(),
    byPackage: wantedByQuery(db, isPackage).prepare(),
    entries: db
      .select({
        name: distEntries.name,
        size: distEntries.size,
        blake2b: distEntries.blake2b,
        sha512: distEntries.sha512,
      })
      .from(distEntries)
      .where(eq(distEntries.manifestId, placeholder("manifestId")))
      .prepare(),
    categories: db
      .selectDistinct({ category: manifests.category })
      .from(manifests)
      .where(eq(manifests.repositoryId, placeholder("repositoryId")))
      .prepare(),
    packages: db
      .select({ package: manifests.package, stamp: manifests.stamp, distfiles: manifests.distfiles })
      .from(manifests)
      .where(
        and(eq(manifests.repositoryId, placeholder("repositoryId")), eq(manifests.category, placeholder("category"))),
      )
      .prepare(),
    counts: db
      .select({ packages: sql<number>`count(*)`, distfiles: sql<number>`coalesce(sum(${manifests.distfiles}), 0)` })
      .from(manifests)
      .prepare(),
  };
}

export function createRepositoryRows(db: IndexDatabase): RepositoryRows {
  const writing = prepareWriting(db);
  const reading = prepareReading(db);
  let revision = 0;

  /** Whether the package wants other content than before. */
  function replaceOne(repositoryId: number, { entries, ...manifest }: PackageEntries): boolean {
    const { id: manifestId } = writing.putManifest.get({ repositoryId, ...manifest, distfiles: entries.length });
    const before = new Map(reading.entries.all({ manifestId }).map((row) => [row.name, row]));
    let changed = false;
    for (const { name, size, blake2b = null, sha512 = null } of entries) {
      const old = before.get(name);
      if (old && old.size === size && old.blake2b === blake2b && old.sha512 === sha512) {
        before.delete(name);
        continue;
      }
      if (old) writing.forgetEntry.run({ manifestId, name });
      before.delete(name);
      writing.putEntry.run({ manifestId, name, size, blake2b, sha512 });
      changed = true;
    }
    for (const name of before.keys()) writing.forgetEntry.run({ manifestId, name });
    return changed || before.size > 0;
  }

  return {
    configure(wanted) {
      revision++;
      return db.transaction(() => {
        const locations = wanted.map(({ location }) => location);
        db.delete(repositories).where(notInArray(repositories.location, locations)).run();
        return wanted.map(({ name, location }, position) => {
          const row = { name, location, position };
          const put = db.insert(repositories).values(row).onConflictDoUpdate({
            target: repositories.location,
            set: { name, position },
          });
          return put.returning({ id: repositories.id }).get().id;
        });
      });
    },
    categories: (repositoryId) => reading.categories.all({ repositoryId }).map(({ category }) => category),
    packages(repositoryId, category) {
      const rows = reading.packages.all({ repositoryId, category });
      return new Map(rows.map(({ package: name, stamp, distfiles }) => [name, { stamp, distfiles }]));
    },
    replace(repositoryId, packages) {
      const changed = db.transaction(() => packages.filter((one) => replaceOne(repositoryId, one)).length);
      if (changed > 0) revision++;
      return changed;
    },
    remove(repositoryId, category, packages) {
      revision++;
      db.transaction(() => {
        for (const name of packages) writing.forgetManifest.run({ repositoryId, category, package: name });
      });
    },
    entriesByName: (name) => reading.byName.all({ name }).map(toWantedBy),
    entriesByDigest: (digest) => reading.byDigest.all({ digest, start: digest.slice(0, DIGEST_START) }).map(toWantedBy),
    entriesOf(location, category, name) {
      const rows = reading.byPackage.all({ location, category, package: name });
      return new Map(rows.map((row) => [row.name, toWantedBy(row).entry]));
    },
    counts: () => reading.counts.get() ?? { packages: 0, distfiles: 0 },
    get revision() {
      return revision;
    },
  };
}
