/**
 * Looks up which repositories there are and what they want, as last scanned: by name and by digest, as every request does. Their
 * Manifests are read and written by the scan (manifests.ts), most often in a thread, which says when it changed them.
 */
import { and, eq, max, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { DistEntry, OtherHash } from "../distfile/digests.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import { createManifestRows, type PrunableManifestRows } from "./manifests.ts";
import { distEntries, manifests } from "./manifests-schema.ts";
import type { IndexDatabase } from "./open.ts";
import { repositories } from "./schema.ts";

export interface RepositoryCounts {
  readonly packages: number;
  /** DIST lines, not names: one file may be wanted by many packages. */
  readonly distfiles: number;
}

export interface RepositoryCount extends RepositoryCounts {
  readonly name: string;
}

export interface RepositoryRows extends PrunableManifestRows {
  /**
   * Makes these the repositories, in this order, and forgets all others, whose Manifests are found no more until prune() removes
   * them. Returns the ids in the same order.
   */
  configure(wanted: readonly { readonly name: string; readonly location: string }[]): readonly number[];
  /** Ids of the configured repositories. */
  ids(): readonly number[];
  /** First repository first, then by category and package; of many packages the first thousand. */
  entriesByName(name: FileName): readonly WantedBy[];
  /** `digest` is a BLAKE2B or SHA512 in lower-case hex; order as by name. */
  entriesByDigest(digest: string): readonly WantedBy[];
  /** Returns the stamp of a package's Manifest as last read; undefined where none was. */
  stampOf(location: string, category: string, name: string): string | undefined;
  /** The DIST entries of a package, by name. */
  entriesOf(location: string, category: string, name: string): ReadonlyMap<string, DistEntry>;
  counts(): RepositoryCounts;
  /** The same for each, in their order. */
  countsOfEach(): readonly RepositoryCount[];
  /** Another number whenever what is wanted may have changed. */
  readonly revision: number;
  /** To be called when another thread wrote Manifests. */
  noteChange(): void;
}

/** Packages that want one file; popular crates have some hundred, and each is read for each look-up. */
const MAX_WANTING = 1_000;

/** Rows of names asked lately that are kept in memory: each is looked up several times for each request. */
const MAX_REMEMBERED_ROWS = 4_096;

/** How many of a digest's digits the index holds (manifests-schema.ts, dist_entries). */
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
      otherHash: distEntries.otherHash,
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

function toWantedBy({ name, size, blake2b, sha512, otherHash, ...by }: WantedByRow): WantedBy {
  return { ...by, entry: toEntry([name, size, blake2b, sha512, otherHash]) };
}

type EntryRow = [
  name: DistfileName,
  size: number,
  blake2b: string | null,
  sha512: string | null,
  otherHash: OtherHash | null,
];

function toEntry([name, size, blake2b, sha512, otherHash]: EntryRow): DistEntry {
  return {
    name,
    size,
    ...(blake2b === null ? {} : { blake2b }),
    ...(sha512 === null ? {} : { sha512 }),
    ...(otherHash === null ? {} : { other: otherHash }),
  };
}

/** Drizzle's statement as SQLite's own: a package may have ten thousand entries, and what Drizzle adds takes ten times as long. */
function prepareByPackage(db: IndexDatabase) {
  const { name, size, blake2b, sha512, otherHash } = distEntries;
  const query = db
    .select({ name, size, blake2b, sha512, otherHash })
    .from(distEntries)
    .innerJoin(manifests, eq(manifests.id, distEntries.manifestId))
    .innerJoin(repositories, eq(repositories.id, manifests.repositoryId))
    .where(isPackage);
  const statement = db.$client.prepare<EntryRow, [string, string, string]>(query.toSQL().sql);
  return { values: (...of: [string, string, string]) => statement.values(...of) as EntryRow[] };
}

/**
 * Most names that are asked for again and again are in no Manifest, and to find that out with the sort of the whole query takes six
 * times as long (measured).
 */
function prepareIsNamed(db: IndexDatabase) {
  const query = db.select({ name: distEntries.name }).from(distEntries).where(hasName).limit(1);
  const statement = db.$client.prepare<[string], [string, number]>(query.toSQL().sql);
  return (name: string) => statement.values(name, 1).length > 0;
}

/** The same for each request of a file that is not remembered. */
function prepareByName(db: IndexDatabase) {
  const { sql: text } = wantedByQuery(db, hasName).limit(MAX_WANTING).toSQL();
  const statement = db.$client.prepare<unknown, [string, number]>(text);
  type Row = [repository: string, location: string, category: string, name: string, ...entry: EntryRow];
  return (name: FileName): readonly WantedBy[] =>
    (statement.values(name, MAX_WANTING) as Row[]).map(([repository, location, category, packageName, ...entry]) => ({
      repository,
      location,
      category,
      package: packageName,
      entry: toEntry(entry),
    }));
}

function prepareReading(db: IndexDatabase) {
  return {
    isNamed: prepareIsNamed(db),
    byName: prepareByName(db),
    byDigest: wantedByQuery(db, hasDigest).limit(MAX_WANTING).prepare(),
    byPackage: prepareByPackage(db),
    stamp: db
      .select({ stamp: manifests.stamp })
      .from(manifests)
      .innerJoin(repositories, eq(repositories.id, manifests.repositoryId))
      .where(isPackage)
      .prepare(),
    counts: db
      .select({ packages: sql<number>`count(*)`, distfiles: sql<number>`coalesce(sum(${manifests.distfiles}), 0)` })
      .from(manifests)
      .innerJoin(repositories, eq(repositories.id, manifests.repositoryId))
      .prepare(),
    countsOfEach: db
      .select({
        name: repositories.name,
        packages: sql<number>`count(${manifests.repositoryId})`,
        distfiles: sql<number>`coalesce(sum(${manifests.distfiles}), 0)`,
      })
      .from(repositories)
      .leftJoin(manifests, eq(repositories.id, manifests.repositoryId))
      .groupBy(repositories.id)
      .orderBy(repositories.position)
      .prepare(),
    ids: db.select({ id: repositories.id }).from(repositories).prepare(),
    highestId: db
      .select({ id: max(repositories.id) })
      .from(repositories)
      .prepare(),
    highestScannedId: db
      .select({ id: max(manifests.repositoryId) })
      .from(manifests)
      .prepare(),
  };
}

export function createRepositoryRows(db: IndexDatabase): RepositoryRows {
  const reading = prepareReading(db);
  let revision = 0;
  /** By name; holds until what is wanted may have changed. */
  const remembered = new Map<FileName, readonly WantedBy[]>();
  let rememberedRows = 0;

  function forgetNames(): void {
    remembered.clear();
    rememberedRows = 0;
  }

  function noteChange(): void {
    revision++;
    forgetNames();
  }

  function entriesByName(name: FileName): readonly WantedBy[] {
    const known = remembered.get(name);
    if (known) return known;
    const wanted = reading.isNamed(name) ? reading.byName(name) : [];
    if (rememberedRows + wanted.length >= MAX_REMEMBERED_ROWS) forgetNames();
    remembered.set(name, wanted);
    rememberedRows += wanted.length + 1;
    return wanted;
  }

  /** Returns an id that no repository has, nor one that is gone and whose Manifests may still be there. */
  function freeId(): number {
    return 1 + Math.max(reading.highestId.get()?.id ?? 0, reading.highestScannedId.get()?.id ?? 0);
  }

  return {
    ...createManifestRows(db, noteChange),
    configure(wanted) {
      noteChange();
      return db.transaction(() => {
        const locations = wanted.map(({ location }) => location);
        db.delete(repositories).where(notInArray(repositories.location, locations)).run();
        return wanted.map(({ name, location }, position) => {
          const row = { id: freeId(), name, location, position };
          const put = db.insert(repositories).values(row).onConflictDoUpdate({
            target: repositories.location,
            set: { name, position },
          });
          return put.returning({ id: repositories.id }).get().id;
        });
      });
    },
    ids: () => reading.ids.all().map(({ id }) => id),
    entriesByName,
    entriesByDigest: (digest) => reading.byDigest.all({ digest, start: digest.slice(0, DIGEST_START) }).map(toWantedBy),
    stampOf: (location, category, name) => reading.stamp.get({ location, category, package: name })?.stamp,
    entriesOf(location, category, name) {
      const rows = reading.byPackage.values(location, category, name);
      return new Map(rows.map((row) => [row[0], toEntry(row)]));
    },
    countsOfEach: () => reading.countsOfEach.all(),
    counts: () => reading.counts.get() ?? { packages: 0, distfiles: 0 },
    get revision() {
      return revision;
    },
    noteChange,
  };
}
