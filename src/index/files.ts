/**
 * Keeps the rows of stored files of both kinds, the HTTP metadata of mirror files, and what is remembered of partial ones.
 * Uses are recorded in memory and written in batches: a hit must not wait for the disk.
 */
import type { Statement } from "bun:sqlite";
import { and, asc, count, desc, eq, getTableColumns, gt, ne, sql } from "drizzle-orm";
import type { ComputedDigests } from "../distfile/digests.ts";
import { type FileName, type MirrorPath, stemOf } from "../distfile/mirror-path.ts";
import { keysOf } from "../lib/records.ts";
import type { IndexDatabase } from "./open.ts";
import { files, httpMetadata, partials } from "./schema.ts";
import { createUseCounter, type Uses } from "./use-counter.ts";

export type FileRow = typeof files.$inferSelect;
/** What is left out stays as it is in a row that is there already. */
export type NewFileRow = typeof files.$inferInsert;
type DigestColumns = Pick<FileRow, "size" | "blake2b" | "sha512" | "otherHashes">;

/** Returns the columns of a file with these digests. */
export function digestColumns({ size, blake2b, sha512, others }: ComputedDigests): DigestColumns {
  return { size, blake2b, sha512: sha512 ?? null, otherHashes: others ?? null };
}

/** Returns the digests of a file as it was read; undefined where it was never read. */
export function digestsOfRow({ size, blake2b, sha512, otherHashes }: DigestColumns): ComputedDigests | undefined {
  if (blake2b === null) return undefined;
  return {
    size,
    blake2b,
    ...(sha512 === null ? {} : { sha512 }),
    ...(otherHashes === null ? {} : { others: otherHashes }),
  };
}

/** Returns whether it was fetched, and no Manifest ever vouched for it. */
export function isUnverified({ source, wantedOnce }: Pick<FileRow, "source" | "wantedOnce">): boolean {
  return !wantedOnce && source !== "";
}

/** What clean-up goes by. */
export type FileWorth = Pick<FileRow, "name" | "size" | "source" | "usedAt" | "useScore" | "orphanedAt" | "wantedOnce">;
export type PartialRow = typeof partials.$inferSelect;

/** What RFC 9111 asks to be kept of a mirror's response. */
export type HttpMetadata = Omit<typeof httpMetadata.$inferSelect, "name" | "stem">;

export interface MirrorFileRow {
  readonly row: FileRow;
  /** Undefined for a file found on disk. */
  readonly metadata: HttpMetadata | undefined;
}

/** A mirror file among those of its stem. */
export interface StemFile {
  readonly name: MirrorPath;
  readonly source: string;
  /** When its content came. */
  readonly storedAt: number;
}

/** After this long without use a file's score is half of what it was; chosen by scripts/bench/eviction.ts. */
export const USE_HALF_LIFE_MS = 4 * 24 * 60 * 60 * 1000;

export interface FileRows {
  get(name: FileName): FileRow | undefined;
  /** Gets a mirror file's row with its metadata. */
  getMirrorFile(path: MirrorPath): MirrorFileRow | undefined;
  put(row: NewFileRow): void;
  /** Puts all rows or none, and forgets what was remembered of these files as partial ones. */
  putStored(rows: readonly NewFileRow[]): void;
  putMirrorFile(row: NewFileRow & { readonly name: MirrorPath }, metadata: HttpMetadata): void;
  /** Notes what a 304 has changed, of a file that is stored. */
  freshen(path: MirrorPath, metadata: HttpMetadata, source: string): void;
  /** Forgets a file and its metadata. */
  forget(name: FileName): void;
  /** Counts one use; written by flush(). */
  touch(name: FileName, at: number): void;
  /** Counts the request that a file was fetched for; written by flush(). */
  fetched(name: FileName, at: number): void;
  flush(): void;
  /** Bytes of all stored files together; counted once and kept up from then on. */
  bytes(): number;
  /** Bytes of those that were fetched and that no Manifest ever wanted. One found on disk is not held to be such. */
  unverifiedBytes(): number;
  /** Counts that many bytes less among them, as a Manifest wants these files now. */
  becameWanted(bytes: number): void;
  count(): number;
  /** The next files by name after that one; the first ones after the empty name. */
  page(after: string, limit: number): readonly FileWorth[];
  /** Notes that a file's bytes were found right. */
  verified(name: FileName, at: number): void;
  /** Notes that a file's bytes are wrong as long as it has this stamp. */
  markBad(name: FileName, stamp: string, at: number): void;
  /** The files longest not verified, those never verified first. */
  longestUnverified(limit: number): readonly FileRow[];
  /** The sources of the mirror files of one stem, the one stored last first. */
  ofStem(stem: string): readonly StemFile[];
  /** Has all other files of a mirror file's stem revalidated before they are used again. */
  outdateOthers(path: MirrorPath): void;
  /** Has all files of a stem revalidated before they are used again. */
  outdateStem(stem: string): void;
  has(name: FileName): boolean;
  partial(name: FileName): PartialRow | undefined;
  putPartial(row: PartialRow): void;
  forgetPartial(name: FileName): void;
}

