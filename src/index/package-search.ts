/**
 * Searches the names of packages and of the files that they want, part by part: ::gentoo has twenty thousand and a hundred thousand of
 * them, and no index finds the middle of a name. Read only.
 */
import { createSteps } from "../lib/steps.ts";
import type { IndexDatabase } from "./open.ts";

export interface FoundPackage {
  readonly repository: string;
  readonly category: string;
  readonly package: string;
  /** How many files its Manifest lists. */
  readonly files: number;
}

export interface FoundNames {
  /** The best first: of this very name, beginning with the text, containing it. */
  readonly packages: readonly FoundPackage[];
  readonly files: readonly string[];
}

export interface PackageSearch {
  /**
   * @param text part of a name, in any case
   * @param most of each kind
   */
  find(text: string, most: number): Promise<FoundNames>;
}

/** Rows looked through at once: some 2 ms. */
const ROWS_AT_ONCE = 2_000;

/** % and _ are wildcards of LIKE; SQLite compares ASCII letters in any case. */
const escaped = (text: string) => text.replace(/[\\%_]/g, "\\$&");

/** 0 for the very name, 1 where it begins so, 2 for a part of it. */
const RANK = (column: string) =>
  `CASE WHEN ${column} = ?3 COLLATE NOCASE THEN 0 WHEN ${column} LIKE ?4 ESCAPE '\\' THEN 1 ELSE 2 END`;

const PACKAGES = `
  SELECT r.name AS repository, m.category, m.package, m.distfiles AS files, r.position,
    min(${RANK("m.package")}, ${RANK("m.category || '/' || m.package")}) AS rank
  FROM manifests m JOIN repositories r ON r.id = m.repository_id
  WHERE m.id > ?1 AND m.id <= ?2 AND m.category || '/' || m.package LIKE ?5 ESCAPE '\\'
  ORDER BY rank, m.category, m.package, r.position LIMIT ?6`;

const FILES = `
  SELECT DISTINCT d.name, ${RANK("d.name")} AS rank FROM dist_entries d
  WHERE d.rowid > ?1 AND d.rowid <= ?2 AND d.name LIKE ?5 ESCAPE '\\'
  ORDER BY rank, d.name LIMIT ?6`;

type Values = [number, number, string, string, string, number];
interface Ranked {
  readonly rank: number;
}

export function createPackageSearch(db: IndexDatabase): PackageSearch {
  const client = db.$client;
  const packages = client.prepare<FoundPackage & Ranked & { readonly position: number }, Values>(PACKAGES);
  const files = client.prepare<{ readonly name: string } & Ranked, Values>(FILES);
  const lastOf = (table: string) =>
    client.query<{ last: number | null }, []>(`SELECT max(rowid) AS last FROM ${table}`).get()?.last ?? 0;

  /** Calls for one part of the table after the other, and keeps the best rows. */
  async function search<T extends Ranked>(
    table: string,
    most: number,
    compare: (a: T, b: T) => number,
    rowsBetween: (after: number, until: number) => readonly T[],
  ): Promise<readonly T[]> {
    const endStep = createSteps();
    const last = lastOf(table);
    let best: readonly T[] = [];
    for (let after = 0; after < last; after += ROWS_AT_ONCE) {
      const found = rowsBetween(after, after + ROWS_AT_ONCE);
      if (found.length > 0)
        best = [...best, ...found].toSorted((a, b) => a.rank - b.rank || compare(a, b)).slice(0, most);
      await endStep();
    }
    return best;
  }

  return {
    async find(text, most) {
      const part = escaped(text);
      const values = (after: number, until: number): Values => [after, until, text, `${part}%`, `%${part}%`, most];
      const nameOf = ({ category, package: name }: FoundPackage) => `${category}/${name}`;
      const foundPackages = await search(
        "manifests",
        most,
        (a: FoundPackage & Ranked & { position: number }, b) =>
          nameOf(a).localeCompare(nameOf(b)) || a.position - b.position,
        (...range) => packages.all(...values(...range)),
      );
      const foundFiles = await search(
        "dist_entries",
        // A name may come once from each part.
        2 * most,
        (a: { readonly name: string } & Ranked, b) => (a.name < b.name ? -1 : 1),
        (...range) => files.all(...values(...range)),
      );
      return {
        packages: foundPackages.map(({ repository, category, package: name, files: count }) => ({
          repository,
          category,
          package: name,
          files: count,
        })),
        files: [...new Set(foundFiles.map(({ name }) => name))].slice(0, most),
      };
    },
  };
}
