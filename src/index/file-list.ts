/**
 * Lists stored files of both kinds for people: searched, sorted and cut into pages. Read only.
 */

import { asc, desc, type SQL, sql } from "drizzle-orm";
import type { FileOrder } from "../distfile/reporting.ts";
import type { FileRow } from "./files.ts";
import type { IndexDatabase } from "./open.ts";
import { files } from "./schema.ts";

export interface ListQuery {
  /** Part of the name, in any case; empty: all. */
  readonly q: string;
  readonly sort: FileOrder;
  readonly order: "asc" | "desc";
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

export interface FileTotals {
  readonly files: number;
  readonly bytes: number;
}

export interface FileList {
  /** Totals of the files that match. */
  totals(q: string): FileTotals;
  page(query: ListQuery): readonly FileRow[];
}

const COLUMNS = {
  name: files.name,
  size: files.size,
  stored_at: files.storedAt,
  used_at: files.usedAt,
  uses: files.uses,
} as const;

/** % and _ are wildcards of LIKE; SQLite compares ASCII letters in any case. */
function matches(q: string): SQL | undefined {
  if (q === "") return undefined;
  return sql`${files.name} like ${`%${q.replace(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
}

/** @param all gives the totals of all files, where they are kept anyway */
export function createFileList(db: IndexDatabase, all?: () => FileTotals): FileList {
  return {
    totals(q) {
      if (q === "" && all) return all();
      const row = db
        .select({ files: sql<number>`count(*)`, bytes: sql<number>`coalesce(sum(${files.size}), 0)` })
        .from(files)
        .where(matches(q))
        .get();
      return row ?? { files: 0, bytes: 0 };
    },
    page({ q, sort, order, page, perPage }) {
      const direction = order === "asc" ? asc : desc;
      return db
        .select()
        .from(files)
        .where(matches(q))
        .orderBy(direction(COLUMNS[sort]), asc(files.name))
        .limit(perPage)
        .offset((page - 1) * perPage)
        .all();
    },
  };
}