/**
 * Returns what puts a row, by SQLite's own statements: Drizzle would make each of them anew, which takes as long as ten rows. There
 * are as many as there are sets of columns that are put.
 */
function prepareUpserts({ $client }: IndexDatabase): (row: NewFileRow) => void {
  const columns = getTableColumns(files);
  const allKeys = keysOf(columns);
  const statements = new Map<string, Statement>();

  function prepare(keys: readonly (keyof NewFileRow)[]): Statement {
    const names = keys.map((key) => columns[key].name);
    const updates = names.map((name) => `${name} = excluded.${name}`);
    return $client.prepare(
      `INSERT INTO files (${names}) VALUES (${names.map(() => "?")}) ON CONFLICT (name) DO UPDATE SET ${updates}`,
    );
  }

  return (row) => {
    const keys = allKeys.filter((key) => row[key] !== undefined);
    const text = keys.join();
    const statement = statements.get(text) ?? prepare(keys);
    statements.set(text, statement);
    statement.run(
      ...keys.map((key) => {
        const value = row[key] ?? null;
        return value === null ? null : (columns[key].mapToDriverValue(value as never) as string | number);
      }),
    );
  };
}

type FileValues = [
  name: FileName,
  size: number,
  blake2b: string | null,
  sha512: string | null,
  otherHashes: string | null,
  stamp: string,
  source: string,
  storedAt: number,
  usedAt: number,
  uses: number,
  useScore: number,
  wantedOnce: number,
  orphanedAt: number | null,
  verifiedAt: number | null,
  badStamp: string | null,
];

/** Returns what reads a row, by SQLite's own statement: every hit on a file that is not remembered does (measured: a third of the time). */
function prepareSelect(db: IndexDatabase): (name: FileName) => FileRow | undefined {
  const { sql: text } = db
    .select()
    .from(files)
    .where(eq(files.name, sql.placeholder("name")))
    .toSQL();
  const statement = db.$client.prepare<unknown, [string]>(text);
  return (wanted) => {
    const [values] = statement.values(wanted) as FileValues[];
    if (values === undefined) return undefined;
    const [name, size, blake2b, sha512, otherHashes, stamp, source, storedAt, usedAt, uses, useScore, ...rest] = values;
    const [wantedOnce, orphanedAt, verifiedAt, badStamp] = rest;
    return {
      name,
      size,
      blake2b,
      sha512,
      otherHashes: otherHashes === null ? null : JSON.parse(otherHashes),
      stamp,
      source,
      storedAt,
      usedAt,
      uses,
      useScore,
      wantedOnce: wantedOnce !== 0,
      orphanedAt,
      verifiedAt,
      badStamp,
    };
  };
}

/** Returns what adds the uses of a file, each worth half as much after every half-life. */
function prepareCountUses({ $client }: IndexDatabase): (name: FileName, uses: Uses) => void {
  const statement = $client.prepare<unknown, [number, number, number, string]>(
    `UPDATE files SET
      use_score = use_score * pow(0.5, max(0, ?1 - used_at) * 1.0 / ${USE_HALF_LIFE_MS}) + ?2,
      used_at = max(used_at, ?1),
      uses = uses + ?3
    WHERE name = ?4`,
  );
  return (name, { at, unscored, uses }) => void statement.run(at, unscored, uses, name);
}

