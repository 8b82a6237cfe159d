/**
 * Keeps the request history in requests.sqlite: who asked for which file and what came of it, newest first. A file of its own, as
 * five million requests are many times an index, and their loss costs nothing: one that is damaged, or of another
 * version, is replaced. Called in a thread (server/request-history.worker.ts).
 */
import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { COUNTED_OUTCOMES, type CountedOutcome, type HistoryRecord } from "../distfile/response-outcome.ts";
import { makeOwnerOnly } from "../lib/owner-only.ts";

/** A request with its id: microseconds since the epoch, so that ids are in the order of time, and what came before a time is a range. */
export interface HistoryEntry extends HistoryRecord {
  readonly id: number;
}

export interface HistoryQuery {
  readonly client?: string | undefined;
  readonly outcome?: CountedOutcome | undefined;
  /** How the file's name begins. */
  readonly file?: string | undefined;
  /** Whole names of files, of which one is meant. */
  readonly files?: readonly string[] | undefined;
  /** Only entries with lower ids. */
  readonly before: number;
  /** Only entries with higher ids. */
  readonly after: number;
  readonly limit: number;
}

export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  /** Where the next page begins, as its `before`; undefined where there is no more. A page may be short and not the last one. */
  readonly next: number | undefined;
}

/** Requests for one file. */
export interface FileCount {
  readonly file: string;
  readonly requests: number;
  readonly bytes: number;
}

export interface RequestHistoryFile {
  add(entries: readonly HistoryEntry[]): void;
  page(query: HistoryQuery): HistoryPage;
  /** Returns the files that a client asked for most among its latest requests. */
  filesOf(client: string, most: number): readonly FileCount[];
  /** Removes some of the entries that are too old or too many. @returns whether there are more of them */
  forgetSome(oldest: number, newest: number): boolean;
  close(): void;
}

/** Five million requests are as many as a busy server has in a week; their names and the index over them take some 340 MB. */
const MAX_ENTRIES = 5_000_000;
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
/** Files that a prefix or a package may mean. */
const MAX_FILES = 500;
/** Latest requests of a client by which its files are counted: some 50 ms. */
const MAX_COUNTED = 5_000;
/** Entries looked at in one query, and for how long one page is looked for: a page is then short, and says where to go on. */
const LOOKED_AT_ONCE = 10_000;
const PAGE_MS = 40;
/** Entries removed in one transaction. */
const FORGOTTEN_AT_ONCE = 500;

/** To be raised with every change of the tables. */
const VERSION = 2;
const TABLES = `
  CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE words (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE requests (
    id INTEGER PRIMARY KEY, client INTEGER NOT NULL, file INTEGER NOT NULL, outcome INTEGER NOT NULL, detail INTEGER NOT NULL,
    method INTEGER NOT NULL, status INTEGER NOT NULL, bytes INTEGER NOT NULL, milliseconds INTEGER NOT NULL, source INTEGER NOT NULL
  );
  CREATE TABLE totals (entries INTEGER NOT NULL);
  INSERT INTO totals VALUES (0);
  CREATE INDEX requests_client ON requests (client);
  CREATE INDEX requests_file ON requests (file);
  CREATE INDEX requests_outcome ON requests (outcome) WHERE outcome > 0;
  PRAGMA user_version = ${VERSION};
`;

type Value = number | string;

/** Entries are found by one column, newest first, and the others are compared. */
interface Condition {
  readonly found: string;
  readonly compared: string;
  readonly values: readonly Value[];
}

/** Removes the history, which nobody may have open. */
export function removeRequestHistory(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
}

