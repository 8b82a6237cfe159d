import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { COUNTED_OUTCOMES } from "../distfile/response-outcome.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import {
  type HistoryEntry,
  type HistoryQuery,
  openRequestHistory,
  type RequestHistoryFile,
} from "./request-history.ts";

let folder: TempFolder;
let path: string;
let history: RequestHistoryFile;

beforeEach(() => {
  folder = createTempFolder();
  path = folder.file("requests.sqlite");
  history = openRequestHistory(path);
});
afterEach(() => {
  history.close();
  folder.remove();
});

const ENTRY = {
  client: "192.0.2.1",
  method: "GET",
  file: "a.zip",
  outcome: "hit",
  detail: "hit",
  status: 200,
  bytes: 10,
  milliseconds: 1,
  source: "store",
} as const;
const ALL: HistoryQuery = { before: Number.MAX_SAFE_INTEGER, after: 0, limit: 50 };

/** Entries of three clients, five files and all outcomes, in the order of their ids. */
function manyEntries(count: number): HistoryEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    ...ENTRY,
    id: i + 1,
    client: `192.0.2.${i % 3}`,
    file: `${"abcde".charAt((i * 7) % 5)}.zip`,
    outcome: COUNTED_OUTCOMES[i % 11] ?? "hit",
  }));
}

function pageThrough(query: Partial<HistoryQuery>): number[] {
  const ids: number[] = [];
  let before = ALL.before;
  for (let pages = 0; pages < 10_000; pages++) {
    const { entries, next } = history.page({ ...ALL, ...query, before });
    ids.push(...entries.map(({ id }) => id));
    if (next === undefined) return ids;
    expect(next).toBeLessThan(before);
    before = next;
  }
  throw new Error("endless");
}

test("every filter, and all of them together, find what a look at all entries finds, page by page", () => {
  const entries = manyEntries(14_000);
  history.add(entries);
  const choices = {
    client: [undefined, "192.0.2.1", "192.0.2.9"],
    outcome: [undefined, "hit", "failed"],
    file: [undefined, "b", "b.zip", "x"],
    files: [undefined, ["c.zip"], ["a.zip", "b.zip", "never.zip"], []],
  } as const;
  for (const client of choices.client)
    for (const outcome of choices.outcome)
      for (const file of choices.file)
        for (const files of choices.files) {
          const fits = (entry: HistoryEntry) =>
            (client === undefined || entry.client === client) &&
            (outcome === undefined || entry.outcome === outcome) &&
            (file === undefined || entry.file.startsWith(file)) &&
            (files === undefined || (files as readonly string[]).includes(entry.file)) &&
            entry.id > 12_000;
          const expected = entries.filter(fits).map(({ id }) => id);
          const found = pageThrough({ client, outcome, file, files, after: 12_000, limit: 500 });
          expect([client, outcome, file, files, found]).toEqual([client, outcome, file, files, expected.toReversed()]);
        }
}, 30_000);

test("what is rare among many is found on a later page, and every page says where to go on", () => {
  history.add([{ ...ENTRY, id: 1, client: "192.0.2.7", outcome: "failed" }]);
  history.add(Array.from({ length: 30_000 }, (_, i) => ({ ...ENTRY, id: i + 2, client: "192.0.2.7" })));
  history.add(Array.from({ length: 30_000 }, (_, i) => ({ ...ENTRY, id: i + 50_000, outcome: "failed" as const })));
  expect(pageThrough({ client: "192.0.2.7", outcome: "failed" })).toEqual([1]);
});

test("entries come back as they were, but for hosts in place of URLs; those of one instant are all kept", () => {
  const odd = {
    ...ENTRY,
    method: "BREW",
    client: "2001:db8::1",
    source: "https://mirror.example.org:8443/distfiles/a.zip",
  };
  history.add([
    { ...odd, id: 5 },
    { ...ENTRY, id: 5 },
  ]);
  expect(history.page(ALL)).toEqual({
    entries: [
      { ...ENTRY, id: 6 },
      { ...odd, id: 5, method: "other", source: "mirror.example.org:8443" },
    ],
    next: undefined,
  });
});

test("the files of a client are counted", () => {
  history.add(manyEntries(1000));
  expect(history.filesOf("192.0.2.1", 2)).toEqual([
    { file: "c.zip", requests: 67, bytes: 670 },
    { file: "d.zip", requests: 67, bytes: 670 },
  ]);
  expect(history.filesOf("192.0.2.77", 2)).toEqual([]);
});

test("what is old, and what a wrong clock has put into the future, is forgotten in steps, with names that nobody else has", () => {
  history.add(Array.from({ length: 5000 }, (_, i) => ({ ...ENTRY, id: i + 1, file: `old-${i}.zip`, client: `c${i}` })));
  history.add([
    { ...ENTRY, id: 6000 },
    { ...ENTRY, id: 90_000, file: "future.zip" },
  ]);
  let steps = 0;
  while (history.forgetSome(5001, 80_000)) steps++;
  expect(steps).toBe(11);
  expect(history.page(ALL).entries.map(({ id }) => id)).toEqual([6000]);
  using database = new Database(path);
  expect(database.query("SELECT entries FROM totals").values()).toEqual([[1]]);
  const names = (table: string) => database.query(`SELECT name FROM ${table}`).values().flat();
  expect([names("files"), names("clients")]).toEqual([["a.zip"], ["192.0.2.1"]]);
});

test("it is its owner's alone; a damaged one, and one of another version, is replaced", () => {
  history.add([{ ...ENTRY, id: 1 }]);
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  history.close();
  history = openRequestHistory(path);
  expect(history.page(ALL).entries.length).toBe(1);
  history.close();
  const other = new Database(path);
  other.exec("PRAGMA user_version = 99");
  other.close();
  for (const spoil of [() => undefined, () => writeFileSync(path, "no database at all".repeat(100))]) {
    spoil();
    history = openRequestHistory(path);
    expect(history.page(ALL).entries).toEqual([]);
    history.add([{ ...ENTRY, id: 1 }]);
    history.close();
  }
  history = openRequestHistory(path);
});
