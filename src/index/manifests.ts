/**
 * Keeps Manifests as last read, package by package, for the scan that reads and writes them. Looking up what they want is
 * repositories.ts.
 */
import { and, eq, inArray, notInArray, sql } from "drizzle-orm";
import type { DistEntry } from "../distfile/digests.ts";
import type { ManifestRows, ScannedPackage } from "../distfile/manifest-rows.ts";
import { distEntries, manifests } from "./manifests-schema.ts";
import type { IndexDatabase } from "./open.ts";

export interface PrunableManifestRows extends ManifestRows {
  /** Removes some of the Manifests of other repositories than these, which nobody can look up. @returns whether there was any */
  prune(repositoryIds: readonly number[]): boolean;
}

/** Manifests pruned at once: some 5 ms. */
const PRUNED_AT_ONCE = 300;

const { placeholder } = sql;

/**
 * Drizzle's statement as SQLite's own, with values in the order of the columns: a repository of ::gentoo's size is a hundred thousand
 * of them, and what Drizzle adds to each takes as long as SQLite does.
 */
function prepareInsert(db: IndexDatabase, insert: { toSQL(): { readonly sql: string } }) {
  return db.$client.prepare<unknown, (string | number | null)[]>(insert.toSQL().sql);
}

function prepareWriting(db: IndexDatabase) {
  const isPackage = and(
    eq(manifests.repositoryId, placeholder("repositoryId")),
    eq(manifests.category, placeholder("category")),
    eq(manifests.package, placeholder("package")),
  );
  return {
    addManifest: prepareInsert(
      db,
      db
        .insert(manifests)
        .values({ repositoryId: 0, category: "", package: "", stamp: "", distfiles: 0 })
        .onConflictDoNothing(),
    ),
    updateManifest: db
      .update(manifests)
      .set({ stamp: sql`${placeholder("stamp")}`, distfiles: sql`${placeholder("distfiles")}` })
      .where(isPackage)
      .returning({ id: manifests.id })
      .prepare(),
    forgetEntry: db
      .delete(distEntries)
      .where(and(eq(distEntries.manifestId, placeholder("manifestId")), eq(distEntries.name, placeholder("name"))))
      .prepare(),
    putEntry: prepareInsert(
      db,
      db.insert(distEntries).values({
        manifestId: 0,
        name: placeholder("name"),
        size: 0,
        blake2b: "",
        sha512: "",
        otherHash: placeholder("otherHash"),
      }),
    ),
    forgetManifest: db.delete(manifests).where(isPackage).prepare(),
  };
}

function prepareReading(db: IndexDatabase) {
  return {
    entries: db
      .select({
        name: distEntries.name,
        size: distEntries.size,
        blake2b: distEntries.blake2b,
        sha512: distEntries.sha512,
        otherHash: distEntries.otherHash,
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
  };
}

/** @param onChange called whenever what is wanted may have changed */
export function createManifestRows(db: IndexDatabase, onChange: () => void): PrunableManifestRows {
  const writing = prepareWriting(db);
  const reading = prepareReading(db);

  function putEntries(manifestId: number, entries: Iterable<DistEntry>): void {
    for (const { name, size, blake2b = null, sha512 = null, other = null } of entries) {
      writing.putEntry.run(manifestId, name, size, blake2b, sha512, other);
    }
  }

  /** Returns whether the package wants other content than before. */
  function replaceOne(repositoryId: number, { entries, ...manifest }: ScannedPackage): boolean {
    const row = { repositoryId, ...manifest, distfiles: entries.length };
    const added = writing.addManifest.run(repositoryId, row.category, row.package, row.stamp, row.distfiles);
    if (added.changes > 0) {
      putEntries(Number(added.lastInsertRowid), entries);
      return entries.length > 0;
    }
    const { id: manifestId } = writing.updateManifest.get(row);
    const before = new Map(reading.entries.all({ manifestId }).map((old) => [old.name, old]));
    const news = entries.filter(({ name, size, blake2b = null, sha512 = null, other = null }) => {
      const old = before.get(name);
      const sameHashes = old?.blake2b === blake2b && old.sha512 === sha512 && old.otherHash === other;
      const same = sameHashes && old.size === size;
      if (same) before.delete(name);
      return !same;
    });
    for (const name of before.keys()) writing.forgetEntry.run({ manifestId, name });
    putEntries(manifestId, news);
    return news.length > 0 || before.size > 0;
  }

  return {
    categories: (repositoryId) => reading.categories.all({ repositoryId }).map(({ category }) => category),
    packages(repositoryId, category) {
      const rows = reading.packages.all({ repositoryId, category });
      return new Map(rows.map(({ package: name, stamp, distfiles }) => [name, { stamp, distfiles }]));
    },
    replace(repositoryId, packages) {
      const changed = db.transaction(() => packages.filter((one) => replaceOne(repositoryId, one)).length);
      if (changed > 0) onChange();
      return changed;
    },
    remove(repositoryId, category, packages) {
      onChange();
      db.transaction(() => {
        for (const name of packages) writing.forgetManifest.run({ repositoryId, category, package: name });
      });
    },
    prune(repositoryIds) {
      const others = db
        .select({ id: manifests.id })
        .from(manifests)
        .where(notInArray(manifests.repositoryId, [...repositoryIds]))
        .limit(PRUNED_AT_ONCE);
      return db.delete(manifests).where(inArray(manifests.id, others)).returning({ id: manifests.id }).all().length > 0;
    },
  };
}