/** @param onChange gets the name of each row that is put, forgotten or marked bad; uses are no change */
export function createFileRows(db: IndexDatabase, onChange: (name: FileName) => void = () => undefined): FileRows {
  const { placeholder } = sql;
  const byName = eq(files.name, placeholder("name"));
  const select = prepareSelect(db);
  const { name: _name, stem: _stem, ...metadataColumns } = getTableColumns(httpMetadata);
  const selectMetadata = db
    .select(metadataColumns)
    .from(httpMetadata)
    .where(eq(httpMetadata.name, placeholder("name")))
    .prepare();
  const selectPartial = db
    .select()
    .from(partials)
    .where(eq(partials.name, placeholder("name")))
    .prepare();
  const { name: nameColumn, size, source, usedAt, useScore, orphanedAt, wantedOnce } = files;
  const selectPage = db
    .select({ name: nameColumn, size, source, usedAt, useScore, orphanedAt, wantedOnce })
    .from(files)
    .where(gt(nameColumn, placeholder("after")))
    .orderBy(asc(nameColumn))
    .limit(placeholder("limit"))
    .prepare();
  const deleteOne = db.delete(files).where(byName).returning({ size, source, wantedOnce }).prepare();
  const uses = createUseCounter(db, prepareCountUses(db));
  const upsert = prepareUpserts(db);
  const selectOne = db.$client.prepare<unknown, [string]>("SELECT 1 FROM files WHERE name = ?");
  const deletePartial = db
    .delete(partials)
    .where(eq(partials.name, placeholder("name")))
    .prepare();
  let total: { bytes: number; unverified: number } | undefined;

  function sums(): { bytes: number; unverified: number } {
    const fetchedUnwanted = and(eq(wantedOnce, false), ne(source, ""));
    const bytes = sql<number>`coalesce(sum(${size}), 0)`;
    const unverified = sql<number>`coalesce(sum(CASE WHEN ${fetchedUnwanted} THEN ${size} END), 0)`;
    return db.select({ bytes, unverified }).from(files).get() ?? { bytes: 0, unverified: 0 };
  }

  function add(row: Pick<FileRow, "size" | "source" | "wantedOnce"> | undefined, sign: 1 | -1): void {
    if (!total || !row) return;
    total.bytes += sign * row.size;
    if (isUnverified(row)) total.unverified += sign * row.size;
  }

  function put(row: NewFileRow): void {
    onChange(row.name);
    const before = total && select(row.name);
    upsert(row);
    add(before, -1);
    add({ ...row, wantedOnce: row.wantedOnce ?? before?.wantedOnce ?? false }, 1);
  }

  function putMetadata(name: MirrorPath, metadata: HttpMetadata): void {
    const row = { ...metadata, name, stem: stemOf(name) };
    db.insert(httpMetadata).values(row).onConflictDoUpdate({ target: httpMetadata.name, set: row }).run();
  }

  return {
    get: select,
    getMirrorFile(name) {
      // Two look-ups by key cost a third of one join (measured).
      const row = select(name);
      return row && { row, metadata: selectMetadata.get({ name }) };
    },
    put,
    putStored(rows) {
      const before = total && { ...total };
      try {
        db.transaction(() => {
          for (const row of rows) {
            put(row);
            deletePartial.run({ name: row.name });
          }
        });
      } catch (error) {
        total = before;
        throw error;
      }
    },
    putMirrorFile(row, metadata) {
      db.transaction(() => {
        put(row);
        putMetadata(row.name, metadata);
      });
    },
    freshen(path, metadata, from) {
      const before = total && select(path);
      db.transaction(() => {
        db.update(files).set({ source: from }).where(eq(nameColumn, path)).run();
        putMetadata(path, metadata);
      });
      add(before, -1);
      add(before && { ...before, source: from }, 1);
    },
    forget(name) {
      onChange(name);
      uses.forget(name);
      add(deleteOne.get({ name }), -1);
    },
    touch: uses.touch,
    fetched: uses.fetched,
    flush: uses.flush,
    bytes() {
      total ??= sums();
      return total.bytes;
    },
    unverifiedBytes() {
      total ??= sums();
      return total.unverified;
    },
    becameWanted(bytes) {
      if (total) total.unverified -= bytes;
    },
    count: () => db.select({ files: count() }).from(files).get()?.files ?? 0,
    page: (after, limit) => selectPage.all({ after, limit }),
    verified(name, at) {
      db.update(files).set({ verifiedAt: at, badStamp: null }).where(eq(nameColumn, name)).run();
    },
    markBad(name, stamp, at) {
      onChange(name);
      db.update(files).set({ badStamp: stamp, verifiedAt: at }).where(eq(nameColumn, name)).run();
    },
    longestUnverified: (limit) => db.select().from(files).orderBy(asc(files.verifiedAt)).limit(limit).all(),
    ofStem: (stem) =>
      db
        .select({ name: httpMetadata.name, source, storedAt: files.storedAt })
        .from(httpMetadata)
        .innerJoin(files, eq(files.name, httpMetadata.name))
        .where(eq(httpMetadata.stem, stem))
        .orderBy(desc(files.storedAt))
        .all(),
    outdateOthers(path) {
      db.update(httpMetadata)
        .set({ outdated: true })
        .where(and(eq(httpMetadata.stem, stemOf(path)), ne(httpMetadata.name, path)))
        .run();
    },
    outdateStem(stem) {
      db.update(httpMetadata).set({ outdated: true }).where(eq(httpMetadata.stem, stem)).run();
    },
    has: (name) => selectOne.get(name) !== null,
    partial: (name) => selectPartial.get({ name }),
    putPartial(row) {
      db.insert(partials).values(row).onConflictDoUpdate({ target: partials.name, set: row }).run();
    },
    forgetPartial(name) {
      deletePartial.run({ name });
    },
  };
}
