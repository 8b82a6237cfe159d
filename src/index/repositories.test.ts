import { beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { sql as drizzleSql } from "drizzle-orm";
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { distEntries } from "./manifests-schema.ts";
import { type IndexDatabase, openIndex } from "./open.ts";
import { createRepositoryRows, hasDigest, hasName, type RepositoryRows, wantedByQuery } from "./repositories.ts";

const A = "a".repeat(128);
const B = "b".repeat(128);
const A_BUT_LAST = `${"a".repeat(127)}0`;

let db: IndexDatabase;
let rows: RepositoryRows;

beforeEach(() => {
  db = openIndex(":memory:", join(import.meta.dir, "../../drizzle")).db;
  rows = createRepositoryRows(db);
});

const entry = (name: string, size: number, hashes: Partial<DistEntry> = {}): DistEntry => ({
  name: name as DistfileName,
  size,
  ...hashes,
});

function add(repositoryId: number, cp: string, ...entries: DistEntry[]): number {
  const [category = "", name = ""] = cp.split("/");
  return rows.replace(repositoryId, [{ category, package: name, stamp: "s", entries }]);
}

const repository = (name: string) => ({ name, location: `/trees/${name}` });
const byName = (name: string) => rows.entriesByName(name as DistfileName);
const packagesOf = (found: ReturnType<typeof byName>) =>
  found.map((by) => `${by.repository}:${by.category}/${by.package}`);

test("look-ups come in the order of the repositories, then of categories and packages", () => {
  const [second = 0, first = 0] = rows.configure([repository("second"), repository("first")]);
  add(second, "x/b", entry("f", 1, { blake2b: A }));
  add(second, "x/a", entry("f", 1, { blake2b: A }));
  add(second, "a/z", entry("f", 1, { blake2b: A }));
  add(first, "z/z", entry("f", 1, { blake2b: A }));
  expect(packagesOf(byName("f"))).toEqual(["second:a/z", "second:x/a", "second:x/b", "first:z/z"]);
  expect(rows.configure([repository("first"), repository("second")])).toEqual([first, second]);
  const order = ["first:z/z", "second:a/z", "second:x/a", "second:x/b"];
  expect(packagesOf(byName("f"))).toEqual(order);
  expect(packagesOf(rows.entriesByDigest(A))).toEqual(order);
});

test("an entry comes back as it went in", () => {
  const [id = 0] = rows.configure([repository("t")]);
  const entries = [
    entry("github.com%2Fx%2F@v%2Fv1.zip", 17_263_615_692, { blake2b: A, sha512: B }),
    entry("sha-only", 1, { sha512: A }),
    entry("size-only", 2),
  ];
  add(id, "c/p", ...entries);
  for (const one of entries) {
    const where = { repository: "t", location: "/trees/t", category: "c", package: "p" };
    expect(byName(one.name)).toEqual([{ ...where, entry: one }]);
  }
  expect(byName("SHA-only")).toEqual([]);
});

test("a digest is found as BLAKE2B and as SHA512, whole, once per package", () => {
  const [id = 0] = rows.configure([repository("t")]);
  add(id, "c/one", entry("x", 1, { blake2b: A, sha512: B }));
  add(id, "c/two", entry("y", 1, { blake2b: B, sha512: A }));
  add(id, "c/near", entry("z", 1, { blake2b: A_BUT_LAST, sha512: A_BUT_LAST }));
  add(id, "c/both", entry("w", 1, { blake2b: A, sha512: A }));
  expect(packagesOf(rows.entriesByDigest(A))).toEqual(["t:c/both", "t:c/one", "t:c/two"]);
  expect(packagesOf(rows.entriesByDigest(A_BUT_LAST))).toEqual(["t:c/near"]);
  expect(rows.entriesByDigest("")).toEqual([]);
});

test("replacing a package leaves the new entries alone, and tells whether they differ from the old", () => {
  const [id = 0] = rows.configure([repository("t")]);
  const keep = entry("keep", 1, { blake2b: A });
  expect(add(id, "c/p", keep, entry("gone", 2), entry("resized", 3), entry("rehashed", 4, { blake2b: A }))).toBe(1);
  const now = [keep, entry("resized", 33), entry("rehashed", 4, { blake2b: B }), entry("new", 5)];
  expect(add(id, "c/p", ...now)).toBe(1);
  expect(add(id, "c/p", ...now.toReversed())).toBe(0);
  expect(now.map(({ name }) => byName(name).map((by) => by.entry))).toEqual(now.map((one) => [one]));
  expect(byName("gone")).toEqual([]);
  expect(rows.counts()).toEqual({ packages: 1, distfiles: 4 });
  expect(add(id, "c/p")).toBe(1);
  expect(add(id, "c/q")).toBe(0);
  expect(rows.counts()).toEqual({ packages: 2, distfiles: 0 });
});

test("stamps are kept by package, and removed with it", () => {
  const [id = 0, other = 0] = rows.configure([repository("t"), repository("other")]);
  add(other, "c/p", entry("f", 1));
  rows.replace(id, [
    { category: "c", package: "p", stamp: "1:2:3", entries: [entry("f", 1)] },
    { category: "c", package: "q", stamp: "4", entries: [] },
    { category: "d", package: "p", stamp: "5", entries: [] },
  ]);
  expect(rows.categories(id).toSorted()).toEqual(["c", "d"]);
  expect([...rows.packages(id, "c")]).toEqual([
    ["p", { stamp: "1:2:3", distfiles: 1 }],
    ["q", { stamp: "4", distfiles: 0 }],
  ]);
  rows.remove(id, "c", ["p", "never-there"]);
  expect([...rows.packages(id, "c").keys()]).toEqual(["q"]);
  expect(packagesOf(byName("f"))).toEqual(["other:c/p"]);
});

test("a repository that is no longer configured wants nothing any more; a renamed one keeps it", () => {
  const [stays = 0, goes = 0] = rows.configure([repository("stays"), repository("goes")]);
  add(stays, "c/p", entry("f", 1));
  add(goes, "c/p", entry("f", 1), entry("g", 1));
  expect(rows.configure([{ name: "renamed", location: "/trees/stays" }])).toEqual([stays]);
  expect(packagesOf(byName("f"))).toEqual(["renamed:c/p"]);
  expect(rows.counts()).toEqual({ packages: 1, distfiles: 1 });
  // Its id is nobody else's as long as anything of it is there.
  const [, other = 0] = rows.configure([repository("stays"), repository("other")]);
  expect([other > goes, packagesOf(byName("g"))]).toEqual([true, []]);
  while (rows.prune(rows.ids())) expect(packagesOf(byName("f"))).toEqual(["stays:c/p"]);
  expect(db.select().from(distEntries).all()).toHaveLength(1);
  rows.configure([]);
  expect(rows.counts()).toEqual({ packages: 0, distfiles: 0 });
});

test("a batch that fails changes nothing", () => {
  const [id = 0] = rows.configure([repository("t")]);
  add(id, "c/p", entry("f", 1));
  const broken = { ...entry("h", 1), name: null } as unknown as DistEntry;
  expect(() =>
    rows.replace(id, [
      { category: "c", package: "p", stamp: "n", entries: [entry("g", 1)] },
      { category: "c", package: "q", stamp: "n", entries: [broken] },
    ]),
  ).toThrow();
  expect(packagesOf(byName("f"))).toEqual(["t:c/p"]);
  expect(byName("g")).toEqual([]);
  expect(rows.packages(id, "c").get("p")?.stamp).toBe("s");
});

test.each([
  ["name", hasName, ["dist_entries_name"]],
  ["digest", hasDigest, ["dist_entries_blake2b", "dist_entries_sha512"]],
])("a look-up by %s goes by index, at every table", (_, condition, indexes) => {
  const { sql } = wantedByQuery(db, condition).toSQL();
  const plan = db.all<{ detail: string }>(drizzleSql.raw(`EXPLAIN QUERY PLAN ${sql}`)).map(({ detail }) => detail);
  for (const index of indexes) expect(plan.filter((line) => line.includes(`USING INDEX ${index} `))).toHaveLength(1);
  expect(plan.filter((line) => line.startsWith("SCAN"))).toEqual([]);
});