function connect(path: string): Database {
  if (path !== ":memory:") makeOwnerOnly(path);
  const client = new Database(path, { readwrite: true });
  try {
    client.exec("PRAGMA journal_mode = WAL");
    client.exec("PRAGMA synchronous = NORMAL");
    client.exec("PRAGMA cache_size = -8192");
    client.exec("PRAGMA journal_size_limit = 16777216");
    const version = client.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version;
    if (version === 0) client.transaction(() => client.exec(TABLES))();
    else if (version !== VERSION) throw new Error("the request history is of another version");
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** @throws {SQLiteError} when the file can be neither opened nor replaced */
function connectOrReplace(path: string): Database {
  try {
    return connect(path);
  } catch {
    removeRequestHistory(path);
    return connect(path);
  }
}

/** Returns what gives each text a number of its own. */
function createTexts(client: Database, table: "files" | "clients" | "words") {
  const find = client.prepare<{ id: number }, [string]>(`SELECT id FROM ${table} WHERE name = ?`);
  const insert = client.prepare<unknown, [string]>(`INSERT INTO ${table} (name) VALUES (?)`);
  const idOf = (text: string) => find.get(text)?.id;
  return { idOf, add: (text: string) => idOf(text) ?? Number(insert.run(text).lastInsertRowid) };
}

/** The host of a URL: a URL for each file would take more than all else. */
function hostOf(source: string): string {
  return URL.canParse(source) ? new URL(source).host : source;
}

const ENTRY = `
  SELECT r.id, c.name AS client, m.name AS method, f.name AS file, r.outcome, d.name AS detail, r.status, r.bytes, r.milliseconds,
    s.name AS source
  FROM requests r JOIN clients c ON c.id = r.client JOIN files f ON f.id = r.file JOIN words m ON m.id = r.method
    JOIN words d ON d.id = r.detail JOIN words s ON s.id = r.source
  WHERE r.id = ?`;

type EntryRow = Omit<HistoryEntry, "outcome"> & { readonly outcome: number };

interface FoundIds {
  /** Newest first. */
  readonly ids: readonly number[];
  readonly next: number | undefined;
}

function inRange(condition: string): string {
  return `(${condition}) AND id < ? AND id > ? ORDER BY id DESC`;
}

const NO_PAGE: HistoryPage = { entries: [], next: undefined };

/** Opens the history, or a new one in its place. @throws {SQLiteError} */
export function openRequestHistory(path: string): RequestHistoryFile {
  const client = connectOrReplace(path);
  const files = createTexts(client, "files");
  const clients = createTexts(client, "clients");
  const words = createTexts(client, "words");
  const insert = client.prepare<unknown, number[]>(
    "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const entryOf = client.prepare<EntryRow, [number]>(ENTRY);
  const beginning = client.prepare<{ id: number }, [string, string, number]>(
    "SELECT id FROM files WHERE name >= ? AND name < ? LIMIT ?",
  );
  // Counting five million rows of a file that is not in memory takes seconds.
  const total = client.prepare<{ entries: number }, []>("SELECT entries FROM totals");
  const addToTotal = client.prepare<unknown, [number]>("UPDATE totals SET entries = entries + ?");

  function put({ id, ...entry }: HistoryEntry): void {
    const values = [
      clients.add(entry.client),
      files.add(entry.file),
      COUNTED_OUTCOMES.indexOf(entry.outcome),
      words.add(entry.detail),
      words.add(entry.method === "GET" || entry.method === "HEAD" ? entry.method : "other"),
      entry.status,
      entry.bytes,
      entry.milliseconds,
      words.add(hostOf(entry.source)),
    ];
    // A clock that was set back gives ids again.
    let free = id;
    while (insert.run(free, ...values).changes === 0) free++;
  }

  /** Returns the files that a query means; undefined where it means all. */
  function meantFiles({ file, files: names }: HistoryQuery): readonly number[] | undefined {
    const begun = file === undefined ? undefined : beginning.all(file, `${file}\u{10ffff}`, MAX_FILES);
    const ids = begun?.map(({ id }) => id);
    if (names === undefined) return ids;
    const named = names.flatMap((name) => files.idOf(name) ?? []).slice(0, MAX_FILES);
    return ids === undefined ? named : named.filter((id) => ids.includes(id));
  }

  function conditionOf(clientId: number | undefined, outcome: number | undefined, ids: readonly number[]): Condition {
    const terms: [text: string, values: readonly Value[]][] = [];
    if (ids.length === 1) terms.push(["file = ?", ids]);
    if (clientId !== undefined) terms.push(["client = ?", [clientId]]);
    // Hits are most of all: an index over them would find no faster.
    if (outcome !== undefined && outcome > 0) terms.push(["outcome > 0 AND outcome = ?", [outcome]]);
    if (outcome === 0) terms.push(["true", []], ["outcome = 0", []]);
    if (ids.length > 1) terms.push([`file IN (${ids.map(() => "?")})`, ids]);
    const [[found] = ["true"], ...others] = terms;
    const compared = others.map(([text]) => text).join(" AND ");
    return { found, compared, values: terms.flatMap(([, values]) => values) };
  }

  /** Returns ids of entries that fit, as many as are asked for, and where to go on. */
  function findIds(condition: Condition, query: HistoryQuery): FoundIds {
    const { found, compared, values } = condition;
    if (compared !== "") return compareIds(condition, query);
    const { before, after, limit } = query;
    const text = `SELECT id FROM requests WHERE ${inRange(found)} LIMIT ?`;
    const all = client.query<{ id: number }, Value[]>(text).all(...values, before, after, limit);
    return { ids: all.map(({ id }) => id), next: all.length < limit ? undefined : all.at(-1)?.id };
  }

  /** Looks at those that one column finds, for so long. */
  function compareIds({ found, compared, values }: Condition, { before, after, limit }: HistoryQuery): FoundIds {
    const foundValues = values.slice(0, found.split("?").length - 1);
    const comparedValues = values.slice(foundValues.length);
    const fitting = client.query<{ id: number }, Value[]>(
      `SELECT id FROM (SELECT id, client, file, outcome FROM requests WHERE ${inRange(found)} LIMIT ?) WHERE ${compared} ORDER BY id DESC LIMIT ?`,
    );
    const last = client.query<{ id: number }, Value[]>(
      `SELECT id FROM requests WHERE ${inRange(found)} LIMIT 1 OFFSET ${LOOKED_AT_ONCE - 1}`,
    );
    const ids: number[] = [];
    const until = performance.now() + PAGE_MS;
    for (let from = before; ; ) {
      const some = fitting.all(...foundValues, from, after, LOOKED_AT_ONCE, ...comparedValues, limit - ids.length);
      ids.push(...some.map(({ id }) => id));
      if (ids.length === limit) return { ids, next: ids.at(-1) };
      const end = last.get(...foundValues, from, after)?.id;
      if (end === undefined || performance.now() >= until) return { ids, next: end };
      from = end;
    }
  }

  /** Merges the entries of some files, as they have no common order. */
  function mergeIds(ids: readonly number[], query: HistoryQuery): FoundIds {
    const all = ids.flatMap((id) => findIds(conditionOf(undefined, undefined, [id]), query).ids);
    const latest = all.toSorted((a, b) => b - a).slice(0, query.limit);
    return { ids: latest, next: latest.length < query.limit ? undefined : latest.at(-1) };
  }

  function page(query: HistoryQuery): HistoryPage {
    const fileIds = meantFiles(query);
    const clientId = query.client === undefined ? undefined : clients.idOf(query.client);
    if (fileIds?.length === 0 || (query.client !== undefined && clientId === undefined)) return NO_PAGE;
    const outcome = query.outcome && COUNTED_OUTCOMES.indexOf(query.outcome);
    const isMerged = fileIds !== undefined && clientId === undefined && outcome === undefined;
    const { ids, next } = isMerged
      ? mergeIds(fileIds, query)
      : findIds(conditionOf(clientId, outcome, fileIds ?? []), query);
    const rows = ids.flatMap((id) => entryOf.get(id) ?? []);
    return { entries: rows.map((row) => ({ ...row, outcome: COUNTED_OUTCOMES[row.outcome] ?? "other" })), next };
  }

  const [forgetOlder, forgetNewer] = ["<", ">"].map((than) =>
    client.prepare<{ client: number; file: number }, [number, number]>(
      `DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE id ${than} ? ORDER BY id LIMIT ?) RETURNING client, file`,
    ),
  );
  const [unusedFile, unusedClient] = (["file", "client"] as const).map((column) =>
    client.prepare<unknown, [number]>(
      `DELETE FROM ${column}s WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM requests WHERE ${column} = ?1)`,
    ),
  );

  function usedBytes(): number {
    const read = (pragma: string) =>
      Number(client.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get()?.[pragma]);
    return (read("page_count") - read("freelist_count")) * read("page_size");
  }

  return {
    add(batch) {
      client.transaction(() => {
        batch.forEach(put);
        addToTotal.run(batch.length);
      })();
    },
    page,
    filesOf(address, most) {
      const id = clients.idOf(address);
      if (id === undefined) return [];
      const text = `SELECT f.name AS file, count(*) AS requests, sum(bytes) AS bytes
        FROM (SELECT file, bytes FROM requests WHERE client = ? ORDER BY id DESC LIMIT ${MAX_COUNTED}) r JOIN files f ON f.id = r.file
        GROUP BY r.file ORDER BY requests DESC, f.name LIMIT ?`;
      return client.query<FileCount, [number, number]>(text).all(id, most);
    },
    forgetSome(oldest, newest) {
      const tooMany = (total.get()?.entries ?? 0) > MAX_ENTRIES || usedBytes() > MAX_FILE_BYTES;
      const rows = client.transaction(() => {
        const old = forgetOlder?.all(tooMany ? Number.MAX_SAFE_INTEGER : oldest, FORGOTTEN_AT_ONCE) ?? [];
        const gone = old.length > 0 ? old : (forgetNewer?.all(newest, FORGOTTEN_AT_ONCE) ?? []);
        for (const id of new Set(gone.map(({ file }) => file))) unusedFile?.run(id);
        for (const id of new Set(gone.map(({ client: one }) => one))) unusedClient?.run(id);
        addToTotal.run(-gone.length);
        return gone.length;
      })();
      return rows > 0;
    },
    close() {
      client.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      client.close();
    },
  };
}
